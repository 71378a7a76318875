//! Many terminals for a long time: `magia-bench soak [--terminals 30] [--minutes 10]`, `make soak`.
//!
//! Each terminal's program writes lines, paints and pauses by chance, and keeps a hash of what it wrote. One client per
//! terminal hashes what arrives from the first byte on; others come, resize, type, stop reading and go. From time to time they
//! stay away and memory is looked at. In the end the hashes are equal, no holder has grown, and none has a zombie.

use std::cell::Cell;
use std::fs;
use std::io::{self, Write};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use magia_protocol::process::ProcessStat;
use magia_tests::Sandbox;
use magia_tty::client::{connect, errand};
use magia_tty::wire::{ClientKind, Format, FromHolder, Hello};
use magia_tty::{Size, StartOptions, Started, start};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use crate::app::Programs;

/// The argument that makes this program write into a terminal.
pub const WRITER: &str = "soak-output";
const STORMERS: u64 = 8;
/// The size that every terminal has while its holder's memory is looked at: what it keeps depends on it.
const SIZE: Size = Size::new(120, 40);
/// How often memory is looked at; the first time when all buffers have had their usual sizes.
const SAMPLES: u32 = 6;
/// How long the clients are away before that.
const CALM: Duration = Duration::from_secs(4);
/// How much a holder may have grown from the first look to the last.
const GROWTH_MAX_KIB: u64 = 2048;
/// How much all together may grow, by the line through the looks, in a minute and for each holder.
const SLOPE_MAX_KIB: f64 = 64.0;
/// How long a client waits for something to be said: one that has paused hears nothing.
const HEAR_LIMIT: Duration = Duration::from_millis(500);

/// FNV-1a, 64 bits: enough to see a byte that is missing or twice there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hash(u64);

impl Hash {
    const START: Self = Self(0xcbf2_9ce4_8422_2325);

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// xorshift: the same every time for the same seed.
pub struct Chance(u64);

impl Chance {
    /// One of many.
    pub fn of(number: u64) -> Self {
        Self((number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// A number from 0 on that is less than `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end.max(1)
    }
}

/// The program in a terminal: `soak-output SEED SECONDS FILE`. The file gets the length and hash of what it wrote.
pub fn write_output(words: &[String]) -> Result<()> {
    let [seed, seconds, file] = words else { bail!("usage: {WRITER} SEED SECONDS FILE") };
    let mut chance = Chance(seed.parse::<u64>()? * 2 + 1);
    let end = Instant::now() + Duration::from_secs(seconds.parse()?);
    let stdout = io::stdout();
    // SAFETY: all zeros is a valid termios, which the calls fill and read; the descriptor is open.
    unsafe {
        let mut modes: libc::termios = std::mem::zeroed();
        libc::tcgetattr(stdout.as_raw_fd(), &raw mut modes);
        libc::cfmakeraw(&raw mut modes);
        libc::tcsetattr(stdout.as_raw_fd(), libc::TCSANOW, &raw const modes);
    }
    let (mut hash, mut length, mut number) = (Hash::START, 0_u64, 0_u64);
    let mut piece = Vec::new();
    while Instant::now() < end {
        piece.clear();
        match chance.below(10) {
            0 => (0..3000).try_for_each(|_| {
                number += 1;
                writeln!(piece, "line {number} \u{1b}[32mof many\u{1b}[m €\r")
            })?,
            1 => write!(piece, "\u{1b}[?1049h\u{1b}[2J\u{1b}[5;5Hfull screen {number}\u{1b}[?1049l")?,
            _ => write!(piece, "\r\u{1b}[2K\u{1b}[36m{} working\u{1b}[m", chance.below(1_000_000))?,
        }
        stdout.lock().write_all(&piece)?;
        hash.add(&piece);
        length += piece.len() as u64;
        std::thread::sleep(Duration::from_millis(chance.below(200)));
    }
    stdout.lock().flush()?;
    fs::write(file, format!("{length} {}", hash.0)).context("writing the hash")
}

/// Runs it; what it found is printed.
pub fn run(words: &[String]) -> Result<()> {
    let (mut terminals, mut minutes) = (30_u64, 10.0_f64);
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let value = rest.next().with_context(|| format!("{word} needs a number"))?;
        match word.as_str() {
            "--terminals" => terminals = value.parse()?,
            "--minutes" => minutes = value.parse()?,
            _ => bail!("usage: magia-bench soak [--terminals 30] [--minutes 10]"),
        }
    }
    let length = Duration::from_secs_f64(minutes * 60.0);
    let sandbox = Sandbox::new()?;
    let exe = Programs::find()?.path("magia")?;
    let own = std::env::current_exe().context("finding this program")?;
    let mut held = Vec::new();
    for seed in 1..=terminals {
        let file = sandbox.work().join(format!("hash-{seed}"));
        held.push((begin(&sandbox, &exe, &own, seed, length, &file)?, file));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let told = LocalSet::new().block_on(&runtime, soak(held, length))?;
    writeln!(io::stdout(), "{told}")?;
    Ok(())
}

fn begin(
    sandbox: &Sandbox,
    exe: &Path,
    own: &Path,
    seed: u64,
    length: Duration,
    file: &Path,
) -> Result<Started> {
    let env = sandbox.env().into_iter().map(|(name, value)| (name.into(), value.into()));
    let words = [seed.to_string(), length.as_secs().to_string()];
    let mut argv = vec![own.as_os_str().to_owned(), WRITER.into()];
    argv.extend(words.map(Into::into));
    argv.push(file.into());
    Ok(start(StartOptions {
        id: None,
        name: None,
        argv,
        cwd: sandbox.work(),
        env: env.collect(),
        size: SIZE,
        exe: exe.to_owned(),
        root: sandbox.root().join("terminals"),
    })?)
}

/// What the clients that come and go are told, and tell.
#[derive(Default)]
struct Storm {
    is_over: Cell<bool>,
    /// They are to stay away.
    is_calm: Cell<bool>,
    here: Cell<usize>,
    visits: Cell<u64>,
}

async fn soak(held: Vec<(Started, PathBuf)>, length: Duration) -> Result<String> {
    let state = Rc::new(Storm::default());
    let dirs: Rc<[PathBuf]> = held.iter().map(|(terminal, _)| terminal.dir.clone()).collect();
    let watchers: Vec<_> =
        held.iter().map(|(terminal, _)| spawn_local(watch(terminal.dir.clone()))).collect();
    for seed in 1..=STORMERS {
        spawn_local(storm(Rc::clone(&dirs), Chance(seed * 77), Rc::clone(&state)));
    }
    let begun = Instant::now();
    let mut looks = Vec::new();
    for look in 0..SAMPLES {
        // The first after a fifth of the time, the last while the programs still write.
        let due = length.mul_f64(0.2 + 0.75 * f64::from(look) / f64::from(SAMPLES - 1));
        sleep(due.saturating_sub(begun.elapsed())).await;
        let sizes = calm_memory(&held, &state).await?;
        let mean = sizes.iter().sum::<u64>() / sizes.len().max(1) as u64;
        let most = sizes.iter().max().copied().unwrap_or(0);
        writeln!(io::stderr(), "{:.0} s: {mean} KiB, at most {most}", begun.elapsed().as_secs_f64())?;
        looks.push((begun.elapsed().as_secs_f64() / 60.0, sizes));
    }
    state.is_over.set(true);
    let (mut bytes, mut wrong) = (0, Vec::new());
    for (watcher, (terminal, file)) in watchers.into_iter().zip(&held) {
        let (length, hash) = watcher.await??;
        let expected = fs::read_to_string(file).context("reading a program's hash")?;
        if expected != format!("{length} {}", hash.0) {
            wrong.push(format!("{}: {length} bytes, hash {}, written {expected}", terminal.id, hash.0));
        }
        bytes += length;
    }
    ensure!(wrong.is_empty(), "output was lost:\n{}", wrong.join("\n"));
    let zombies: usize = held.iter().map(|(terminal, _)| children(terminal.holder_pid)).sum();
    ensure!(zombies == 0, "{zombies} children are left of programs that have ended");
    let (Some((_, first)), Some((_, last))) = (looks.first(), looks.last()) else { bail!("nobody looked") };
    let growth = last.iter().zip(first).map(|(late, early)| late.saturating_sub(*early)).max().unwrap_or(0);
    let slope = slope(&looks);
    ensure!(growth <= GROWTH_MAX_KIB, "a holder has grown by {growth} KiB: {looks:?}");
    ensure!(slope <= SLOPE_MAX_KIB, "a holder grows by {slope:.1} KiB a minute: {looks:?}");
    Ok(format!(
        "{} terminals, {:.0} s, {} MiB, {} visits: no byte lost, no zombie, memory {} to {} KiB, growth at most {growth} \
         KiB, on average {slope:.1} KiB a minute",
        held.len(),
        length.as_secs_f64(),
        bytes / (1024 * 1024),
        state.visits.get(),
        last.iter().min().unwrap_or(&0),
        last.iter().max().unwrap_or(&0),
    ))
}

/// The memory of every holder, while no client but the watchers is there and all terminals have one size.
async fn calm_memory(held: &[(Started, PathBuf)], state: &Storm) -> Result<Vec<u64>> {
    state.is_calm.set(true);
    while state.here.get() > 0 {
        sleep(Duration::from_millis(10)).await;
    }
    for (terminal, _) in held {
        errand::resize(&terminal.dir, SIZE).await?;
    }
    sleep(CALM).await;
    let sizes = memory(held);
    state.is_calm.set(false);
    sizes
}

/// Least squares through the means: KiB a minute.
fn slope(looks: &[(f64, Vec<u64>)]) -> f64 {
    let mean = |sizes: &[u64]| sizes.iter().sum::<u64>() as f64 / sizes.len().max(1) as f64;
    let points: Vec<(f64, f64)> = looks.iter().map(|(minutes, sizes)| (*minutes, mean(sizes))).collect();
    crate::stats::slope(&points)
}

/// Takes all output of a terminal: its length and hash.
async fn watch(dir: PathBuf) -> Result<(u64, Hash)> {
    let hello = Hello { from_start: true, read_only: true, ..Hello::new(ClientKind::Script, Format::Ansi) };
    let (mut reader, _writer) = connect(&dir, hello).await?;
    let (mut place, mut hash) = (0, Hash::START);
    loop {
        match reader.next().await?.context("the holder hung up")? {
            FromHolder::Output { seq, bytes } => {
                ensure!(seq == place, "output goes on at {seq}, not at {place}");
                place += bytes.len() as u64;
                hash.add(&bytes);
            }
            FromHolder::Snapshot { seq, .. } => {
                bail!("resynced at {seq}: this machine is too slow for so many")
            }
            FromHolder::Exit(_) => return Ok((place, hash)),
            _ => {}
        }
    }
}

/// Comes, does something, goes.
async fn storm(dirs: Rc<[PathBuf]>, mut chance: Chance, state: Rc<Storm>) {
    while !state.is_over.get() {
        let at = chance.below(dirs.len() as u64) as usize;
        if let Some(dir) = dirs.get(at).filter(|_| !state.is_calm.get()) {
            state.here.set(state.here.get() + 1);
            // A terminal may end meanwhile, which the watcher judges.
            drop(visit(dir, &mut chance).await);
            state.here.set(state.here.get() - 1);
            state.visits.set(state.visits.get() + 1);
        }
        sleep(Duration::from_millis(chance.below(30))).await;
    }
}

async fn visit(dir: &Path, chance: &mut Chance) -> Result<()> {
    let size = |chance: &mut Chance| Size::new(20 + chance.below(180) as u16, 5 + chance.below(60) as u16);
    let hello = Hello { focus: chance.below(2) == 0, ..Hello::window(size(chance)) };
    let (mut reader, mut writer) = connect(dir, hello).await?;
    for _ in 0..chance.below(6) {
        match chance.below(5) {
            0 => writer.resize(size(chance)).await?,
            1 => writer.focus().await?,
            2 => writer.pause(chance.below(2) == 0).await?,
            3 => drop(errand::text(dir).await?),
            // Not reading is what some clients do.
            _ => sleep(Duration::from_millis(chance.below(300))).await,
        }
        if let Ok(said) = timeout(HEAR_LIMIT, reader.next()).await {
            said?;
        }
    }
    Ok(())
}

fn memory(held: &[(Started, PathBuf)]) -> Result<Vec<u64>> {
    let of = |(terminal, _): &(Started, PathBuf)| {
        let path = format!("/proc/{}/status", terminal.holder_pid);
        let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        let kib = text
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.trim().parse().ok());
        kib.with_context(|| format!("{path} says no memory"))
    };
    held.iter().map(of).collect()
}

/// How many children a holder has, zombies too; none once its program has ended.
fn children(holder: u32) -> usize {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| ProcessStat::read(*pid).is_some_and(|stat| stat.parent_pid == holder)).count()
}

//! A private place for each test, and what is done with terminals in it.

use magia_tty::client::{Reader, Writer, connect};
use magia_tty::directory::SessionRecord;
use magia_tty::screen::Screen;
use magia_tty::wire::{ClientKind, Exit, Format, FromHolder, Hello};
use magia_tty::{Size, StartError, StartOptions, Started, TerminalId, Tuning, start_tuned};
use std::cell::RefCell;
use std::ffi::OsString;
use std::future::Future;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a fact may take before a test gives up on it; a test that passes never waits this long.
pub const PATIENCE: Duration = Duration::from_secs(120);
pub const SIZE: Size = Size::new(80, 24);

/// A directory of terminals of one test; everything in it ends with it.
pub struct Place {
    dir: TempDir,
    started: RefCell<Vec<Started>>,
    pub tuning: Tuning,
    pub size: Size,
}

impl Place {
    pub fn new() -> Self {
        // A short path, for the sockets in it.
        let dir = tempfile::Builder::new().prefix("mg-").tempdir_in("/tmp").unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let tuning = Tuning { grace: Duration::from_millis(500), ..Tuning::default() };
        Self { dir, started: RefCell::default(), tuning, size: SIZE }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn root(&self) -> PathBuf {
        self.dir.path().join("terminals")
    }

    pub fn options(&self, argv: &[&str]) -> StartOptions {
        StartOptions {
            id: None,
            name: None,
            argv: argv.iter().map(OsString::from).collect(),
            cwd: self.dir.path().to_owned(),
            env: vec![
                ("HOME".into(), self.dir.path().into()),
                ("PS1".into(), "$ ".into()),
                ("ENV".into(), "".into()),
            ],
            size: self.size,
            exe: env!("CARGO_BIN_EXE_magia-tty-holder").into(),
            root: self.root(),
        }
    }

    pub fn try_start(&self, options: &StartOptions) -> Result<Started, StartError> {
        let started = start_tuned(options, self.tuning)?;
        self.started.borrow_mut().push(started.clone());
        Ok(started)
    }

    pub fn start(&self, argv: &[&str]) -> Started {
        self.try_start(&self.options(argv)).unwrap()
    }

    /// Starts a shell command line.
    pub fn sh(&self, script: &str) -> Started {
        self.start(&["/bin/sh", "-c", script])
    }

    pub fn id(text: &str) -> TerminalId {
        TerminalId::new(text).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for started in self.started.borrow().iter() {
            for pid in session(started.pid) {
                signal(pid, libc::SIGKILL);
            }
            // Its id is still its own only while its record says so.
            let record = SessionRecord::read(&started.dir);
            if record.is_ok_and(|record| start_time(record.holder_pid) == Some(record.holder_start_time)) {
                signal(started.holder_pid, libc::SIGKILL);
            }
        }
    }
}

pub fn record(started: &Started) -> SessionRecord {
    SessionRecord::read(&started.dir).unwrap()
}

pub fn signal(pid: u32, signal: i32) {
    // SAFETY: takes two integers.
    unsafe { libc::kill(pid as i32, signal) };
}

pub fn start_time(pid: u32) -> Option<u64> {
    magia_protocol::process::process_start_ticks(pid)
}

fn pids() -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn stat(pid: u32) -> Option<magia_protocol::process::ProcessStat> {
    magia_protocol::process::ProcessStat::read(pid)
}

/// The processes of a session, zombies too.
pub fn session(leader: u32) -> Vec<u32> {
    pids().into_iter().filter(|pid| stat(*pid).is_some_and(|stat| stat.session_id == leader)).collect()
}

/// The children of a process, zombies too.
pub fn children(parent: u32) -> Vec<u32> {
    pids().into_iter().filter(|pid| stat(*pid).is_some_and(|stat| stat.parent_pid == parent)).collect()
}

pub fn is_alive(pid: u32) -> bool {
    stat(pid).is_some_and(|stat| !stat.is_zombie)
}

/// Asks until the fact gives a value; the pauses are `poll(2)` on nothing.
#[track_caller]
pub fn wait_until<T>(what: &str, mut fact: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = fact() {
            return value;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain for: {what}");
        // SAFETY: no descriptors are passed.
        unsafe { libc::poll(std::ptr::null_mut(), 0, 10) };
    }
}

/// Runs a test's conversation.
#[track_caller]
pub fn talk<T>(conversation: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(PATIENCE, conversation).await.expect("a conversation in time")
    })
}

/// A client that sees everything.
pub struct Viewer {
    pub reader: Reader,
    pub writer: Writer,
    /// The screen of the last snapshot, as far as it is text.
    pub shown: String,
    /// All output since.
    pub output: Vec<u8>,
    /// The place of the next output.
    pub seq: u64,
    pub snapshots: usize,
    pub size: Option<Size>,
    pub is_owner: bool,
    pub exit: Option<Exit>,
    pub faults: Vec<String>,
}

impl Viewer {
    pub async fn new(started: &Started, hello: Hello) -> Self {
        let (reader, writer) = connect(&started.dir, hello).await.unwrap();
        Self {
            reader,
            writer,
            shown: String::new(),
            output: Vec::new(),
            seq: 0,
            snapshots: 0,
            size: None,
            is_owner: false,
            exit: None,
            faults: Vec::new(),
        }
    }

    pub async fn window(started: &Started, size: Size) -> Self {
        Self::new(started, Hello::window(size)).await
    }

    /// From the very first byte on, if nobody was here before.
    pub async fn from_start(started: &Started) -> Self {
        let hello = Hello { from_start: true, ..Hello::new(ClientKind::Terminal, Format::Ansi) };
        Self::new(started, hello).await
    }

    /// Takes what comes next; false at the end.
    pub async fn step(&mut self) -> bool {
        match self.reader.next().await.unwrap() {
            None => return false,
            Some(FromHolder::Snapshot { seq, format, data }) => {
                self.seq = seq;
                self.shown = match format {
                    Format::State => Screen::restore(&data, 0).unwrap().text(false).replace('\n', "\r\n"),
                    _ => String::from_utf8_lossy(&data).into_owned(),
                };
                self.snapshots += 1;
                self.output.clear();
            }
            Some(FromHolder::Output { seq, bytes }) => {
                assert_eq!(seq, self.seq, "no gap and no overlap");
                self.seq += bytes.len() as u64;
                self.output.extend_from_slice(&bytes);
            }
            Some(FromHolder::Resized(size)) => self.size = Some(size),
            Some(FromHolder::Role(role)) => self.is_owner = role.owner,
            Some(FromHolder::Exit(exit)) => self.exit = Some(exit),
            Some(FromHolder::Error(fault)) => self.faults.push(fault.code),
            Some(_) => {}
        }
        true
    }

    /// Goes on until it is as wanted.
    pub async fn until(&mut self, what: &str, fact: impl Fn(&Self) -> bool) {
        while !fact(self) {
            assert!(self.step().await, "hung up before: {what}\n{}", self.text());
        }
    }

    pub async fn until_text(&mut self, text: &str) {
        self.until(text, |it| it.text().contains(text)).await;
    }

    pub async fn until_exit(&mut self) -> Exit {
        self.until("the program's end", |it| it.exit.is_some()).await;
        self.exit.unwrap()
    }

    pub fn text(&self) -> String {
        format!("{}{}", self.shown, String::from_utf8_lossy(&self.output))
    }

    pub async fn type_in(&mut self, text: &str) {
        self.writer.input(text.as_bytes()).await.unwrap();
    }
}

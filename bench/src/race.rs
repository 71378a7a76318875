//! Whole processes against each other: start to end, in turns, started by the small launcher.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use magia_tests::Sandbox;

use crate::stats::Samples;

/// How one command of a race did.
#[derive(Debug, Clone, Default)]
pub struct Runner {
    /// Start to end, in milliseconds.
    pub wall_ms: Samples,
    /// Peak memory, in MiB.
    pub peak_mib: Samples,
}

/// Rounds more than asked for, which are not counted: they warm caches.
pub const WARM_UP: usize = 5;

/// Runs each command `rounds` times, in turns, with the file `stdin` as its stdin and the sandbox's
/// environment, after [`WARM_UP`]. A command that fails ends the race.
pub fn race<const N: usize>(
    sandbox: &Sandbox,
    launcher: &Path,
    rounds: usize,
    stdin: &Path,
    commands: [Vec<OsString>; N],
) -> Result<[Runner; N]> {
    let mut command: Command = sandbox.command(launcher);
    command.arg((rounds + WARM_UP).to_string()).arg(stdin);
    for argv in &commands {
        command.arg("--").args(argv);
    }
    let output = command.output().with_context(|| format!("running {}", launcher.display()))?;
    if !output.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let mut samples: [(Vec<f64>, Vec<f64>); N] = std::array::from_fn(|_| Default::default());
    for line in String::from_utf8(output.stdout)?.lines().skip(WARM_UP * N) {
        let numbers: Vec<u64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        let [number, nanoseconds, kib, status] = numbers[..] else { bail!("the launcher said {line:?}") };
        let number = usize::try_from(number)?;
        let (wall, peak) = samples.get_mut(number).context("the launcher counts wrong")?;
        if status != 0 {
            bail!("{:?} ended with wait status {status}", commands.get(number));
        }
        wall.push(nanoseconds as f64 / 1e6);
        peak.push(kib as f64 / 1024.0);
    }
    Ok(samples.map(|(wall, peak)| Runner { wall_ms: Samples::new(wall), peak_mib: Samples::new(peak) }))
}

/// A command out of words.
pub fn argv<const N: usize>(words: [&str; N]) -> Vec<OsString> {
    words.map(OsString::from).to_vec()
}

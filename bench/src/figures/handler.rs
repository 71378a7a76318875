//! The hook handler as a whole process, against an empty one and against a shell with netcat.

use std::path::Path;

use anyhow::{Context, Result, bail};
use magia_protocol::paths::Socket;
use magia_tests::{PATIENCE, Sandbox, wait_until};

use crate::app::Programs;
use crate::events::{Agent, sized_payload};
use crate::race::{Runner, WARM_UP, argv, race};
use crate::sink::Sink;
use crate::table::Row;

const ROUNDS: usize = 500;
const SIZES: [(&str, usize); 2] = [("1 KB", 1024), ("200 KB", 200 * 1024)];

/// Both sizes, one race each.
pub fn measure(programs: &Programs) -> Result<Vec<Row>> {
    let sandbox = Sandbox::new()?;
    let runtime = sandbox.runtime_dir();
    make_private_dir(&runtime)?;
    let socket = Socket::Hooks.path_in(&runtime)?;
    let launcher = programs.path("magia-bench-launcher")?;
    let handler = programs.path("magia-hook-handler")?.to_string_lossy().into_owned();
    let agent = Agent::start(&sandbox, 0)?;

    let mut rows = Vec::new();
    let mut peaks = Vec::new();
    let event = sandbox.root().join("event.json");
    for (size, bytes) in SIZES {
        std::fs::write(&event, sized_payload(&agent, bytes)?).context("writing the event")?;
        let sink = Sink::start(&socket, bytes as u64)?;
        let netcat = format!("exec nc -N -U {}", socket.display());
        let commands = [
            argv(["/bin/true"]),
            argv([handler.as_str(), "--provider", "claude", "--event", "PostToolUse"]),
            argv(["/bin/sh", "-c", netcat.as_str()]),
        ];
        let [empty, ours, shell] = race(&sandbox, &launcher, ROUNDS, &event, commands)?;
        // The handler's and netcat's: who delivers nothing is quick.
        let sent = 2 * (ROUNDS + WARM_UP) as u64;
        let (_, short) = wait_until("every event", PATIENCE, || {
            Some(sink.counts()).filter(|(whole, short)| whole + short == sent)
        })?;
        if short > 0 {
            bail!("{short} events of {size} did not arrive whole");
        }
        peaks.push((size, ours.peak_mib.max()));
        rows.push(row(size, &ours, &empty, &shell));
    }
    let least = floor(&sandbox, &launcher, &event)?;
    let shown: Vec<String> = peaks.iter().map(|(size, peak)| format!("{size} {peak:.2} MiB")).collect();
    let figures = format!("{} (the least that can be seen: {least:.2})", shown.join(", "));
    let met = peaks.iter().all(|(_, peak)| *peak <= 1.2);
    rows.push(Row::new("hook handler, peak memory", figures, "<= 1.2 MiB", met));
    Ok(rows)
}

fn row(size: &str, ours: &Runner, empty: &Runner, shell: &Runner) -> Row {
    let [ours, empty, shell] = [ours, empty, shell].map(|runner| runner.wall_ms.p50());
    let (to_empty, to_shell) = (ours / empty, ours / shell);
    let name = format!("hook handler, {size} event, start to end");
    let figures = format!(
        "p50 {ours:.3} ms = {to_empty:.2}x /bin/true ({empty:.3}), {to_shell:.2}x sh+nc ({shell:.3}); n={ROUNDS}"
    );
    match size {
        "1 KB" => {
            Row::new(name, figures, "<= 1.1x /bin/true, <= 0.40x sh+nc", to_empty <= 1.1 && to_shell <= 0.40)
        }
        _ => Row::new(name, figures, "<= 1.5x /bin/true", to_empty <= 1.5),
    }
}

/// What an even smaller process would show: the kernel counts the launcher's own pages as well.
fn floor(sandbox: &Sandbox, launcher: &Path, stdin: &Path) -> Result<f64> {
    let own = vec![launcher.as_os_str().to_owned(), "0".into(), "/dev/null".into()];
    let [least] = race(sandbox, launcher, 5, stdin, [own])?;
    Ok(least.peak_mib.max())
}

fn make_private_dir(dir: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().mode(0o700).create(dir).with_context(|| format!("making {}", dir.display()))
}

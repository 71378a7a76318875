//! A window takes over from a magia without one and hands back: gates, sockets, connections in the middle of a line and
//! subscribers go on, and whoever dies on the way, the other serves.

#![allow(clippy::indexing_slicing, reason = "a test may fail")]

use anyhow::{Context, Result, bail};
use magia_protocol::ipc::{connect_blocking, pass};
use magia_protocol::paths::{InstanceLock, Socket, takeover_socket};
use magia_protocol::process::process_start_ticks;
use magia_tests::http::Http;
use magia_tests::{
    App, Cli, Display, PATIENCE, Program, Sandbox, ScriptedAgent, Window, binary, magia, sandbox_test, text,
    wait_until,
};
use serde_json::{Value, json};
use std::io::Write as _;
use std::net::TcpListener;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc;
use std::time::Duration;

/// Between two hooks of a stream; a busy machine's agents are slower.
const HOOK_GAP: Duration = Duration::from_millis(6);
/// Hooks that a stream has at least.
const HOOKS: usize = 600;

fn command(command: &str) -> Value {
    json!({ "command": command })
}

/// Waits until the process `pid` serves.
fn served_by(cli: Cli<'_>, pid: u32) -> Result<Value> {
    wait_until(&format!("process {pid} to serve"), PATIENCE, || {
        cli.json(&["status"]).ok().filter(|status| status["pid"] == pid)
    })
    .with_context(|| format!("status: {:?}", cli.run(&["status", "--json"])))
}

/// The one open request must be this one.
fn still_asked(cli: Cli<'_>, id: &Value) -> Result<()> {
    let open = cli.rows(&["permissions"])?;
    assert_eq!(open.iter().map(|row| &row["id"]).collect::<Vec<_>>(), [id], "{open:#?}");
    Ok(())
}

fn connect(sandbox: &Sandbox, socket: Socket) -> Result<UnixStream> {
    Ok(connect_blocking(&socket.path_in(&sandbox.runtime_dir())?, PATIENCE)?)
}

/// A hook's line, as the handler writes it.
fn hook_line(session: &str, number: usize, filler: usize) -> String {
    let payload = json!({
        "session_id": session, "cwd": "/tmp", "hook_event_name": "PostToolUse", "tool_name": "Read",
        "tool_input": { "file_path": format!("/tmp/{number}") }, "tool_response": "x".repeat(filler),
        "tool_use_id": format!("use-{number}"),
    });
    format!("{}\n", json!({ "v": 1, "provider": "claude", "event": "PostToolUse", "payload": payload }))
}

/// The numbers of the hooks of [`hook_line`] that arrived of a session, in order.
fn arrived(cli: Cli<'_>, session: &str) -> Result<Vec<usize>> {
    let rows = cli.rows(&["events", "--limit", "10000"])?;
    let of_calls = rows.iter().filter(|row| {
        row["event"] == "PostToolUse" && row.pointer("/payload/session_id") == Some(&session.into())
    });
    let number = |row: &Value| {
        let id = row.pointer("/payload/tool_use_id").and_then(Value::as_str);
        id.and_then(|id| id.strip_prefix("use-")?.parse().ok()).context("a call without a number")
    };
    of_calls.map(number).collect()
}

#[test]
fn a_gate_outlives_the_window_that_took_it_over() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let mut app = App::start(sandbox)?;
        let mut agent = ScriptedAgent::start(sandbox, "agent-one")?;
        agent.begin("Tidy the cellar")?;
        let asked = agent.ask("Bash", &command("touch one"))?;
        let first = cli.wait_for_request()?;
        let session = text(&first, "session").to_owned();
        let mut half = connect(sandbox, Socket::Hooks)?;
        let line = hook_line("agent-two", 1, 200_000);
        half.write_all(&line.as_bytes()[..100_000])?;
        let mut client = connect(sandbox, Socket::Cli)?;
        client.write_all(b"{\"id\":1,\"method\":\"sta")?;

        let mut window = Window::start(sandbox, &display)?;
        let status = served_by(cli, window.pid())?;
        assert_eq!((&status["headless"], &status["standby"]), (&json!(false), &json!(app.pid())));
        still_asked(cli, &first["id"])?;
        window.wait_for("Button", "Allow Bash: touch one")?;
        half.write_all(&line.as_bytes()[100_000..150_000])?;
        client.write_all(b"tus\"}\n{\"id\":2")?;
        assert_eq!(reply(&client)?["result"]["pid"], window.pid());
        cli.json(&["allow", text(&first, "id")])?;
        assert_eq!(asked.decision()?["behavior"], "allow");
        let call = json!({ "tool_name": "Bash", "tool_input": command("touch one"), "tool_use_id": "use-2" });
        agent.hook("PostToolUse", &call)?;
        cli.wait_for_request_state(text(&first, "id"), "took effect")?;

        let asked = agent.ask("Bash", &command("touch two"))?;
        let second = cli.wait_for_request()?;
        window.close()?;
        let status = served_by(cli, app.pid())?;
        assert_eq!((&status["headless"], status.get("standby")), (&json!(true), None));
        still_asked(cli, &second["id"])?;
        client.write_all(b",\"method\":\"status\"}\n")?;
        assert_eq!(reply(&client)?["result"]["pid"], app.pid());
        half.write_all(&line.as_bytes()[150_000..])?;
        wait_until("the hook that was written in three parts", PATIENCE, || {
            arrived(cli, "agent-two").ok().filter(|arrived| *arrived == [1])
        })?;

        // And again, from where it now stands.
        let window = Window::start(sandbox, &display)?;
        served_by(cli, window.pid())?;
        still_asked(cli, &second["id"])?;
        cli.json(&["deny", text(&second, "id")])?;
        assert_eq!(asked.decision()?["behavior"], "deny");
        let events = cli.events(&session)?;
        let names: Vec<&str> = events.iter().map(|event| text(event, "event")).collect();
        let count = |name: &str| names.iter().filter(|known| **known == name).count();
        assert_eq!((count("PermissionRequest"), count("magia.off")), (2, 0), "{names:?}");
        assert!(app.program().try_wait().is_none());
        Ok(())
    })
}

/// Reads a reply of the CLI socket.
fn reply(client: &UnixStream) -> Result<Value> {
    client.set_read_timeout(Some(PATIENCE))?;
    let mut line = Vec::new();
    let mut byte = [0];
    while line.last() != Some(&b'\n') {
        pass::receive(client, &mut byte).context("reading a reply")?;
        line.push(byte[0]);
    }
    Ok(serde_json::from_slice(&line)?)
}

/// Sends hooks, one connection each, until it is told to stop and has sent [`HOOKS`]. How many it sent.
fn stream_hooks(sandbox: &Sandbox, stop: &mpsc::Receiver<()>) -> Result<usize> {
    let mut sent = 0;
    let mut stopped = false;
    while !stopped || sent < HOOKS {
        let mut hook = connect(sandbox, Socket::Hooks).with_context(|| format!("hook {sent}"))?;
        hook.write_all(hook_line("agent-one", sent, 10).as_bytes())?;
        sent += 1;
        stopped |= !matches!(stop.recv_timeout(HOOK_GAP), Err(mpsc::RecvTimeoutError::Timeout));
    }
    Ok(sent)
}

#[test]
fn no_hook_is_lost_refused_or_told_twice_while_a_window_comes_and_goes() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let app = App::start(sandbox)?;
        let mut command = sandbox.command(binary("magia")?);
        command.args(["events", "--follow", "--json", "--since", "0", "--channel", "agent:event"]);
        let mut follower = sandbox.spawn("follower", command)?;
        let (stop, stopped) = mpsc::sync_channel::<()>(1);
        let sent = std::thread::scope(|scope| -> Result<usize> {
            let sender = scope.spawn(move || stream_hooks(sandbox, &stopped));
            let there_and_back = || -> Result<()> {
                for _ in 0..2 {
                    let mut window = Window::start(sandbox, &display)?;
                    served_by(cli, window.pid())?;
                    window.program().signal(libc::SIGTERM)?;
                    assert_eq!(Program::exit_code(window.program().wait(PATIENCE)?), 0);
                    served_by(cli, app.pid())?;
                }
                Ok(())
            };
            let done = there_and_back();
            drop(stop);
            let sent = sender.join().map_err(|_| anyhow::anyhow!("the sender panicked"))??;
            done.map(|()| sent)
        })?;
        let all: Vec<usize> = (0..sent).collect();
        wait_until("all hooks", PATIENCE, || {
            arrived(cli, "agent-one").ok().filter(|arrived| arrived.len() >= sent)
        })?;
        assert_eq!(arrived(cli, "agent-one")?, all);
        let told = || -> Vec<u64> {
            let lines: Vec<Value> =
                follower.stdout().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            lines.iter().filter_map(|line| line["payload"]["seq"].as_u64()).collect()
        };
        let last = cli.rows(&["events", "--limit", "1"])?[0]["seq"].as_u64().context("a number")?;
        wait_until("the follower to have all", PATIENCE, || (told().last() == Some(&last)).then_some(()))?;
        assert_eq!(told(), (1..=last).collect::<Vec<_>>(), "each event once, in order");
        assert!(follower.try_wait().is_none(), "{}", follower.stderr());
        Ok(())
    })
}

#[test]
fn a_window_that_is_killed_leaves_all_to_the_standby() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let app = App::start(sandbox)?;
        let mut agent = ScriptedAgent::start(sandbox, "agent-one")?;
        agent.begin("Tidy the cellar")?;
        let asked = agent.ask("Bash", &command("touch one"))?;
        let first = cli.wait_for_request()?;
        let mut window = Window::start(sandbox, &display)?;
        served_by(cli, window.pid())?;
        let mut other = ScriptedAgent::start(sandbox, "agent-two")?;
        other.begin("Sweep the yard")?;
        let lost = other.ask("Bash", &command("touch two"))?;
        cli.wait_for_requests(2)?;
        cli.json(&["rename", text(&first, "session"), "A name to keep"])?;
        window.program().kill9()?;
        served_by(cli, app.pid())?;
        assert_eq!(lost.wait()?, (0, String::new()), "its connection died with the window");
        still_asked(cli, &first["id"])?;
        let named = cli.rows(&["ls"])?.iter().any(|row| text(row, "title") == "A name to keep");
        assert!(named, "what was acknowledged is kept");
        cli.json(&["allow", text(&first, "id")])?;
        assert_eq!(asked.decision()?["behavior"], "allow");
        Ok(())
    })
}

#[test]
fn a_standby_that_ends_leaves_all_to_the_window() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let mut app = App::start(sandbox)?;
        let mut agent = ScriptedAgent::start(sandbox, "agent-one")?;
        agent.begin("Tidy the cellar")?;
        let asked = agent.ask("Bash", &command("touch one"))?;
        let request = cli.wait_for_request()?;
        let mut window = Window::start(sandbox, &display)?;
        served_by(cli, window.pid())?;
        app.program().signal(libc::SIGTERM)?;
        assert_eq!(Program::exit_code(app.program().wait(PATIENCE)?), 0, "{}", app.program().stderr());
        wait_until("the window to know that nobody follows it", PATIENCE, || {
            cli.json(&["status"]).ok()?.get("standby").is_none().then_some(())
        })?;
        still_asked(cli, &request["id"])?;
        cli.json(&["allow", text(&request, "id")])?;
        assert_eq!(asked.decision()?["behavior"], "allow");
        assert_eq!(magia(sandbox, &["quit"])?.code, 0);
        assert_eq!(Program::exit_code(window.program().wait(PATIENCE)?), 0);
        assert_eq!(magia(sandbox, &["status"])?.code, 3);
        Ok(())
    })
}

#[test]
fn a_reset_at_the_window_dismisses_the_standby() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let mut app = App::start(sandbox)?;
        let window = Window::start(sandbox, &display)?;
        served_by(cli, window.pid())?;
        let mut agent = ScriptedAgent::start(sandbox, "agent-one")?;
        agent.begin("Tidy the cellar")?;
        // What it has told is dealt with: a word of it after the reset would bring it back.
        cli.wait_for_row("the session at work", &["ls"], |row| row["state"] == "working")?;
        cli.json(&["reset", "--yes"])?;
        assert_eq!(Program::exit_code(app.program().wait(PATIENCE)?), 0, "{}", app.program().stderr());
        wait_until("the window to have begun anew", PATIENCE, || {
            cli.rows(&["ls", "--all"]).ok()?.is_empty().then_some(())
        })?;
        let status = served_by(cli, window.pid())?;
        assert_eq!((&status["headless"], status.get("standby")), (&json!(false), None));
        Ok(())
    })
}

/// Starts `magia-app` with a display, without waiting for anything.
fn start_window(sandbox: &Sandbox, display: &Display, name: &str, env: &[(&str, &str)]) -> Result<Program> {
    let mut command = sandbox.command(binary("magia-app")?);
    command.env("DISPLAY", display.name()).env("LIBGL_ALWAYS_SOFTWARE", "1").envs(env.iter().copied());
    sandbox.spawn(name, command)
}

/// What a process has used of the processors, in the kernel's ticks.
fn ticks(pid: u32) -> Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("a stat file without a name")?;
    let used = fields.split_whitespace().skip(11).take(2);
    used.map(|field| field.parse::<u64>().context("ticks")).sum()
}

fn threads(pid: u32) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok()).collect()
}

#[test]
fn the_ports_stay_where_they_are_and_the_standby_rests() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let app = App::start(sandbox)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        cli.json(&["settings", "set", "httpApi", &port.to_string()])?;
        let http = Http::of(sandbox)?;
        let ports = || -> Option<[u64; 3]> {
            let otel = cli.json(&["call", "get_otel_port"]).ok()?;
            let ide = cli.json(&["call", "get_ide_server_port"]).ok()?;
            let pid = http.call("GET", "/api/health", None).ok()?.status;
            Some([otel["port"].as_u64()?, ide["port"].as_u64()?, pid.into()])
        };
        let before = wait_until("the ports", PATIENCE, ports)?;
        assert_eq!(before[2], 200);
        let mut window = Window::start(sandbox, &display)?;
        served_by(cli, window.pid())?;
        let pid = app.pid();
        wait_until("the standby to be one thread", PATIENCE, || (threads(pid).len() == 1).then_some(()))
            .with_context(|| format!("{:?}", threads(pid)))?;
        let used = ticks(pid)?;
        // They would be others if the window had to bind them beside those that the standby holds.
        assert_eq!(wait_until("the window's ports", PATIENCE, ports)?, before);
        let mut agent = ScriptedAgent::start(sandbox, "agent-one")?;
        agent.begin("Tidy the cellar")?;
        let asked = agent.ask("Bash", &command("touch one"))?;
        cli.json(&["allow", text(&cli.wait_for_request()?, "id")])?;
        assert_eq!(asked.decision()?["behavior"], "allow");
        assert_eq!((ticks(pid)?, threads(pid).len()), (used, 1), "the standby does nothing");
        window.program().signal(libc::SIGTERM)?;
        served_by(cli, pid)?;
        assert_eq!(wait_until("the ports again", PATIENCE, ports)?, before);
        Ok(())
    })
}

#[test]
fn of_two_windows_one_takes_over_and_the_other_raises_it() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let _app = App::start(sandbox)?;
        let mut both = [
            start_window(sandbox, &display, "window-one", &[])?,
            start_window(sandbox, &display, "window-two", &[])?,
        ];
        let (ended, code) = wait_until("one of them to end", PATIENCE, || {
            let ended = both.iter_mut().enumerate();
            ended.filter_map(|(at, window)| Some((at, Program::exit_code(window.try_wait()?)))).next()
        })?;
        let (loser, winner) = (&both[ended], &both[1 - ended]);
        assert_eq!(code, 0, "{}", loser.stderr());
        assert!(loser.stderr().contains("its window was raised"), "{}", loser.stderr());
        served_by(cli, winner.pid())?;
        Ok(())
    })
}

#[test]
fn magia_alone_opens_a_window_that_takes_over() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let app = App::start(sandbox)?;
        let mut command = sandbox.command(binary("magia")?);
        command.env("DISPLAY", display.name()).env("LIBGL_ALWAYS_SOFTWARE", "1");
        let mut opened = sandbox.spawn("magia", command)?;
        assert_eq!(Program::exit_code(opened.wait(PATIENCE)?), 0, "{}", opened.stderr());
        assert!(opened.stderr().contains("the window has taken over"), "{}", opened.stderr());
        let status = cli.json(&["status"])?;
        assert_eq!((&status["headless"], &status["standby"]), (&json!(false), &json!(app.pid())));
        let said = cli.run(&["status"])?.stdout;
        assert!(said.contains(&format!("process {} waits", app.pid())), "{said}");
        let said = cli.run(&["quit"])?.stdout;
        assert!(said.contains(&format!("process {} serves on", app.pid())), "{said}");
        served_by(cli, app.pid())?;
        Ok(())
    })
}

#[test]
fn who_cannot_take_over_is_told_why_and_nothing_changes() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let app = App::start(sandbox)?;
        let elsewhere = sandbox.root().join("elsewhere").to_string_lossy().into_owned();
        let start = |name: &str, env: &[(&str, &str)]| -> Result<String> {
            let mut window = start_window(sandbox, &display, name, env)?;
            assert_eq!(Program::exit_code(window.wait(PATIENCE)?), 1, "{}", window.stderr());
            Ok(window.stderr())
        };
        let said = start("other-files", &[("XDG_DATA_HOME", &elsewhere)])?;
        assert!(said.contains("keeps its files elsewhere") && said.contains("hint: "), "{said}");
        let said = start("of-an-agent", &[("CLAUDECODE", "1")])?;
        assert!(said.contains("an agent started the caller") && said.contains("hint: "), "{said}");
        let said = start("no-display", &[("DISPLAY", ":7777")])?;
        assert!(said.contains("there is no display"), "{said}");
        let no_drivers =
            ["__EGL_VENDOR_LIBRARY_FILENAMES", "LIBGL_DRIVERS_PATH"].map(|name| (name, "/nowhere"));
        let said = start("no-opengl", &no_drivers)?;
        assert!(said.contains("OpenGL cannot be used here"), "{said}");
        // Garbage, and a window of another version.
        let mut garbage = connect_blocking(&takeover_socket(&sandbox.runtime_dir())?, PATIENCE)?;
        garbage.write_all(b"GET / HTTP/1.1\r\n\r\n")?;
        let other = connect_blocking(&takeover_socket(&sandbox.runtime_dir())?, PATIENCE)?;
        say(&other, &json!({ "say": "ask", "v": 1, "version": "0.0.0", "places": ["", "", ""] }), None)?;
        let refused = heard(&other)?.0;
        assert!(text(&refused, "message").contains("and this is magia 0.0.0"), "{refused}");
        // A magia that knows nothing of all this.
        std::fs::remove_file(takeover_socket(&sandbox.runtime_dir())?)?;
        let said = start("older", &[])?;
        assert!(said.contains("error: ") && said.contains("hint: "), "{said}");
        served_by(cli, app.pid())?;
        Ok(())
    })
}

fn say(link: &UnixStream, said: &Value, descriptor: Option<BorrowedFd<'_>>) -> Result<()> {
    let head = serde_json::to_vec(said)?;
    let mut bytes = u32::try_from(head.len())?.to_be_bytes().to_vec();
    bytes.extend_from_slice(&head);
    Ok(pass::send(link, &bytes, descriptor)?)
}

fn heard(link: &UnixStream) -> Result<(Value, Option<OwnedFd>)> {
    link.set_read_timeout(Some(PATIENCE))?;
    let mut len = [0; 4];
    let descriptor = pass::receive(link, &mut len)?;
    let mut head = vec![0; u32::from_be_bytes(len) as usize];
    pass::receive(link, &mut head)?;
    let said: Value = serde_json::from_slice(&head)?;
    let mut body = vec![0; said["body"].as_u64().unwrap_or(0) as usize];
    pass::receive(link, &mut body)?;
    Ok((said, descriptor))
}

/// Takes over as a window does, up to and with the first of what is `last` said.
fn take_over_until(sandbox: &Sandbox, last: &str) -> Result<usize> {
    let link = connect_blocking(&takeover_socket(&sandbox.runtime_dir())?, PATIENCE)?;
    let place = |dir: &str| sandbox.root().join(dir).join("magia").to_string_lossy().into_owned();
    let places = [place("config"), place("data"), place("state")];
    let ask = json!({ "say": "ask", "v": 1, "version": env!("CARGO_PKG_VERSION"), "places": places });
    say(&link, &ask, None)?;
    let offer = heard(&link)?.0;
    if offer["say"] != "offer" {
        bail!("no offer: {offer}");
    }
    if last == "offer" {
        return Ok(0);
    }
    say(&link, &json!({ "say": "now" }), None)?;
    let mut descriptors = Vec::new();
    loop {
        let (said, descriptor) = heard(&link)?;
        descriptors.extend(descriptor);
        if said["say"] == last {
            return Ok(descriptors.len());
        }
    }
}

#[test]
fn a_window_that_dies_while_it_takes_over_leaves_all_as_it_was() -> Result<()> {
    sandbox_test(|sandbox| {
        let cli = Cli::new(sandbox);
        let app = App::start(sandbox)?;
        let mut agent = ScriptedAgent::start(sandbox, "agent-one")?;
        agent.begin("Tidy the cellar")?;
        let asked = agent.ask("Bash", &command("touch one"))?;
        let request = cli.wait_for_request()?;
        let mut other = ScriptedAgent::start(sandbox, "agent-two")?;
        for (last, least) in [("offer", 0), ("lock", 1), ("socket", 2), ("held", 7), ("done", 7)] {
            let passed = take_over_until(sandbox, last).with_context(|| format!("up to {last}"))?;
            assert!(passed >= least, "{passed} descriptors up to {last}");
            served_by(cli, app.pid())?;
            still_asked(cli, &request["id"])?;
            other.hook("Notification", &json!({ "message": last }))?;
            wait_until("the socket to be there again", PATIENCE, || {
                takeover_socket(&sandbox.runtime_dir()).ok()?.exists().then_some(())
            })?;
        }
        cli.json(&["allow", text(&request, "id")])?;
        assert_eq!(asked.decision()?["behavior"], "allow");
        let events = cli.rows(&["events", "--limit", "100"])?;
        let said = events.iter().filter(|event| event["event"] == "Notification").count();
        assert_eq!(said, 5, "{events:#?}");
        Ok(())
    })
}

/// Plays a magia without a window that dies while it hands over, `passes` its lock before or not.
fn dies_while_it_hands_over(passes_lock: bool) -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let runtime = sandbox.runtime_dir();
        let lock = InstanceLock::try_acquire(&runtime).map_err(|err| anyhow::anyhow!("{err}"))?;
        let listener = UnixListener::bind(takeover_socket(&runtime)?)?;
        let mut giver = sandbox.spawn_piped("giver", sandbox.command("cat"))?;
        let process = json!({ "pid": giver.pid(), "start": process_start_ticks(giver.pid()) });
        let window = std::thread::scope(|scope| -> Result<Window<'_>> {
            let playing = scope.spawn(move || -> Result<()> {
                let (link, _) = listener.accept()?;
                assert_eq!(heard(&link)?.0["say"], "ask");
                say(&link, &json!({ "say": "offer", "process": process, "http": null }), None)?;
                assert_eq!(heard(&link)?.0["say"], "now");
                if passes_lock {
                    let passed = lock.duplicate()?;
                    say(&link, &json!({ "say": "lock" }), Some(passed.as_fd()))?;
                }
                drop(lock);
                giver.kill9()?;
                Ok(())
            });
            let window = Window::start(sandbox, &display)?;
            playing.join().map_err(|_| anyhow::anyhow!("the play panicked"))??;
            Ok(window)
        })?;
        let status = served_by(cli, window.pid())?;
        assert_eq!(status.get("standby"), None);
        let mut agent = ScriptedAgent::start(sandbox, "agent-one")?;
        agent.begin("Tidy the cellar")?;
        let asked = agent.ask("Bash", &command("touch one"))?;
        cli.json(&["allow", text(&cli.wait_for_request()?, "id")])?;
        assert_eq!(asked.decision()?["behavior"], "allow");
        Ok(())
    })
}

#[test]
fn a_magia_that_dies_before_it_has_passed_its_lock_is_followed_by_the_window() -> Result<()> {
    dies_while_it_hands_over(false)
}

#[test]
fn a_magia_that_dies_after_it_has_passed_its_lock_is_followed_by_the_window() -> Result<()> {
    dies_while_it_hands_over(true)
}

//! The socket where programs ask for terminals, with the real app, holder and clients: what the seed's programs send,
//! every error, and what hostile clients get.
#![allow(clippy::indexing_slicing, reason = "a test may fail")]

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use magia_tests::spawn::{ask, ask_raw, kill, show, socket};
use magia_tests::{App, Cli, Display, PATIENCE, Sandbox, magia, sandbox_test, text, wait_until};
use serde_json::{Value, json};

/// The example of the seed's text, and what its program really sends.
const SEEDS: [&str; 2] = [
    r#"{"command":"tty-fwd --session-id=\"UUID\" -- cat && exit","workingDir":"~/","sessionId":"UUID","ttyFwdPath":"/usr/local/bin/tty-fwd","terminal":"ghostty"}"#,
    r#"{"command":"TTY_SESSION_ID=\"UUID\" /evil/tty-fwd -- cat","workingDir":"~/","sessionId":"UUID","ttyFwdPath":"/evil/tty-fwd","terminal":null}"#,
];

fn set(sandbox: &Sandbox, key: &str, value: &str) -> Result<()> {
    let reply = magia(sandbox, &["settings", "set", key, value])?;
    ensure!(reply.code == 0, "{}", reply.stderr);
    Ok(())
}

fn write_program(sandbox: &Sandbox, name: &str, script: &str) -> Result<PathBuf> {
    let path = sandbox.root().join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).context("writing a program")?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).context("making it a program")?;
    Ok(path)
}

#[test]
fn the_seeds_request_works_from_nc() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let _app = App::start_with(sandbox, &[("DISPLAY", display.name())])?;
        set(sandbox, "terminal", "xterm")?;
        for (number, request) in SEEDS.iter().enumerate() {
            let id = format!("0f1e2d3c-0000-4000-8000-00000000000{number}");
            let request = request.replace("UUID", &id);
            let mut nc = sandbox.command("nc");
            nc.arg("-U").arg(socket(sandbox)).stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut nc = nc.spawn().context("nc; `make install-deps` installs it")?;
            nc.stdin.as_mut().context("no stdin")?.write_all(request.as_bytes()).context("writing to nc")?;
            let output = nc.wait_with_output().context("nc's end")?;
            let reply: Value = serde_json::from_slice(&output.stdout)
                .with_context(|| String::from_utf8_lossy(&output.stdout).into_owned())?;
            ensure!(reply["success"] == true && reply["sessionId"] == json!(id), "{reply}");
            ensure!(reply["error"].is_null() && reply["terminal"] == "xterm", "{reply}");
            ensure!(
                reply.as_object().is_some_and(|keys| keys.contains_key("error")),
                "explicit nulls: {reply}"
            );
            let info = show(sandbox, &id)?;
            ensure!(text(&info, "state") == "running", "{info}");
            // Its client is there before the window manager has shown it.
            let windows = wait_until("xterm's window", PATIENCE, || {
                display.run(sandbox, &["xdotool", "search", "--onlyvisible", "--class", "xterm"]).ok()
            })?;
            ensure!(windows.lines().count() == 1, "one window, not {windows:?}");
            kill(sandbox, &id)?;
            wait_until("the window to close", PATIENCE, || {
                display
                    .run(sandbox, &["xdotool", "search", "--onlyvisible", "--class", "xterm"])
                    .is_err()
                    .then_some(())
            })?;
        }
        Ok(())
    })
}

#[test]
fn a_request_may_come_in_any_pieces_and_nobody_waits_for_a_silent_client() -> Result<()> {
    sandbox_test(|sandbox| {
        let _app = App::start(sandbox)?;
        let silent: Vec<UnixStream> =
            (0..20).map(|_| UnixStream::connect(socket(sandbox))).collect::<Result<_, _>>()?;
        let request = json!({ "argv": ["cat"], "terminal": "none", "sessionId": "pieces" }).to_string();
        let mut stream = UnixStream::connect(socket(sandbox)).context("connecting")?;
        for byte in request.as_bytes() {
            stream.write_all(&[*byte]).context("writing")?;
        }
        let mut reply = String::new();
        stream.read_to_string(&mut reply).context("reading")?;
        let reply: Value = serde_json::from_str(&reply).context("the reply")?;
        ensure!(reply["success"] == true && reply["terminal"] == "none", "{reply}");
        drop(silent);
        let info = show(sandbox, "pieces")?;
        ensure!(
            text(&info, "cwd") == sandbox.home().to_string_lossy(),
            "without a directory the home: {info}"
        );
        kill(sandbox, "pieces")
    })
}

/// A request and the code that it gets.
fn check(sandbox: &Sandbox, request: &Value, code: &str, words: &str) -> Result<()> {
    let reply = ask(sandbox, request)?;
    ensure!(reply["success"] == false && reply["code"] == code, "{request}: {reply}");
    ensure!(text(&reply, "error").contains(words), "{request}: {reply}");
    Ok(())
}

#[test]
fn each_error_has_its_code() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let path = socket(sandbox);
        let missing = magia(sandbox, &["term", "open", "--", "cat"])?;
        let sentence = format!("Terminal spawn service not available at {}", path.display());
        ensure!(missing.code == 3 && missing.stderr.contains(&sentence), "{}", missing.stderr);
        ensure!(missing.stderr.contains("hint: start magia"), "{}", missing.stderr);

        let quits = write_program(sandbox, "quits", "echo starting >&2; echo no colours left >&2; exit 3")?;
        let hangs = write_program(sandbox, "hangs", "exec cat /dev/zero >/dev/null")?;
        let app = App::start_with(sandbox, &[("DISPLAY", display.name())])?;
        let with = |terminal: &str| json!({ "argv": ["cat"], "terminal": terminal });
        check(sandbox, &with("no such terminal"), "TERMINAL_NOT_FOUND", "Terminal application not found")?;
        check(sandbox, &with("builtin"), "NO_DISPLAY", "without a window")?;
        check(sandbox, &json!({ "argv": [] }), "INVALID_REQUEST", "empty")?;
        check(sandbox, &json!({ "command": 7 }), "INVALID_REQUEST", "not understood")?;
        check(sandbox, &json!({ "argv": ["cat"], "sessionId": "../x" }), "INVALID_REQUEST", "1 to 64")?;
        let none = |more: Value| {
            let mut request = json!({ "argv": ["cat"], "terminal": "none" });
            for (key, value) in more.as_object().cloned().unwrap_or_default() {
                request[key] = value;
            }
            request
        };
        check(sandbox, &none(json!({ "workingDir": "/nonexistent" })), "CWD_NOT_FOUND", "Working directory")?;
        check(
            sandbox,
            &none(json!({ "argv": ["nonexistent-program"] })),
            "COMMAND_NOT_FOUND",
            "nonexistent",
        )?;
        let taken = none(json!({ "sessionId": "taken" }));
        ensure!(ask(sandbox, &taken)?["success"] == true);
        check(sandbox, &taken, "SESSION_EXISTS", "taken")?;

        let before = terminals(sandbox)?;
        set(sandbox, "terminal", &json!([quits, "{attach}"]).to_string())?;
        // Nothing is left of it: the id is free, whether its program runs or has ended already.
        for argv in [json!(["cat"]), json!(["cat"]), json!(["true"]), json!(["true"])] {
            let request = json!({ "argv": argv, "sessionId": "failed" });
            check(sandbox, &request, "TERMINAL_FAILED", "code 3: no colours left")?;
            let left = sandbox.root().join("data/magia/terminals/failed").exists();
            ensure!(!left, "it left its directory: {argv}");
        }
        ensure!(terminals(sandbox)? == before);
        set(sandbox, "terminal", &json!([hangs, "{attach}"]).to_string())?;
        let reply = ask(sandbox, &json!({ "argv": ["cat"], "sessionId": "late" }))?;
        ensure!(reply["code"] == "TERMINAL_START_TIMEOUT" && reply["sessionId"] == "late", "{reply}");
        ensure!(text(&show(sandbox, "late")?, "state") == "running", "a late window is still welcome");
        set(sandbox, "terminalsMax", "1")?;
        check(sandbox, &none(json!({})), "LIMIT_REACHED", "live already")?;
        set(sandbox, "terminalsMax", "64")?;
        for id in ["taken", "late"] {
            kill(sandbox, id)?;
        }
        let log =
            fs::read_to_string(sandbox.root().join("state/magia/logs/terminals.log")).context("the log")?;
        ensure!(log.contains("program=\"cat\"") && log.contains("TERMINAL_START_TIMEOUT"), "{log}");
        drop(app);
        Ok(())
    })
}

/// Ids of the terminals whose program runs.
fn terminals(sandbox: &Sandbox) -> Result<Vec<String>> {
    let rows = Cli::new(sandbox).rows(&["term", "ls"])?;
    Ok(rows
        .iter()
        .filter(|row| text(row, "state") == "running")
        .map(|row| text(row, "id").to_owned())
        .collect())
}

#[test]
fn without_a_display_no_session_is_made_and_a_long_directory_leaves_no_room() -> Result<()> {
    sandbox_test(|sandbox| {
        let app = App::start(sandbox)?;
        check(sandbox, &json!({ "argv": ["cat"] }), "NO_DISPLAY", "neither DISPLAY nor WAYLAND_DISPLAY")?;
        ensure!(terminals(sandbox)?.is_empty());
        drop(app);
        let long = sandbox.root().join("x".repeat(60));
        let _app = App::start_with(sandbox, &[("XDG_DATA_HOME", &long.to_string_lossy())])?;
        let request = json!({ "argv": ["cat"], "terminal": "none", "sessionId": "y".repeat(64) });
        check(sandbox, &request, "SOCKET_PATH_TOO_LONG", "bytes")
    })
}

#[test]
fn a_shells_command_waits_for_a_yes() -> Result<()> {
    sandbox_test(|sandbox| {
        let _app = App::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let done = sandbox.root().join("done");
        let command = format!("echo one | cat > '{}'", done.display());
        let asking = |id: &str| {
            let request = json!({ "command": command, "terminal": "none", "sessionId": id }).to_string();
            let mut stream = UnixStream::connect(socket(sandbox)).context("connecting")?;
            stream.write_all(request.as_bytes()).context("asking")?;
            stream.set_read_timeout(Some(PATIENCE)).context("a limit")?;
            anyhow::Ok(stream)
        };
        let reply = |mut stream: UnixStream| {
            let mut text = String::new();
            stream.read_to_string(&mut text).context("reading")?;
            serde_json::from_str::<Value>(&text).context("the reply")
        };
        // No.
        let stream = asking("no")?;
        let card = cli.wait_for_request()?;
        ensure!(text(&card, "tool") == "Terminal" && text(&card, "summary") == command, "{card}");
        ensure!(card["provider"].is_null() && text(&card, "policy").contains("has a pipe"), "{card}");
        let shown = cli.run(&["permissions"])?;
        ensure!(shown.stdout.contains(&command) && shown.stdout.contains("magia allow"), "{}", shown.stdout);
        cli.json(&["deny", text(&card, "id"), "--reason", "not now"])?;
        let denied = reply(stream)?;
        ensure!(denied["code"] == "SHELL_SYNTAX" && text(&denied, "error").contains("not now"), "{denied}");
        // Yes.
        let stream = asking("yes")?;
        let card = cli.wait_for_request()?;
        ensure!(!done.exists());
        cli.json(&["allow", text(&card, "id")])?;
        let allowed = reply(stream)?;
        ensure!(allowed["success"] == true && allowed["sessionId"] == "yes", "{allowed}");
        wait_until("the shell's work", PATIENCE, || {
            fs::read_to_string(&done).ok().filter(|text| text == "one\n")
        })?;
        cli.wait_for_request_state(text(&card, "id"), "took effect")?;
        fs::remove_file(&done).context("removing it")?;
        // Later: the requester hears in time, and a late yes still counts.
        let waiting = reply(asking("later")?)?;
        ensure!(waiting["code"] == "APPROVAL_REQUIRED", "{waiting}");
        let id = text(&waiting, "request");
        ensure!(!done.exists());
        cli.json(&["allow", id])?;
        wait_until("the shell's late work", PATIENCE, || done.exists().then_some(()))?;
        cli.wait_for_request_state(id, "took effect")?;
        Ok(())
    })
}

#[test]
fn what_an_agent_starts_asks_first() -> Result<()> {
    sandbox_test(|sandbox| {
        let _app = App::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let mut command = sandbox.command(magia_tests::binary("magia")?);
        command
            .args(["term", "open", "--terminal", "none", "--id", "agents", "--", "cat"])
            .env("CLAUDECODE", "1");
        let mut open = sandbox.spawn("open", command)?;
        let card = cli.wait_for_request()?;
        ensure!(text(&card, "policy").contains("an agent started the caller"), "{card}");
        ensure!(terminals(sandbox)?.is_empty(), "not before somebody has said yes");
        wait_until("a word of what is waited for", PATIENCE, || {
            open.stderr().contains("or for your yes: `magia permissions`").then_some(())
        })?;
        cli.json(&["allow", text(&card, "id")])?;
        let status = open.wait(PATIENCE)?;
        ensure!(status.success() && open.stdout() == "agents\n", "{} {}", open.stdout(), open.stderr());
        kill(sandbox, "agents")
    })
}

#[test]
fn the_link_for_other_programs_is_made_only_when_wanted() -> Result<()> {
    sandbox_test(|sandbox| {
        let link = sandbox.root().join("seed-link");
        let mut app = App::start_with(sandbox, &[("MAGIA_TERMINAL_LINK", &link.to_string_lossy())])?;
        ensure!(fs::symlink_metadata(&link).is_err(), "off by default");
        set(sandbox, "terminalSocketLink", "true")?;
        wait_until("the link", PATIENCE, || fs::read_link(&link).ok().filter(|to| *to == socket(sandbox)))?;
        let mut stream = UnixStream::connect(&link).context("connecting by the link")?;
        stream.write_all(b"{}").context("asking")?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).context("reading")?;
        ensure!(reply.contains("INVALID_REQUEST"), "{reply}");
        app.program().signal(libc::SIGTERM)?;
        app.program().wait(PATIENCE)?;
        ensure!(fs::symlink_metadata(&link).is_err(), "it goes with magia");
        Ok(())
    })
}

#[test]
fn garbage_leaves_the_service_answering() -> Result<()> {
    sandbox_test(|sandbox| {
        let _app = App::start(sandbox)?;
        let long = vec![b'{'; 70 * 1024];
        let kinds: [&[u8]; 8] = [
            b"",
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x00\x01\x02\x03",
            b"{}",
            b"{\"command\":",
            b"[[[[[[[[",
            b"{\"command\":\"\xff\xfe\"}",
            &long,
        ];
        let mut open: Vec<UnixStream> = Vec::new();
        for number in 0..10_000_usize {
            let mut stream = UnixStream::connect(socket(sandbox)).context("connecting")?;
            // The server may close before all is written.
            drop(stream.write_all(kinds[number % kinds.len()]));
            if number % 50 == 0 {
                open.push(stream);
            }
        }
        let reply = ask(sandbox, &json!({ "argv": ["cat"], "terminal": "none", "sessionId": "after" }))?;
        ensure!(reply["success"] == true, "{reply}");
        drop(open);
        for (request, words) in [
            (&b"nonsense"[..], "not a JSON object"),
            (&long[..], "longer than 64 KiB"),
            (&b"{\"command\":\"\xff\"}"[..], "not understood"),
        ] {
            let reply = ask_raw(sandbox, request)?;
            ensure!(reply.contains("INVALID_REQUEST") && reply.contains(words), "{reply}");
        }
        kill(sandbox, "after")
    })
}

/// Another user, when the tests run as root.
const STRANGER: &str = "65534";

fn is_root() -> bool {
    // SAFETY: geteuid takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

#[test]
fn another_user_cannot_connect_and_a_squatted_path_is_refused_on_both_ends() -> Result<()> {
    sandbox_test(|sandbox| {
        if !is_root() {
            // Only root can become somebody else; CI is root.
            return Ok(());
        }
        let as_stranger = |argv: &[&str]| {
            let mut command = sandbox.command("setpriv");
            command.args(["--reuid", STRANGER, "--regid", STRANGER, "--clear-groups"]).args(argv);
            command.output().context("setpriv")
        };
        // The socket itself, and the directory above it as open as a careless user leaves it.
        let app = App::start(sandbox)?;
        fs::set_permissions(sandbox.root(), fs::Permissions::from_mode(0o755)).context("opening the way")?;
        let path = socket(sandbox).to_string_lossy().into_owned();
        let tried = as_stranger(&["nc", "-U", "-N", "-w", "2", &path])?;
        ensure!(!tried.status.success(), "the directory is closed");
        fs::set_permissions(sandbox.runtime_dir(), fs::Permissions::from_mode(0o755))
            .context("opening it")?;
        let tried = as_stranger(&["nc", "-U", "-N", "-w", "2", &path])?;
        ensure!(!tried.status.success(), "the socket is closed");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).context("opening the socket")?;
        let tried = as_stranger(&["sh", "-c", &format!("echo '{{}}' | nc -U -w 2 '{path}'")])?;
        ensure!(tried.stdout.is_empty(), "a stranger is not answered: {tried:?}");
        // The command line refuses a directory that is open to others.
        fs::set_permissions(sandbox.runtime_dir(), fs::Permissions::from_mode(0o700))
            .context("closing it")?;
        wait_until("the stranger to be counted", PATIENCE, || {
            let status = Cli::new(sandbox).json(&["status"]).ok()?;
            let row =
                status["listeners"].as_array()?.iter().find(|row| row["name"] == "terminal").cloned()?;
            (row["refused"].as_u64() > Some(0)).then_some(())
        })?;
        drop(app);

        // A stranger was there first: the server does not take it, the client says nothing to it.
        let runtime = sandbox.root().join("squat");
        fs::create_dir(&runtime).context("a runtime directory")?;
        fs::set_permissions(&runtime, fs::Permissions::from_mode(0o700)).context("closing it")?;
        let squatted = runtime.join("terminal.sock");
        let listener = UnixListener::bind(&squatted).context("squatting")?;
        std::os::unix::fs::chown(&squatted, Some(65_534), Some(65_534)).context("giving it away")?;
        let env = [("MAGIA_RUNTIME_DIR", runtime.to_string_lossy().into_owned())];
        let mut command = sandbox.command(magia_tests::binary("magia-app")?);
        command.arg("--headless").envs(env.iter().map(|(name, value)| (name, value)));
        let _app = sandbox.spawn("squatted-app", command)?;
        let row = wait_until("the server to say so", PATIENCE, || {
            let mut command = sandbox.command(magia_tests::binary("magia").ok()?);
            command.args(["status", "--json"]).envs(env.iter().map(|(name, value)| (name, value)));
            let status: Value = serde_json::from_slice(&command.output().ok()?.stdout).ok()?;
            status["listeners"].as_array()?.iter().find(|row| row["name"] == "terminal").cloned()
        })?;
        ensure!(row["up"] == false && text(&row, "error").contains("in use"), "{row}");
        drop(listener);
        Ok(())
    })
}

#[test]
fn a_client_says_nothing_to_another_users_server() -> Result<()> {
    sandbox_test(|sandbox| {
        if !is_root() {
            return Ok(());
        }
        fs::set_permissions(sandbox.root(), fs::Permissions::from_mode(0o711)).context("opening the way")?;
        let runtime = sandbox.root().join("squat");
        fs::create_dir(&runtime).context("a runtime directory")?;
        std::os::unix::fs::chown(&runtime, Some(65_534), Some(65_534)).context("giving it away")?;
        let path = runtime.join("terminal.sock");
        let mut command = sandbox.command("setpriv");
        command.args(["--reuid", STRANGER, "--regid", STRANGER, "--clear-groups", "nc", "-lU"]).arg(&path);
        let mut squatter = sandbox.spawn("squatter", command)?;
        wait_until("the squatter to listen", PATIENCE, || path.exists().then_some(()))?;
        // The directory is given back, as a careless user may have it; the server stays the stranger's.
        std::os::unix::fs::chown(&runtime, Some(0), Some(0)).context("taking it back")?;
        fs::set_permissions(&runtime, fs::Permissions::from_mode(0o700)).context("closing it")?;
        let mut command = sandbox.command(magia_tests::binary("magia")?);
        command
            .args(["term", "open", "--", "secret-program", "secret-token"])
            .env("MAGIA_RUNTIME_DIR", &runtime);
        let output = command.output().context("magia term open")?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!output.status.success() && said.contains("65534"), "{said}");
        squatter.kill9()?;
        ensure!(!squatter.stdout().contains("secret"), "{}", squatter.stdout());
        Ok(())
    })
}

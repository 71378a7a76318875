//! The HTTP API of the real app: its routes over real terminals, and everybody whom it turns away.
#![allow(clippy::indexing_slicing, reason = "a test may fail")]

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result, ensure};
use magia_tests::http::{Answered, Http};
use magia_tests::{App, Cli, PATIENCE, Program, Sandbox, magia, sandbox_test, text, wait_until};
use serde_json::{Value, json};

/// The app with its API at a port that the system chooses.
fn start(sandbox: &Sandbox) -> Result<(Program, Http)> {
    let mut command = sandbox.command(magia_tests::binary("magia-app")?);
    command.args(["--headless", "--http", "0"]);
    let program = sandbox.spawn("magia-app", command)?;
    Ok((program, Http::of(sandbox)?))
}

fn done(answer: &Answered, status: u16) -> Result<Value> {
    ensure!(answer.status == status, "{answer:?}");
    Ok(answer.json())
}

/// The seed's four keys are there, whatever is said.
fn envelope(answer: &Answered) -> Result<Value> {
    let value = answer.json();
    let keys = value.as_object().context("no envelope")?;
    for key in ["success", "message", "error", "sessionId"] {
        ensure!(keys.contains_key(key), "{key} is missing: {answer:?}");
    }
    Ok(value)
}

fn create(http: &Http, id: &str, command: &[&str]) -> Result<()> {
    let body = json!({ "command": command, "sessionId": id, "name": format!("{id}'s name") });
    let answer = http.call("POST", "/api/sessions", Some(&body))?;
    let value = envelope(&answer)?;
    ensure!(answer.status == 200 && value["sessionId"] == id && value["session_id"] == id, "{answer:?}");
    Ok(())
}

#[test]
fn a_terminal_from_its_beginning_to_its_end() -> Result<()> {
    sandbox_test(|sandbox| {
        let (_app, http) = start(sandbox)?;
        let health = http.raw("GET", "/api/health", &[], None)?;
        ensure!(health.status == 200 && envelope(&health)?["message"] == "OK", "{health:?}");
        create(&http, "one", &["cat", "-u"])?;
        create(&http, "two", &["cat"])?;

        let list = done(&http.call("GET", "/api/sessions", None)?, 200)?;
        ensure!(list[0]["id"] == "two" && list[1]["id"] == "one", "the newest first: {list}");
        let row = done(&http.call("GET", "/api/sessions/one", None)?, 200)?;
        ensure!(
            row["command"] == "cat -u" && row["status"] == "running" && row["exitCode"].is_null(),
            "{row}"
        );
        ensure!(row["workingDir"] == row["working_dir"] && row["startedAt"] == row["started_at"], "{row}");
        ensure!(row["lastModified"].is_string() && row["pid"].is_u64(), "{row}");

        done(
            &http.call("POST", "/api/sessions/one/input", Some(&json!({ "text": "gr\u{fc}\u{df}e" })))?,
            200,
        )?;
        done(&http.call("POST", "/api/sessions/one/input", Some(&json!({ "key": "enter" })))?, 200)?;
        done(
            &http.call(
                "POST",
                "/api/sessions/one/input",
                Some(&json!({ "text": "enter", "literal": true })),
            )?,
            200,
        )?;
        let shown = wait_until("the echo on the screen", PATIENCE, || {
            let answer = http.call("GET", "/api/sessions/one/text", None).ok()?;
            (answer.body.matches("gr\u{fc}\u{df}e").count() == 2 && answer.body.contains("enter"))
                .then_some(answer)
        })?;
        ensure!(shown.head.to_lowercase().contains("content-type: text/plain"), "{}", shown.head);
        for (wrong, status) in [
            (json!({}), 400),
            (json!({ "text": "a", "key": "enter" }), 400),
            (json!({ "key": "no such key" }), 400),
        ] {
            done(&http.call("POST", "/api/sessions/one/input", Some(&wrong))?, status)?;
        }

        for size in [json!({ "cols": 100, "rows": 30 }), json!({ "width": 90, "height": 20 })] {
            done(&http.call("POST", "/api/sessions/one/resize", Some(&size))?, 200)?;
        }
        wait_until("the size", PATIENCE, || {
            let row = http.call("GET", "/api/sessions/one", None).ok()?.json();
            (row["cols"] == 90 && row["rows"] == 20).then_some(())
        })?;
        for wrong in [json!({ "cols": 0, "rows": 5 }), json!({ "cols": 1001, "rows": 5 }), json!({})] {
            done(&http.call("POST", "/api/sessions/one/resize", Some(&wrong))?, 400)?;
        }

        done(&http.call("PATCH", "/api/sessions/one", Some(&json!({ "name": "renamed" })))?, 200)?;
        wait_until("the name", PATIENCE, || {
            let row = http.call("GET", "/api/sessions/one", None).ok()?.json();
            (row["name"] == "renamed").then_some(())
        })?;

        let in_the_way = sandbox.root().join("data/magia/terminals/one/session.json.tmp");
        fs::create_dir(&in_the_way)?;
        let later = http.call("PATCH", "/api/sessions/one", Some(&json!({ "name": "later" })))?;
        done(&later, 500)?;
        ensure!(text_of(&envelope(&later)?["error"]).contains("not be written down yet"), "{later:?}");
        fs::remove_dir(&in_the_way)?;
        wait_until("the name that could not be written", PATIENCE, || {
            let row = http.call("GET", "/api/sessions/one", None).ok()?.json();
            (row["name"] == "later").then_some(())
        })?;

        let cast = http.call("GET", "/api/sessions/one/snapshot", None)?;
        let mut lines = cast.body.lines();
        let head: Value = serde_json::from_str(lines.next().context("no header")?)?;
        let event: Value = serde_json::from_str(lines.next().context("no event")?)?;
        ensure!(head["version"] == 2 && head["width"] == 90, "{head}");
        ensure!(event[1] == "o" && text_of(&event[2]).contains("gr\u{fc}\u{df}e"), "{event}");

        done(&http.call("DELETE", "/api/sessions/one", None)?, 200)?;
        wait_until("the end", PATIENCE, || {
            let row = http.call("GET", "/api/sessions/one", None).ok()?.json();
            (row["status"] == "exited" && row["exitCode"].is_i64()).then_some(())
        })?;
        done(&http.call("DELETE", "/api/sessions/one", None)?, 410)?;
        done(&http.call("POST", "/api/sessions/one/input", Some(&json!({ "text": "x" })))?, 400)?;
        let runs = http.call("DELETE", "/api/sessions/two/cleanup", None)?;
        done(&runs, 500)?;
        ensure!(envelope(&runs)?["code"] == "INVALID_REQUEST", "{runs:?}");
        // Its holder would stay for a minute.
        done(&http.call("DELETE", "/api/sessions/one/cleanup", None)?, 200)?;
        done(&http.call("GET", "/api/sessions/one", None)?, 404)?;
        create(&http, "three", &["true"])?;
        wait_until("the end of the third", PATIENCE, || {
            let row = http.call("GET", "/api/sessions/three", None).ok()?.json();
            (row["status"] == "exited").then_some(())
        })?;
        done(&http.call("POST", "/api/cleanup-exited", Some(&json!({})))?, 200)?;
        done(&http.call("GET", "/api/sessions/three", None)?, 404)?;
        done(&http.call("DELETE", "/api/sessions/two", None)?, 200)?;
        done(&http.call("GET", "/api/sessions/nobody", None)?, 404)?;
        for (method, path, status) in [("GET", "/api/nothing", 404), ("DELETE", "/api/sessions", 405)] {
            let answer = http.call(method, path, None)?;
            done(&answer, status)?;
            let value = envelope(&answer)?;
            ensure!(value["success"] == false && value["error"].is_string(), "{answer:?}");
            let allows = answer.head.to_lowercase().contains("allow: get,head,post");
            ensure!(allows == (status == 405), "{answer:?}");
        }
        Ok(())
    })
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn a_stream_goes_on_where_it_broke_off() -> Result<()> {
    sandbox_test(|sandbox| {
        let (_app, http) = start(sandbox)?;
        create(&http, "s", &["cat"])?;
        let type_in = |text: &str| {
            let line = json!({ "text": format!("{text}\r") });
            done(&http.call("POST", "/api/sessions/s/input", Some(&line))?, 200)
        };
        type_in("before")?;
        // The terminal's echo and the program's own line.
        wait_until("both lines on the screen", PATIENCE, || {
            let answer = http.call("GET", "/api/sessions/s/text", None).ok()?;
            (answer.body.matches("before").count() == 2).then_some(())
        })?;
        let mut stream = http.stream("/api/sessions/s/stream", &[])?;
        let head: Value = serde_json::from_str(&stream.message()?.data)?;
        ensure!(head["version"] == 2, "{head}");
        stream.until("before")?;
        type_in("first")?;
        let first = stream.until("first")?;
        let id = first.id.context("a message without an id")?;
        drop(stream);
        type_in("missed")?;
        wait_until("the missed line on the screen", PATIENCE, || {
            let answer = http.call("GET", "/api/sessions/s/text", None).ok()?;
            (answer.body.matches("missed").count() == 2).then_some(())
        })?;
        let mut again = http.stream("/api/sessions/s/stream", &[&format!("Last-Event-ID: {id}")])?;
        let mut told = String::new();
        while told.matches("missed").count() < 2 {
            let message = again.message()?;
            ensure!(!message.data.contains("version"), "it does not begin anew: {}", message.data);
            told.push_str(&message.data);
        }
        ensure!(!told.contains("before"), "{told}");
        // What was never said cannot be gone on from: the screen comes anew.
        let mut lost = http.stream("/api/sessions/s/stream", &["Last-Event-ID: 99999999"])?;
        lost.until("missed")?;

        let ticket = done(&http.call("POST", "/api/ticket", Some(&json!({})))?, 200)?;
        let path = format!("/api/sessions/multistream?ticket={}", text(&ticket, "message"));
        let mut every = TicketStream::open(&http, &path)?;
        every.until("s:[")?;
        let used = http.raw("GET", &path, &[], None)?;
        ensure!(used.status == 401, "a ticket is used once: {used:?}");

        done(&http.call("DELETE", "/api/sessions/s", None)?, 200)?;
        again.until("\"exit\"")?;
        again.until("\"end\"")?;
        every.until("\"exit\"")?;
        wait_until("its end in the list", PATIENCE, || {
            let cleaned = http.call("DELETE", "/api/sessions/s/cleanup", None).ok()?;
            (cleaned.status == 200).then_some(())
        })?;
        create(&http, "s", &["cat"])?;
        type_in("another")?;
        every.until("another")?;
        Ok(())
    })
}

/// A stream without any token.
struct TicketStream(std::io::BufReader<TcpStream>);

impl TicketStream {
    fn open(http: &Http, path: &str) -> Result<Self> {
        use std::io::Write as _;
        let mut stream = TcpStream::connect(&http.address).context("connecting")?;
        stream.set_read_timeout(Some(PATIENCE)).context("a limit")?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", http.address);
        stream.write_all(request.as_bytes()).context("asking")?;
        Ok(Self(std::io::BufReader::new(stream)))
    }

    fn until(&mut self, words: &str) -> Result<()> {
        use std::io::BufRead as _;
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            ensure!(
                self.0.read_line(&mut line).context("reading")? > 0,
                "the stream has ended before {words}"
            );
        }
        Ok(())
    }
}

#[test]
fn pages_strangers_and_paths_are_turned_away() -> Result<()> {
    sandbox_test(|sandbox| {
        let (_app, http) = start(sandbox)?;
        create(&http, "s", &["cat"])?;
        let token = format!("Authorization: Bearer {}", http.token);
        let json_type = "Content-Type: application/json";
        let body = json!({ "command": ["touch", sandbox.root().join("pwned")] }).to_string();
        let post = |headers: &[&str]| http.raw("POST", "/api/sessions", headers, Some(&body));

        // Without the token, or with a wrong one.
        for headers in [
            &[json_type][..],
            &[json_type, "Authorization: Bearer x"],
            &[json_type, "Authorization: Basic eDp5"],
            &[json_type, &format!("Authorization: Bearer {}x", http.token)],
            &[json_type, &token, &token],
        ] {
            let answer = post(headers)?;
            ensure!(answer.status == 401 && envelope(&answer)?["code"] == "UNAUTHORIZED", "{answer:?}");
        }
        // A page under its own name, or under one that it let point here, even if it knew the token.
        for header in [
            "Origin: http://evil.example",
            "Origin: null",
            "Sec-Fetch-Site: cross-site",
            "Sec-Fetch-Site: same-site",
            "Host: evil.example",
            "Host: 127.0.0.1",
            "Host: localhost:1",
        ] {
            for path in ["/api/sessions", "/api/health"] {
                let answer = http.raw("GET", path, &[&token, header], None)?;
                ensure!(answer.status == 403, "{header}: {answer:?}");
            }
            ensure!(post(&[json_type, &token, header])?.status == 403, "{header}");
        }
        // What a page can send without asking first.
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
            let answer = post(&[&token, &format!("Content-Type: {kind}")])?;
            ensure!(answer.status == 415, "{kind}: {answer:?}");
        }
        ensure!(post(&[&token])?.status == 415);
        let preflight = http.raw("OPTIONS", "/api/sessions", &["Origin: http://evil.example"], None)?;
        ensure!(preflight.status == 403, "{preflight:?}");
        ensure!(!preflight.head.to_lowercase().contains("access-control"), "{}", preflight.head);
        let answer = http.call("GET", "/api/sessions", None)?;
        ensure!(!answer.head.to_lowercase().contains("access-control"), "{}", answer.head);

        // Ids that are paths.
        fs::create_dir_all(sandbox.root().join("data/magia/cleanup")).context("a directory to lose")?;
        for id in ["..", "%2e%2e", "..%2f..", "%2Fetc", "a%00b", ".", "a%20b", "-x"] {
            for (method, path) in [
                ("GET", format!("/api/sessions/{id}")),
                ("DELETE", format!("/api/sessions/{id}")),
                ("DELETE", format!("/api/sessions/{id}/cleanup")),
                ("GET", format!("/api/sessions/{id}/stream")),
                ("GET", format!("/api/sessions/{id}/snapshot")),
            ] {
                let answer = http.call(method, &path, None)?;
                ensure!(answer.status == 400, "{method} {path}: {answer:?}");
            }
        }
        ensure!(sandbox.root().join("data/magia/cleanup").is_dir());
        for wrong in
            [json!({ "command": [] }), json!({ "command": ["cat"], "sessionId": "../x" }), json!([1])]
        {
            ensure!(http.call("POST", "/api/sessions", Some(&wrong))?.status == 400, "{wrong}");
        }
        let gone = json!({ "command": ["cat"], "workingDir": "/nonexistent" });
        let answer = http.call("POST", "/api/sessions", Some(&gone))?;
        ensure!(
            answer.status == 400 && answer.body.contains("Working directory does not exist"),
            "{answer:?}"
        );

        // Files, without configured roots and with one.
        ensure!(http.call("GET", "/api/fs/browse", None)?.status == 403);
        ensure!(magia(sandbox, &["settings", "set", "httpRoots", "[\"~\"]"])?.code == 0);
        wait_until("the root to count", PATIENCE, || {
            (http.call("GET", "/api/fs/browse", None).ok()?.status == 200).then_some(())
        })?;
        for (path, status) in [("/etc", 403), ("~/..", 403), ("~/nothing", 404), ("relative", 400)] {
            let answer = http.call("GET", &format!("/api/fs/browse?path={path}"), None)?;
            ensure!(answer.status == status, "{path}: {answer:?}");
        }
        ensure!(http.call("POST", "/api/mkdir", Some(&json!({ "path": "~/a/b" })))?.status == 200);
        ensure!(sandbox.home().join("a/b").is_dir());
        ensure!(http.call("POST", "/api/mkdir", Some(&json!({ "path": "/tmp/../etc/x" })))?.status == 400);
        // Looking changes nothing.
        let answer = http.call("GET", "/api/sessions/s/cleanup", None)?;
        ensure!(answer.status == 405, "{answer:?}");
        ensure!(!sandbox.root().join("pwned").exists(), "nobody's command ran");
        Ok(())
    })
}

#[test]
fn another_user_is_not_served() -> Result<()> {
    sandbox_test(|sandbox| {
        // SAFETY: geteuid takes nothing and cannot fail.
        if unsafe { libc::geteuid() } != 0 {
            // Only root can become somebody else; CI is root.
            return Ok(());
        }
        let (_app, http) = start(sandbox)?;
        let (host, port) = http.address.split_once(':').context("no port")?;
        let ask = format!(
            "printf 'GET /api/health HTTP/1.1\\r\\nConnection: close\\r\\nHost: {host}:{port}\\r\\n\\r\\n' | nc -w 5 {host} {port}"
        );
        let own = sandbox.command("sh").args(["-c", &ask]).output().context("sh")?;
        ensure!(String::from_utf8_lossy(&own.stdout).contains("200 OK"), "{own:?}");
        let mut other = sandbox.command("setpriv");
        other.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "sh", "-c", &ask]);
        let other = other.output().context("setpriv")?;
        ensure!(other.stdout.is_empty(), "{other:?}");
        Ok(())
    })
}

#[test]
fn it_is_off_until_wanted_and_listens_on_this_machine_alone() -> Result<()> {
    sandbox_test(|sandbox| {
        let _app = App::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let listed = |name: &str| {
            let status = cli.json(&["status"])?;
            let rows = status["listeners"].as_array().context("no listeners")?;
            anyhow::Ok(rows.iter().find(|row| row["name"] == name).cloned())
        };
        ensure!(listed("http")?.is_none() && !sandbox.root().join("state/magia/http-token").exists());
        for address in ["0.0.0.0:0", "[::]:0", "10.0.0.1:4020"] {
            let refused = magia(sandbox, &["settings", "set", "httpApi", address])?;
            ensure!(refused.code != 0 && refused.stderr.contains("httpApi"), "{address}: {}", refused.stderr);
            let mut command = sandbox.command(magia_tests::binary("magia-app")?);
            let output = command.args(["--http", address]).output().context("magia-app")?;
            ensure!(output.status.code() == Some(2), "{address}: {output:?}");
        }
        ensure!(magia(sandbox, &["settings", "set", "httpApi", "127.0.0.1:0"])?.code == 0);
        let http = Http::of(sandbox)?;
        let file = sandbox.root().join("state/magia/http-token");
        ensure!(fs::metadata(&file).context("the token")?.permissions().mode() & 0o777 == 0o600);
        ensure!(http.call("GET", "/api/sessions", None)?.status == 200);
        ensure!(listed("http")?.is_some_and(|row| row["up"] == true));
        let doctor: Vec<Value> = serde_json::from_str(&cli.run(&["doctor", "--json"])?.stdout)?;
        ensure!(doctor.iter().any(|row| row["id"] == "listener.http" && row["status"] == "ok"), "{doctor:?}");
        let mut stream = http.stream("/api/sessions/multistream", &[])?;
        ensure!(magia(sandbox, &["settings", "set", "httpApi", ""])?.code == 0);
        let ended = stream.message().err().context("it goes on")?.to_string();
        ensure!(ended.contains("the stream has ended"), "{ended}");
        wait_until("the API to go", PATIENCE, || TcpStream::connect(&http.address).is_err().then_some(()))?;
        Ok(())
    })
}

#[test]
fn an_agents_request_waits_for_a_yes_over_http_too() -> Result<()> {
    sandbox_test(|sandbox| {
        let (_app, http) = start(sandbox)?;
        let cli = Cli::new(sandbox);
        let mut command = sandbox.command("curl");
        let body = json!({ "command": ["cat"], "sessionId": "agents" }).to_string();
        command.args(["-s", "-H", &format!("Authorization: Bearer {}", http.token)]);
        command.args(["-H", "Content-Type: application/json", "-d", &body]);
        command.arg(format!("http://{}/api/sessions", http.address)).env("CLAUDECODE", "1");
        let mut curl = sandbox.spawn("curl", command)?;
        let card = cli.wait_for_request()?;
        ensure!(text(&card, "session_title").starts_with("http "), "{card}");
        ensure!(text(&card, "policy").contains("an agent started the caller"), "{card}");
        cli.json(&["allow", text(&card, "id")])?;
        curl.wait(PATIENCE)?;
        let answer: Value = serde_json::from_str(&curl.stdout()).context("curl's answer")?;
        ensure!(answer["success"] == true && answer["sessionId"] == "agents", "{answer}");
        Ok(())
    })
}

/// The row of `magia status` for the API.
fn counters(cli: Cli<'_>) -> Option<Value> {
    let status = cli.json(&["status"]).ok()?;
    status["listeners"].as_array()?.iter().find(|listener| listener["name"] == "http").cloned()
}

#[test]
fn it_says_where_it_is_and_counts_what_it_does() -> Result<()> {
    sandbox_test(|sandbox| {
        let _app = App::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let off = cli.json(&["call", "get_http_api"])?;
        ensure!(off["on"] == false && off["address"].is_null() && counters(cli).is_none(), "{off}");
        let shown = cli.run(&["status"])?.stdout;
        let advice = format!("HTTP API: off (`{}` switches it on)", text(&off, "switch"));
        ensure!(shown.contains(&advice) && advice.contains("settings set httpApi"), "{shown}");

        cli.json(&["settings", "set", "httpApi", "127.0.0.1:0"])?;
        let http = Http::of(sandbox)?;
        let on = wait_until("its address", PATIENCE, || {
            let info = cli.json(&["call", "get_http_api"]).ok()?;
            info["address"].is_string().then_some(info)
        })?;
        ensure!(on["on"] == true && on["address"] == format!("http://{}", http.address), "{on}");
        ensure!(fs::read_to_string(text(&on, "token_file"))?.trim() == http.token, "{on}");
        let shown = cli.run(&["status"])?.stdout;
        ensure!(shown.contains(&format!("HTTP API: http://{}, token in ", http.address)), "{shown}");

        for _ in 0..3 {
            done(&http.call("GET", "/api/sessions", None)?, 200)?;
        }
        done(&http.raw("GET", "/api/sessions", &[], None)?, 401)?;
        let counted = |accepted: u64, messages: u64, refused: u64, open: u64| {
            wait_until(&format!("{messages} requests and {open} open"), PATIENCE, || {
                let now = counters(cli)?;
                let is = |key: &str, count: u64| now[key] == count;
                (is("accepted", accepted)
                    && is("messages", messages)
                    && is("refused", refused)
                    && is("open", open))
                .then_some(())
            })
            .with_context(|| format!("{:?}", counters(cli)))
        };
        counted(4, 3, 1, 0)?;
        let stream = http.stream("/api/sessions/multistream", &[])?;
        counted(5, 4, 1, 1)?;
        drop(stream);
        counted(5, 4, 1, 0)?;
        // It may have found something else.
        let doctor: Vec<Value> = serde_json::from_str(&cli.run(&["doctor", "--json"])?.stdout)?;
        let check = doctor.iter().find(|check| check["id"] == "listener.http").context("no check")?;
        ensure!(text(check, "detail") == "5 connections, 1 refused", "{check}");

        // Somebody else's port.
        let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
        cli.json(&["settings", "set", "httpApi", &taken.local_addr()?.to_string()])?;
        let down = wait_until("its problem", PATIENCE, || {
            let info = cli.json(&["call", "get_http_api"]).ok()?;
            info["problem"].is_string().then_some(info)
        })?;
        ensure!(text(&down, "problem").contains("cannot listen on") && down["address"].is_null(), "{down}");
        cli.json(&["settings", "unset", "httpApi"])?;
        wait_until("its end", PATIENCE, || {
            let info = cli.json(&["call", "get_http_api"]).ok()?;
            (info["on"] == false && counters(cli).is_none()).then_some(())
        })
    })
}

//! Notifications on a private bus, with a real daemon, without one, and without a bus.
//!
//! Each test starts itself again inside of a session of its own, and does its work there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

use crossbeam_channel::{Receiver, bounded};
use magia_app::os::notify::Notifier;
use magia_core::effect::Notice;
use magia_core::event::Event;
use magia_protocol::wire::{RequestId, SessionId};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use uuid::Uuid;

const LONG: Duration = Duration::from_secs(30);
/// Set in the process that was started inside of the session.
const INSIDE: &str = "MAGIA_TEST_INSIDE_SESSION";

fn inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs one test of this program through `wrapper` and takes over its outcome.
fn run_inside(test: &str, wrapper: &[&str], environment: &[(&str, &str)]) {
    let (program, words) = wrapper.split_first().unwrap();
    let output = Command::new(program)
        .args(words)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .envs(environment.iter().copied())
        .env(INSIDE, "1")
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|err| panic!("{program} is needed for this test: {err}"));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn notice(number: u128, title: &str, body: &str) -> Notice {
    Notice {
        request: RequestId::from_uuid(Uuid::from_u128(number)),
        session: SessionId::from_uuid(Uuid::from_u128(1)),
        title: title.into(),
        body: body.into(),
    }
}

fn problem(hub: &Receiver<Event>) -> Option<String> {
    match hub.recv_timeout(LONG).unwrap() {
        Event::ServiceReported { service: "notifications", problem } => problem,
        other => panic!("not a report: {other:?}"),
    }
}

/// Everything that is said to and by notification daemons on this bus.
struct Monitor {
    child: Child,
    lines: Receiver<String>,
}

impl Monitor {
    fn start() -> Self {
        let mut child = Command::new("dbus-monitor")
            .args(["--session", "interface='org.freedesktop.Notifications'"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = bounded(10_000);
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line.trim().to_owned()).is_err() {
                    return;
                }
            }
        });
        let monitor = Self { child, lines };
        // The bus says this when it begins to listen for us.
        monitor.wait("member=NameLost", 0);
        monitor
    }

    /// Waits for a message and returns the lines after its heading.
    fn wait(&self, what: &str, lines: usize) -> Vec<String> {
        while !self.next().contains(what) {}
        (0..lines).map(|_| self.next()).collect()
    }

    fn next(&self) -> String {
        self.lines.recv_timeout(LONG).expect("a message on the bus")
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn dunstctl(words: &[&str]) -> String {
    let output = Command::new("dunstctl").args(words).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn shown_replaced_and_withdrawn() {
    if !inside() {
        return run_inside(
            "shown_replaced_and_withdrawn",
            &["xvfb-run", "-a", "dbus-run-session", "--"],
            &[],
        );
    }
    let monitor = Monitor::start();
    let (events, hub) = bounded(8);
    let notifier = Notifier::start(events).unwrap();
    notifier.show(notice(1, "first title", "first body"));
    let first = monitor.wait("member=Notify", 5);
    assert_eq!(
        first,
        [
            r#"string "magia""#,
            "uint32 0",
            r#"string """#,
            r#"string "first title""#,
            r#"string "first body""#
        ]
    );
    notifier.show_urgent(notice(1, "<i>second</i>", "run <b>rm</b> && ls"));
    let second = monitor.wait("member=Notify", 5);
    let id = second[1].clone();
    assert_ne!(id, "uint32 0", "it takes the first one's place");
    assert_eq!(second[3], r#"string "<i>second</i>""#, "titles have no markup");
    assert_eq!(second[4], r#"string "run &lt;b&gt;rm&lt;/b&gt; &amp;&amp; ls""#);
    assert!(dunstctl(&["count"]).contains("Currently displayed: 1"), "{}", dunstctl(&["count"]));

    notifier.show(notice(2, "another", ""));
    assert_eq!(monitor.wait("member=Notify", 2)[1], "uint32 0");
    notifier.withdraw(notice(1, "", "").request);
    notifier.withdraw(notice(3, "", "").request);
    assert_eq!(monitor.wait("member=CloseNotification", 1), std::slice::from_ref(&id));
    // Closed by a call, says the daemon.
    assert_eq!(monitor.wait("member=NotificationClosed", 2), [id, "uint32 3".to_owned()]);
    assert!(dunstctl(&["count"]).contains("Currently displayed: 1"), "{}", dunstctl(&["count"]));
    let history = dunstctl(&["history"]);
    assert!(history.contains("second") && !history.contains("first title"), "{history}");
    drop(notifier);
    monitor.wait("member=CloseNotification", 1);
    assert!(hub.try_recv().is_err(), "nothing was reported");
}

#[test]
fn no_daemon_is_reported_once() {
    if !inside() {
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join("bus.conf");
        // A bus that starts no services.
        let text = r#"<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><auth>EXTERNAL</auth>
            <policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
            <allow own="*"/></policy></busconfig>"#;
        std::fs::write(&config, text).unwrap();
        let config = format!("--config-file={}", config.display());
        return run_inside("no_daemon_is_reported_once", &["dbus-run-session", &config, "--"], &[]);
    }
    reported_once();
}

#[test]
fn no_bus_is_reported_once() {
    if !inside() {
        let nowhere = [("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")];
        return run_inside("no_bus_is_reported_once", &["env"], &nowhere);
    }
    reported_once();
}

fn reported_once() {
    let (events, hub) = bounded(8);
    let notifier = Notifier::start(events).unwrap();
    for number in 0..3 {
        notifier.show(notice(number, "title", "body"));
        notifier.withdraw(notice(9, "", "").request);
    }
    assert!(problem(&hub).unwrap().contains("cannot be shown"));
    notifier.show(notice(4, "title", "body"));
    drop(notifier);
    assert!(hub.try_recv().is_err(), "it was said once");
}

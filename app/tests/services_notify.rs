//! Notifications on a private bus, with a real daemon, without one, and without a bus.
//!
//! Each test starts itself again inside of a session of its own, and does its work there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

use crossbeam_channel::{Receiver, bounded};
use magia_app::os::notify::Notifier;
use magia_core::effect::Notice;
use magia_core::event::{Event, NoticeNews};
use magia_protocol::wire::info::Decision;
use magia_protocol::wire::{NoticeKind, RequestId};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
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

fn notice(number: u64, title: &str, body: &str) -> Notice {
    Notice {
        number,
        kind: NoticeKind::Attention,
        session: None,
        decide: None,
        sound: false,
        title: title.into(),
        body: body.into(),
    }
}

fn request() -> RequestId {
    RequestId::from_uuid(Uuid::from_u128(7))
}

fn problem(hub: &Receiver<Event>) -> Option<String> {
    loop {
        match hub.recv_timeout(LONG).unwrap() {
            Event::ServiceReported { service: "notifications", problem } => return problem,
            Event::NoticeReported { news: NoticeNews::Failed(_) | NoticeNews::Shown, .. } => {}
            other => panic!("not a report: {other:?}"),
        }
    }
}

/// The next news of a notification.
fn news(hub: &Receiver<Event>) -> (u64, NoticeNews) {
    match hub.recv_timeout(LONG).expect("news of a notification") {
        Event::NoticeReported { number, news } => (number, news),
        other => panic!("not news of a notification: {other:?}"),
    }
}

/// A dunst of the test's own, with what it is configured by.
struct Dunst {
    child: Child,
    home: tempfile::TempDir,
}

impl Dunst {
    /// Starts it and waits until it has its name. `rule` is for every notification; a menu picks the line with the word
    /// that stands in [`Self::pick`].
    fn start(rule: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let picked = home.path().join("picked");
        let menu = home.path().join("menu");
        std::fs::write(&menu, format!("#!/bin/sh\ngrep -m1 \"$(cat {})\"\n", picked.display())).unwrap();
        let mut mode = std::fs::metadata(&menu).unwrap().permissions();
        mode.set_mode(0o755);
        std::fs::set_permissions(&menu, mode).unwrap();
        let text = format!("[global]\ndmenu = {}\n[all]\nappname = *\n{rule}\n", menu.display());
        std::fs::write(home.path().join("dunstrc"), text).unwrap();
        let child = Self::run(&home);
        Self { child, home }
    }

    fn run(home: &tempfile::TempDir) -> Child {
        let child = Command::new("dunst").arg("-conf").arg(home.path().join("dunstrc")).spawn().unwrap();
        let until = Instant::now() + LONG;
        // dunstctl would have the bus start another.
        while !has_daemon() {
            assert!(Instant::now() < until, "dunst does not come up");
        }
        child
    }

    fn pick(&self, word: &str) {
        std::fs::write(self.home.path().join("picked"), word).unwrap();
        dunstctl(&["context"]);
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn start_again(&mut self) {
        self.child = Self::run(&self.home);
    }
}

fn has_daemon() -> bool {
    let words = ["--session", "--print-reply", "--dest=org.freedesktop.DBus", "/"];
    let asks = ["org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.Notifications"];
    let output = Command::new("dbus-send").args(words).args(asks).output().unwrap();
    String::from_utf8_lossy(&output.stdout).contains("true")
}

impl Drop for Dunst {
    fn drop(&mut self) {
        self.kill();
    }
}

const IN_A_SESSION: [&str; 4] = ["xvfb-run", "-a", "dbus-run-session", "--"];

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
        self.heading(what);
        (0..lines).map(|_| self.next()).collect()
    }

    /// Waits for a message and returns its heading, which names sender and receiver.
    fn heading(&self, what: &str) -> String {
        loop {
            let line = self.next();
            if line.contains(what) {
                return line;
            }
        }
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
        return run_inside("shown_replaced_and_withdrawn", &IN_A_SESSION, &[]);
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
    notifier.show(notice(1, "<i>second</i>", "run <b>rm</b> && ls"));
    let second = monitor.wait("member=Notify", 5);
    let id = second[1].clone();
    assert_ne!(id, "uint32 0", "it takes the first one's place");
    assert_eq!(second[3], r#"string "<i>second</i>""#, "titles have no markup");
    assert_eq!(second[4], r#"string "run &lt;b&gt;rm&lt;/b&gt; &amp;&amp; ls""#);
    assert!(dunstctl(&["count"]).contains("Currently displayed: 1"), "{}", dunstctl(&["count"]));

    notifier.show(notice(2, "another", ""));
    assert_eq!(monitor.wait("member=Notify", 2)[1], "uint32 0");
    notifier.withdraw(1);
    notifier.withdraw(3);
    assert_eq!(monitor.wait("member=CloseNotification", 1), std::slice::from_ref(&id));
    // Closed by a call, says the daemon.
    assert_eq!(monitor.wait("member=NotificationClosed", 2), [id, "uint32 3".to_owned()]);
    assert!(dunstctl(&["count"]).contains("Currently displayed: 1"), "{}", dunstctl(&["count"]));
    let history = dunstctl(&["history"]);
    assert!(history.contains("second") && !history.contains("first title"), "{history}");
    drop(notifier);
    monitor.wait("member=CloseNotification", 1);
    let shown: Vec<u64> = hub
        .try_iter()
        .map(|event| match event {
            Event::NoticeReported { number, news: NoticeNews::Shown } => number,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(shown, [1, 1, 2]);
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
    let (events, hub) = bounded(16);
    let notifier = Notifier::start(events).unwrap();
    for number in 0..3 {
        notifier.show(notice(number, "title", "body"));
        notifier.withdraw(9);
    }
    let (_, failed) = news(&hub);
    assert!(matches!(failed, NoticeNews::Failed(_)), "{failed:?}");
    assert!(problem(&hub).unwrap().contains("cannot be shown"));
    notifier.show(notice(4, "title", "body"));
    loop {
        // What waited was replaced or is told of too; the banner comes once.
        match news(&hub) {
            (4, NoticeNews::Failed(_)) => break,
            (_, NoticeNews::Failed(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    drop(notifier);
    assert!(hub.try_recv().is_err(), "it was said once");
}

#[test]
fn clicks_buttons_and_forgeries() {
    if !inside() {
        return run_inside("clicks_buttons_and_forgeries", &IN_A_SESSION, &[]);
    }
    let dunst = Dunst::start("");
    let monitor = Monitor::start();
    let (events, hub) = bounded(16);
    let notifier = Notifier::start(events).unwrap();
    notifier.show(Notice { decide: Some(request()), ..notice(1, "title", "body") });
    let call = monitor.heading("member=Notify");
    let ours = call.split_whitespace().find_map(|word| word.strip_prefix("sender=")).unwrap().to_owned();
    assert_eq!(news(&hub), (1, NoticeNews::Shown));
    // Anyone can send what looks like a click, to all or to us.
    let allow = format!("string:allow:{}", request());
    for to in [vec![], vec![format!("--dest={ours}")]] {
        for member in ["ActionInvoked", "NotificationClosed"] {
            let action = if member == "ActionInvoked" { allow.as_str() } else { "uint32:2" };
            let sent = Command::new("dbus-send")
                .args(["--session", "--type=signal"])
                .args(&to)
                .arg("/org/freedesktop/Notifications")
                .args([&format!("org.freedesktop.Notifications.{member}"), "uint32:1", action])
                .status();
            assert!(sent.unwrap().success());
            monitor.heading(&format!("member={member}"));
        }
    }
    // What was sent to us before is read before: only the daemon's own click comes.
    dunst.pick("Deny");
    let denied = NoticeNews::Answered { request: request(), decision: Decision::Deny };
    assert_eq!(news(&hub), (1, denied));
    let allowed = NoticeNews::Answered { request: request(), decision: Decision::Allow };
    notifier.show(Notice { decide: Some(request()), ..notice(2, "title", "body") });
    let mut next = news(&hub);
    if next == (1, NoticeNews::Closed) {
        // dunst closes what was answered.
        next = news(&hub);
    }
    assert_eq!(next, (2, NoticeNews::Shown));
    dunst.pick("Allow");
    assert_eq!(news(&hub), (2, allowed));
    notifier.withdraw(2);
    monitor.wait("member=NotificationClosed", 1);
    notifier.show(notice(3, "title", "body"));
    let shown = hub.iter().find_map(|event| match event {
        Event::NoticeReported { number: 3, news } => Some(news),
        _ => None,
    });
    assert_eq!(shown, Some(NoticeNews::Shown));
    dunstctl(&["action", "0"]);
    assert_eq!(news(&hub), (3, NoticeNews::Clicked));
    notifier.show(notice(4, "another", "body"));
    let taken_away = hub.iter().find_map(|event| match event {
        Event::NoticeReported { number: 4, news: NoticeNews::Shown } => {
            dunstctl(&["close-all"]);
            None
        }
        Event::NoticeReported { number: 4, news } => Some(news),
        _ => None,
    });
    assert_eq!(taken_away, Some(NoticeNews::Closed));
    drop(dunst);
}

#[test]
fn a_click_as_it_appears_is_not_lost() {
    if !inside() {
        return run_inside("a_click_as_it_appears_is_not_lost", &IN_A_SESSION, &[]);
    }
    let home = tempfile::tempdir().unwrap();
    let script = home.path().join("click");
    // dunst runs it as it shows a notification, which may be before our call has its answer.
    std::fs::write(&script, "#!/bin/sh\nexec dunstctl action 0\n").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let _dunst = Dunst::start(&format!("script = {}", script.display()));
    let (events, hub) = bounded(64);
    let notifier = Notifier::start(events).unwrap();
    for number in 1..=6 {
        notifier.show(notice(number, &format!("title {number}"), "body"));
        let mut clicked = false;
        while !clicked {
            clicked = news(&hub) == (number, NoticeNews::Clicked);
        }
        notifier.withdraw(number);
    }
}

#[test]
fn a_daemon_that_died_is_followed_by_the_next() {
    if !inside() {
        return run_inside("a_daemon_that_died_is_followed_by_the_next", &IN_A_SESSION, &[]);
    }
    let mut dunst = Dunst::start("");
    let (events, hub) = bounded(16);
    let notifier = Notifier::start(events).unwrap();
    notifier.show(notice(1, "still waits", "body"));
    assert_eq!(news(&hub), (1, NoticeNews::Shown));
    notifier.show(Notice { kind: NoticeKind::Completed, ..notice(2, "was said", "body") });
    assert_eq!(news(&hub), (2, NoticeNews::Shown));
    dunst.kill();
    dunst.start_again();
    // What needs a person is shown by the next daemon; what was only said is not said again.
    assert_eq!(news(&hub), (1, NoticeNews::Shown));
    assert_eq!(news(&hub), (2, NoticeNews::Closed));
    assert!(dunstctl(&["count", "displayed"]).trim() == "1", "{}", dunstctl(&["count"]));
    dunstctl(&["action", "0"]);
    assert_eq!(news(&hub), (1, NoticeNews::Clicked));
    notifier.show(notice(3, "after", "body"));
    let after = hub.iter().find_map(|event| match event {
        Event::NoticeReported { number: 3, news } => Some(news),
        _ => None,
    });
    assert_eq!(after, Some(NoticeNews::Shown));
}

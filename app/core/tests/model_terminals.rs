//! Terminals: which session runs in which, and who may ask what of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod script;

use magia_core::effect::{Effect, TerminalWish};
use magia_core::event::{Event, Origin, ReplyId};
use magia_protocol::wire::{Command, ErrorCode, ProcessId, TerminalInfo, TerminalState};
use script::{Script, T0, below, message};
use serde_json::{Value, json};

fn terminal(id: &str, tty: Option<&str>, state: TerminalState) -> TerminalInfo {
    TerminalInfo {
        id: id.to_owned(),
        name: "claude".to_owned(),
        title: None,
        command: vec!["claude".to_owned()],
        cwd: "/home/dev/shop".to_owned(),
        state,
        exit_code: None,
        process: None,
        tty: tty.map(str::to_owned),
        cols: 80,
        rows: 24,
        started_at_ms: T0,
        sessions: Vec::new(),
    }
}

fn running(list: &[(&str, Option<&str>)]) -> Event {
    Event::TerminalsRead(list.iter().map(|(id, tty)| terminal(id, *tty, TerminalState::Running)).collect())
}

/// A hook of an agent on a device; an empty one is none.
fn hook_on(script: &mut Script, pid: u32, session: &str, tty: &str) {
    let payload = json!({"session_id": session, "cwd": "/home/dev/shop", "source": "startup",
        "hook_event_name": "SessionStart"});
    let mut message = message(pid, "SessionStart", &payload);
    message.tty = tty.to_owned();
    script.apply(Event::HookReceived(message));
}

/// A command; where its effects begin.
fn command(script: &mut Script, reply: u64, method: &str, params: Value, origin: Origin) -> usize {
    let command = Command::parse(method, &params).unwrap();
    script.apply(Event::CommandReceived { reply: ReplyId(9_000 + reply), command, origin })
}

fn wishes(script: &Script, first: usize) -> Vec<TerminalWish> {
    let of = |effect: &Effect| match effect {
        Effect::Terminal { wish, .. } => Some(wish.clone()),
        _ => None,
    };
    script.since(first).iter().filter_map(of).collect()
}

#[test]
fn a_session_runs_in_the_terminal_with_its_device() {
    let mut script = Script::new();
    hook_on(&mut script, 10, "a", "pts/3");
    assert_eq!(script.row("a").terminal, None);
    let first = script.apply(running(&[("one", Some("pts/2")), ("two", Some("pts/3"))]));
    assert_eq!(script.row("a").terminal.as_deref(), Some("two"));
    assert_eq!(script.published(first, "terminals:changed"), 1);
    let again = script.apply(running(&[("one", Some("pts/2")), ("two", Some("pts/3"))]));
    assert_eq!(script.published(again, "terminals:changed"), 0, "nothing new");

    let listed = script.cli("get_terminals", Value::Null).unwrap();
    assert_eq!(listed[1]["sessions"], json!([script.row("a").id]));
    assert_eq!(listed[0]["sessions"], json!([]));

    // The device was given to another terminal.
    script.apply(running(&[("three", Some("pts/3"))]));
    assert_eq!(script.row("a").terminal.as_deref(), Some("three"));
    script.dies(10);
    assert_eq!(script.row("a").terminal, None);
}

#[test]
fn a_session_without_a_device_is_placed_by_its_environment_and_one_in_tmux_is_not() {
    let mut script = Script::new();
    script.apply(running(&[("one", Some("pts/2"))]));
    for (pid, session, tty) in [(10, "a", ""), (11, "b", "pts/9")] {
        hook_on(&mut script, pid, session, tty);
        let process = script.row(session).process.unwrap();
        script.apply(Event::ProcessPlaced { process, terminal: "one".to_owned() });
    }
    assert_eq!(script.row("a").terminal.as_deref(), Some("one"));
    assert_eq!(script.row("b").terminal, None, "what the terminal shows is tmux");
    let unknown = ProcessId { pid: 99, start: 1 };
    script.apply(Event::ProcessPlaced { process: unknown, terminal: "one".to_owned() });
    script.apply(Event::TerminalsRead(vec![terminal("one", None, TerminalState::Exited)]));
    assert_eq!(script.row("a").terminal, None, "it has ended");
}

#[test]
fn wishes_name_a_running_terminal_by_a_unique_prefix() {
    let mut script = Script::new();
    script.apply(Event::TerminalsRead(vec![
        terminal("abc", None, TerminalState::Running),
        terminal("abd", None, TerminalState::Running),
        terminal("x", None, TerminalState::Exited),
    ]));
    let mut fails = |method: &str, params: Value| script.cli(method, params).unwrap_err();
    assert_eq!(fails("kill_pty", json!({"terminal": "ab"})).code, ErrorCode::Ambiguous);
    assert_eq!(fails("kill_pty", json!({"terminal": ""})).code, ErrorCode::NotFound);
    assert_eq!(fails("kill_pty", json!({"terminal": "x"})).code, ErrorCode::Conflict);
    assert_eq!(fails("kill_pty", json!({"terminal": "y"})).code, ErrorCode::NotFound);
    assert_eq!(
        fails("resize_pty", json!({"terminal": "abc", "cols": 0, "rows": 5})).code,
        ErrorCode::BadParams
    );
    assert_eq!(
        fails("resize_pty", json!({"terminal": "abc", "cols": 80, "rows": 1_001})).code,
        ErrorCode::BadParams
    );
    let all = script.cli("get_terminals", json!({"all": true})).unwrap();
    assert_eq!(all.as_array().map(Vec::len), Some(3));
    let now = script.cli("get_terminals", Value::Null).unwrap();
    assert_eq!(now.as_array().map(Vec::len), Some(2));

    let typed = json!({"terminal": "abd", "data": "ls\r"});
    let first = command(&mut script, 1, "write_pty", typed, script::cli());
    let wish = TerminalWish::Write { terminal: "abd".to_owned(), data: "ls\r".to_owned() };
    assert_eq!(wishes(&script, first), [wish]);
}

#[test]
fn an_agent_may_look_at_terminals_and_nothing_else() {
    let mut script = Script::new();
    script.apply(running(&[("one", Some("pts/2"))]));
    let agent = || below(&[(50, "magia"), (49, "claude")]);
    for (at, (method, params)) in (0..).zip([
        ("create_pty", json!({"command": ["true"]})),
        ("write_pty", json!({"terminal": "one", "data": "y"})),
        ("resize_pty", json!({"terminal": "one", "cols": 80, "rows": 24})),
        ("kill_pty", json!({"terminal": "one"})),
    ]) {
        let first = command(&mut script, at, method, params, agent());
        assert_eq!(wishes(&script, first), [], "{method}");
    }
    let first = command(&mut script, 9, "create_pty", json!({"cwd": "~/shop"}), script::cli());
    assert!(matches!(&wishes(&script, first)[..], [TerminalWish::Create { shell: None, .. }]));
}

#[test]
fn a_program_that_notifies_is_heard_unless_an_agent_tells_of_itself() {
    let mut script = Script::new();
    let notify = |script: &mut Script, terminal: &str| {
        let (title, body) = ("make".to_owned(), "all tests passed".to_owned());
        let first = script.apply(Event::TerminalNotified { terminal: terminal.to_owned(), title, body });
        let notices = script.since(first).iter().filter_map(|effect| match effect {
            Effect::Notify(notice) => Some(format!("{} | {}", notice.title, notice.body)),
            _ => None,
        });
        notices.collect::<Vec<_>>()
    };
    script.apply(running(&[("one", Some("pts/2")), ("two", Some("pts/3"))]));
    assert_eq!(notify(&mut script, "one"), ["claude: make | all tests passed"]);
    hook_on(&mut script, 10, "a", "pts/3");
    assert!(notify(&mut script, "two").is_empty(), "Claude's own hook tells of it");
    // At the window it is a toast.
    script.apply(Event::WindowChanged { focused: true, selected: None });
    assert!(notify(&mut script, "unknown").is_empty());
    let snapshot = script.model.snapshot(script.now).unwrap();
    let toasts: Vec<&str> = snapshot.toasts.iter().map(|toast| toast.text.as_str()).collect();
    assert_eq!(toasts, ["unknown: make: all tests passed"]);
}

//! Facts for pictures and tests.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

pub mod metrics;

use magia_core::ide::ProposedDiff;
use magia_core::snapshot::{Problem, RequestView, Snapshot, TimelineView, Toast};
use magia_core::subject::{Mark, Subject};
use magia_core::timeline::{Body, TimelineItem, ToolItem, ToolStatus};
use magia_protocol::wire::info::{
    Decision, EvidenceInfo, HooksInfo, ListenerInfo, OutcomeInfo, ProviderInfo, RequestInfo, SessionInfo,
};
use magia_protocol::wire::notice::ChannelInfo;
use magia_protocol::wire::{
    NoticeKind, NoticeOutcome, NotificationInfo, ProcessId, Provider, ProviderSessionId, RequestId,
    RequestState, Risk, SessionId, SessionState, TitleSource,
};
use serde_json::{Value, json};
use std::sync::Arc;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;

pub fn session_id(number: u64) -> SessionId {
    format!("0199aaaa-bbbb-7ccc-8ddd-{number:012x}").parse().unwrap()
}

pub fn request_id(number: u64) -> RequestId {
    format!("0199cccc-bbbb-7ccc-8ddd-{number:012x}").parse().unwrap()
}

pub fn session(number: u64, project: &str, title: &str, state: SessionState, since_ms: u64) -> SessionInfo {
    let evidence = |source: &str, fact: &str, ago: u64, decisive| EvidenceInfo {
        source: source.into(),
        fact: fact.into(),
        state,
        at_ms: since_ms.saturating_sub(ago),
        decisive,
    };
    SessionInfo {
        id: session_id(number),
        provider: Provider::Claude,
        provider_session_id: Some(ProviderSessionId(format!("5d1c1c9a-0000-4000-8000-{number:012x}"))),
        parent: None,
        title: title.into(),
        title_source: TitleSource::Ai,
        cwd: format!("/home/me/{project}"),
        project: project.into(),
        state,
        state_since_ms: since_ms,
        evidence: vec![
            evidence("hook", "PreToolUse Bash", 0, true),
            evidence("registry", "busy", 4 * SECOND, false),
            evidence("process", "alive", 90 * SECOND, false),
        ],
        disagreement: None,
        process: Some(ProcessId { pid: 4_000 + number as u32, start: 1 }),
        tty: Some("pts/3".into()),
        terminal: None,
        editor: None,
        model: Some("claude-opus-4-5".into()),
        permission_mode: Some("default".into()),
        started_at_ms: since_ms.saturating_sub(30 * MINUTE) + number,
        last_activity_ms: since_ms,
        requests: Vec::new(),
        pinned: false,
        hidden: false,
        transcript_path: Some("/home/me/.claude/projects/-home-me-webshop/5d1c1c9a.jsonl".into()),
        subagents: 0,
        hijacked_since_ms: None,
        unread_since_ms: None,
        claims: Vec::new(),
        hook_cost: None,
    }
}

pub fn request(
    number: u64,
    of: &SessionInfo,
    tool: &str,
    input: Value,
    risk: Risk,
    at_ms: u64,
) -> RequestView {
    let mut subject = Subject::of(tool, &input);
    if let Subject::Command { command, marks, .. } = &mut subject
        && let Some(at) = command.find("rm -rf")
    {
        *marks =
            vec![Mark { range: at..at + 6, risk: Risk::High, reason: "deletes recursively without asking" }];
    }
    RequestView {
        info: RequestInfo {
            id: request_id(number),
            session: of.id,
            session_title: of.title.clone(),
            provider: Some(Provider::Claude),
            kind: subject.kind().into(),
            tool: tool.into(),
            input,
            summary: subject.summary(),
            cwd: of.cwd.clone(),
            agent_id: None,
            risk,
            risk_reasons: vec!["runs code in the project".into()],
            policy: "ask by preset default".into(),
            question: number.to_string(),
            always: (tool == "Bash").then(|| "Bash(cargo test:*)".into()),
            state: RequestState::Open,
            may_be_answered: false,
            asked_at_ms: at_ms,
            shows_diff: false,
            outcome: None,
        },
        subject,
        answerable: true,
        takes_reason: true,
        diff: None,
    }
}

fn listener(name: &str) -> ListenerInfo {
    ListenerInfo { name: name.into(), up: true, accepted: 1_204, messages: 1_204, ..Default::default() }
}

fn hooks_of(provider: Provider, file: &str, state: &str) -> Arc<HooksInfo> {
    Arc::new(HooksInfo {
        provider,
        file: format!("/home/me/{file}"),
        state: state.into(),
        missing: Vec::new(),
        outdated: Vec::new(),
        lost: false,
        strict: false,
        untrusted: Vec::new(),
        warnings: Vec::new(),
    })
}

fn hooks(state: &str) -> Vec<Arc<HooksInfo>> {
    vec![
        hooks_of(Provider::Claude, ".claude/settings.json", state),
        hooks_of(Provider::Codex, ".codex/hooks.json", "not installed"),
        hooks_of(Provider::Gemini, ".gemini/settings.json", state),
    ]
}

fn base(now_ms: u64) -> Snapshot {
    let provider = |provider: Provider, path: Option<&str>, version: Option<&str>| ProviderInfo {
        id: provider.as_str().into(),
        provider,
        path: path.map(str::to_owned),
        version: version.map(str::to_owned),
        source: path.map(|_| "path".into()),
    };
    Snapshot {
        revision: 1,
        made_at_ms: now_ms,
        loaded: true,
        listeners: vec![listener("hooks"), listener("permissions"), listener("cli")],
        providers: Some(vec![
            provider(Provider::Claude, Some("/home/me/.local/bin/claude"), Some("2.1.197")),
            provider(Provider::Codex, Some("/usr/local/bin/codex"), None),
            provider(Provider::Gemini, None, None),
        ]),
        hooks: hooks("installed"),
        ..Snapshot::default()
    }
}

const EDIT_OLD: &str = "use std::time::Instant;\n\npub struct Checkout {\n    started: Instant,\n}\n\nimpl Checkout {\n    pub fn new() -> Self {\n        Self { started: Instant::now() }\n    }\n}\n";
const EDIT_NEW: &str = "use crate::clock::Clock;\nuse std::time::Instant;\n\npub struct Checkout<'a> {\n    clock: &'a dyn Clock,\n    started: Instant,\n}\n\nimpl<'a> Checkout<'a> {\n    pub fn new(clock: &'a dyn Clock) -> Self {\n        Self { clock, started: clock.now() }\n    }\n}\n";

pub fn edit_input() -> Value {
    json!({"file_path": "/home/me/webshop/src/checkout.rs", "old_string": EDIT_OLD, "new_string": EDIT_NEW})
}

pub fn question_input() -> Value {
    json!({"questions": [
        {"question": "Which store should the search index live in?", "header": "Store", "multiSelect": false,
         "options": [
            {"label": "SQLite FTS5", "description": "No new service; enough for some 100,000 products"},
            {"label": "Tantivy", "description": "Faster, typo tolerant; one more dependency and an index on disk"}]},
        {"question": "Which fields should be searched?", "header": "Fields", "multiSelect": true,
         "options": [
            {"label": "Title", "description": ""},
            {"label": "Description", "description": ""},
            {"label": "Reviews", "description": "Triples the size of the index"}]}]})
}

pub fn busy(now_ms: u64) -> Snapshot {
    magia_app::ui::text::set_home("/home/me");
    use SessionState as S;
    let ago = |ms: u64| now_ms - ms;
    let mut sessions = vec![
        session(1, "webshop", "Fix flaky checkout test", S::WaitingPermission, ago(6 * SECOND)),
        session(2, "webshop", "Cart refactor", S::Working, ago(12 * MINUTE)),
        session(3, "webshop", "Search UI", S::Idle, ago(125 * MINUTE)),
        session(4, "api", "Rate limits per key", S::WaitingPermission, ago(40 * SECOND)),
        session(5, "api", "Migrate to axum 0.8", S::Working, ago(70 * SECOND)),
        session(6, "api", "Release 4.2", S::Failed, ago(18 * MINUTE)),
        session(7, "docs", "Which search index", S::WaitingAnswer, ago(3 * MINUTE)),
        session(
            8,
            "docs",
            "Rewrite the tutorial for people who have never used a terminal before",
            S::Ended,
            ago(3_000 * MINUTE),
        ),
        session(9, "infra", "Nightly backups", S::Working, ago(4 * SECOND)),
    ];
    sessions[1].subagents = 2;
    sessions[4].pinned = true;
    sessions[4].disagreement = Some("the registry says idle for 2 min, the last hook says PreToolUse".into());
    let requests = vec![
        request(
            1,
            &sessions[0],
            "Bash",
            json!({"command": "rm -rf target/tmp && cargo test --all --no-fail-fast -- --test-threads=1 checkout",
                   "description": "Clean the scratch directory and run the whole test suite on one thread"}),
            Risk::Medium,
            ago(6 * SECOND),
        ),
        request(2, &sessions[3], "Edit", edit_input(), Risk::Low, ago(40 * SECOND)),
        request(3, &sessions[6], "AskUserQuestion", question_input(), Risk::Low, ago(3 * MINUTE)),
    ];
    let mut snapshot = Snapshot {
        sessions: sessions.into_iter().map(Arc::new).collect(),
        requests: requests.into_iter().map(Arc::new).collect(),
        ..base(now_ms)
    };
    snapshot.timeline = Some(timeline(&snapshot, session_id(1), now_ms));
    snapshot
}

fn item(key: u64, at_ms: u64, body: Body) -> Arc<TimelineItem> {
    // The metrics' scene has a prompt of this name.
    let turn = matches!(body, Body::Prompt(_)).then(|| "p22".into());
    Arc::new(TimelineItem { key, at_ms, agent_id: None, turn, body })
}

fn nested(key: u64, agent: &str, at_ms: u64, body: Body) -> Arc<TimelineItem> {
    Arc::new(TimelineItem { key, at_ms, agent_id: Some(agent.into()), turn: None, body })
}

pub fn tool(name: &str, input: Value, status: ToolStatus, ms: Option<u64>, result: Option<&str>) -> Body {
    Body::Tool(ToolItem {
        use_id: "toolu_1".into(),
        name: name.into(),
        subject: Subject::of(name, &input),
        result: result.map(Arc::from),
        status,
        duration_ms: ms,
    })
}

const MESSAGE: &str = "The clock is read **twice**: once in `Checkout::new` and once in `Checkout::total`. When a second passes between them, the discount differs.\n\n1. Pass a `Clock` into `Checkout`\n2. Freeze it in the test\n3. Run the suite on one thread to be sure\n\n```rust\nlet clock = FixedClock::at(\"2026-11-21T10:41:07Z\");\nlet checkout = Checkout::new(&clock);\nassert_eq!(checkout.total(), 42_00);\n```\n\nSee [the issue](https://example.org/issues/17) for the first report.";

pub fn timeline(snapshot: &Snapshot, of: SessionId, now_ms: u64) -> TimelineView {
    use ToolStatus as T;
    let at = |ago_s: u64| now_ms - ago_s * SECOND;
    let mut items = vec![
        item(0, at(700), Body::Note { failed: false, text: "Session started in ~/webshop".into() }),
        item(1, at(690), Body::Prompt("Make the checkout test deterministic. It fails about once in thirty runs, only on CI; the log is in ci/last.log".into())),
        item(2, at(680), Body::Thinking("The failure is about one cent, so rounding or time. Let me read the test first.\nThen the code.".into())),
        item(3, at(670), tool("Read", json!({"file_path": "/home/me/webshop/tests/checkout.rs"}), T::Done, Some(210), Some("1  use webshop::checkout::Checkout;\n2  \n3  #[test]\n4  fn total() {"))),
        item(4, at(660), tool("Grep", json!({"pattern": "Instant::now", "path": "src"}), T::Done, Some(90), Some("src/checkout.rs:9\nsrc/checkout.rs:31"))),
        item(5, at(600), tool("Bash", json!({"command": "cargo test checkout -- --nocapture 2>&1 | tail -40"}), T::Failed, Some(14_230), Some("test total ... FAILED\nassertion `left == right` failed\n  left: 4199\n right: 4200"))),
        item(6, at(590), Body::Message(MESSAGE.into())),
        nested(7, "a1", at(500), Body::Subagent { agent_type: "general-purpose".into(), ended: None }),
        nested(8, "a1", at(490), tool("Grep", json!({"pattern": "SystemTime", "path": "."}), T::Done, Some(120), Some("3 files"))),
        nested(17, "a2", at(488), Body::Subagent { agent_type: "code-reviewer".into(), ended: None }),
        nested(9, "a1", at(480), tool("Read", json!({"file_path": "/home/me/webshop/src/discount.rs"}), T::Done, Some(80), Some("pub fn discount(at: SystemTime) -> u32 {\n    // One per cent an hour\n    7\n}"))),
        nested(18, "a2", at(475), tool("Bash", json!({"command": "git log --oneline -5 -- src/checkout.rs"}), T::Done, Some(30), Some("1f3ac02 Round once"))),
        nested(10, "a1", at(470), Body::Message("No other code reads the clock directly.".into())),
        nested(11, "a1", at(460), Body::Subagent { agent_type: "general-purpose".into(), ended: Some("No other code reads the clock directly.".into()) }),
        nested(19, "a2", at(450), Body::Subagent { agent_type: "code-reviewer".into(), ended: Some("The rounding changed in 1f3ac02.".into()) }),
        item(12, at(400), tool("Edit", edit_input(), T::Done, Some(40), Some("ok"))),
        item(13, at(380), Body::Request { id: request_id(90), tool: "Bash".into(), summary: "git push --force".into(), state: RequestState::TookEffect, outcome: Some("denied by window: not on a Friday".into()) }),
        item(14, at(370), tool("Bash", json!({"command": "git push --force"}), T::Denied, None, None)),
        item(15, at(360), tool("WebFetch", json!({"url": "https://docs.rs/axum", "prompt": "what changed"}), T::Running, None, None)),
        item(16, at(60), Body::Note { failed: true, text: "magia was not running for 3 min: what happened then is read from the transcript".into() }),
    ];
    for view in snapshot.requests.iter().filter(|view| view.info.session == of) {
        items.push(item(
            30 + items.len() as u64,
            view.info.asked_at_ms,
            Body::Request {
                id: view.info.id,
                tool: view.info.tool.clone(),
                summary: view.info.summary.clone(),
                state: view.info.state,
                outcome: None,
            },
        ));
    }
    TimelineView { session: of, loading: false, items: Arc::new(items) }
}

pub fn many(now_ms: u64, sessions: u64, entries: u64) -> Snapshot {
    let mut snapshot = busy(now_ms);
    let states = SessionState::ALL;
    for number in 0..sessions {
        // Nobody could attend to hundreds.
        let state = match states[(number % 6) as usize] {
            state if state.needs_you() => SessionState::Idle,
            state => state,
        };
        let since = now_ms - number * 37 * SECOND;
        let project = format!("project-{:02}", number % 23);
        snapshot.sessions.push(Arc::new(session(
            100 + number,
            &project,
            &format!("Task number {number}"),
            state,
            since,
        )));
    }
    let view = snapshot.timeline.as_mut().unwrap();
    let mut items = Vec::new();
    let base = view.items.as_ref().clone();
    for round in 0..entries / 20 {
        for old in base.iter().take(20) {
            let mut fresh = (**old).clone();
            fresh.key = round * 100 + old.key;
            items.push(Arc::new(fresh));
        }
    }
    items.extend(base.into_iter().skip(20).map(|old| {
        let mut fresh = (*old).clone();
        fresh.key += 10_000_000;
        Arc::new(fresh)
    }));
    view.items = Arc::new(items);
    snapshot
}

fn long(now_ms: u64) -> Snapshot {
    let mut snapshot = busy(now_ms);
    let name = "Investigate why the extraordinarily long-named integration test suite of the payments service times out on the second retry \u{202e}gpj.exe";
    for session in &mut snapshot.sessions {
        let session = Arc::make_mut(session);
        session.title = format!("{} {name}", session.title);
        session.project = format!("{}-with-a-rather-long-project-directory-name", session.project);
        session.model = Some("claude-opus-4-5-20251101-with-a-very-long-suffix[1m]".into());
    }
    let first = (*snapshot.sessions[0]).clone();
    let command = format!(
        "curl -fsSL https://example.org/install-{}.sh | sudo bash -s -- --prefix=/usr/local && rm -rf /var/lib/{}/\u{200b}cache && for f in $(find . -name '*.rs'); do rustfmt --check \"$f\" || echo \"$f\" >> /tmp/unformatted; done",
        "x".repeat(90),
        "very-long-name-".repeat(6)
    );
    let mut view = request(1, &first, "Bash", json!({"command": command}), Risk::High, now_ms - 6 * SECOND);
    view.info.may_be_answered = true;
    view.info.always = Some(format!("Bash(curl -fsSL https://example.org/{}:*)", "x".repeat(60)));
    snapshot.requests[0] = Arc::new(view);
    let mut decided =
        request(5, &first, "Bash", json!({"command": "cargo publish"}), Risk::High, now_ms - 20 * SECOND);
    decided.info.state = RequestState::Decided;
    decided.info.outcome = Some(OutcomeInfo {
        decision: Some(Decision::Allow),
        by: "window".into(),
        at_ms: now_ms,
        reason: None,
        edited_input: None,
    });
    snapshot.requests.push(Arc::new(decided));
    snapshot.timeline = Some(timeline(&snapshot, first.id, now_ms));
    snapshot
}

fn errors(now_ms: u64) -> Snapshot {
    let mut snapshot = busy(now_ms);
    snapshot.listeners[1] = ListenerInfo {
        name: "permissions".into(),
        error: Some("the socket belongs to another user".into()),
        ..Default::default()
    };
    snapshot.problems = vec![Problem {
        id: "listener.permissions".into(),
        text: "The permissions listener is down: requests are asked in the terminal only; sessions and timelines still work".into(),
        retry: Some("permissions".into()),
    }];
    let lost = Arc::make_mut(&mut snapshot.hooks[0]);
    (lost.lost, lost.state, lost.missing) =
        (true, "partial".into(), vec!["PermissionRequest".into(), "Stop".into()]);
    snapshot.toasts = vec![
        Toast { number: 1, failed: false, text: "Settings saved".into(), about: None },
        Toast {
            number: 2,
            failed: true,
            text: "The request was not answered: the agent is gone; look at its terminal".into(),
            about: None,
        },
    ];
    snapshot
}

/// A row of the ledger of one of `busy`'s sessions.
fn notification(
    snapshot: &Snapshot,
    id: u64,
    session: u64,
    kind: NoticeKind,
    body: &str,
) -> NotificationInfo {
    let of = snapshot.sessions.iter().find(|row| row.id == session_id(session)).unwrap();
    let what = match kind {
        NoticeKind::Attention => "Permission required",
        NoticeKind::Error => "Session error",
        NoticeKind::Completed => "Agent finished",
        NoticeKind::Info => "Two processes on one session",
    };
    NotificationInfo {
        id,
        at_ms: snapshot.made_at_ms - (10 - id) * 7 * MINUTE,
        kind,
        session: of.id,
        session_title: of.title.clone(),
        project: of.project.clone(),
        provider: Some(of.provider),
        request: None,
        title: format!("{what}: {}", of.title),
        body: body.into(),
        outcome: NoticeOutcome::Shown,
        why: None,
        channels: Vec::new(),
        read: true,
        over: false,
    }
}

fn notifications(now_ms: u64) -> Snapshot {
    let mut snapshot = busy(now_ms);
    let row = |id, session, kind, body| notification(&snapshot, id, session, kind, body);
    let mut rows = vec![
        row(6, 1, NoticeKind::Attention, "Bash: rm -rf target/tmp && cargo test --all --no-fail-fast"),
        row(5, 3, NoticeKind::Completed, "The results are ranked now, and typos are forgiven."),
        row(4, 4, NoticeKind::Attention, "Edit: /home/me/webshop/src/checkout.rs"),
        row(3, 6, NoticeKind::Error, "rate_limit"),
        row(2, 9, NoticeKind::Info, "another process took it over; what one writes the other may lose"),
        row(1, 2, NoticeKind::Attention, "Bash: cargo update \u{202e}x"),
    ];
    rows[0].request = Some(request_id(1));
    rows[0].read = false;
    rows[1].read = false;
    let sent = |channel: &str, outcome, why: Option<&str>| ChannelInfo {
        channel: channel.into(),
        outcome,
        why: why.map(str::to_owned),
    };
    rows[1].channels = vec![sent("ntfy", NoticeOutcome::Failed, Some("the server answered 403"))];
    rows[2].request = Some(request_id(2));
    (rows[2].read, rows[2].outcome, rows[2].why) =
        (false, NoticeOutcome::Suppressed, Some("quiet hours".into()));
    (rows[3].outcome, rows[3].why) = (NoticeOutcome::Suppressed, Some("the session is in front".into()));
    (rows[4].outcome, rows[4].why) =
        (NoticeOutcome::Failed, Some("no program of this desktop shows any".into()));
    rows[5].over = true;
    rows[5].channels = vec![sent("command", NoticeOutcome::Shown, None)];
    snapshot.notifications = Arc::new(rows.into_iter().map(Arc::new).collect());
    snapshot
}

pub fn scene(name: &str, now_ms: u64) -> Snapshot {
    match name {
        "notifications" => notifications(now_ms),
        "empty" => Snapshot { hooks: hooks("not installed"), ..base(now_ms) },
        "installed" => base(now_ms),
        "loading" => Snapshot { loaded: false, ..Snapshot::default() },
        "metrics" => metrics::metrics(now_ms),
        "many" => many(now_ms, 2_000, 10_000),
        "long" => long(now_ms),
        "errors" => errors(now_ms),
        "providers" => {
            let mut snapshot = busy(now_ms);
            for (at, provider) in [(1, Provider::Codex), (3, Provider::Gemini), (5, Provider::Codex)] {
                let session = Arc::make_mut(&mut snapshot.sessions[at]);
                session.provider = provider;
                let model = if provider == Provider::Codex { "gpt-5.2-codex" } else { "gemini-3-pro" };
                session.model = Some(model.into());
            }
            Arc::make_mut(&mut snapshot.requests[1]).info.provider = Some(Provider::Gemini);
            snapshot
        }
        "question" | "edit" => {
            let mut snapshot = busy(now_ms);
            let number = if name == "edit" { 4 } else { 7 };
            (snapshot.raise, snapshot.raise_session) = (1, Some(session_id(number)));
            snapshot.timeline = Some(timeline(&snapshot, session_id(number), now_ms));
            snapshot
        }
        "review" => review(now_ms, &review_texts()),
        "review long" => {
            let old: String =
                (1..=5_000).map(|at| format!("    let value_{at} = compute({at}, &mut state);\n")).collect();
            let new: String = (1..=5_000)
                .map(|at| match at % 3 {
                    0 => format!("    let value_{at} = compute_all({at}, &state)?;\n"),
                    _ => format!("    let value_{at} = compute({at}, &mut state);\n"),
                })
                .collect();
            review(now_ms, &(old, new))
        }
        _ => busy(now_ms),
    }
}

/// An agent shows a change, and its session is selected.
fn review(now_ms: u64, (old, new): &(String, String)) -> Snapshot {
    let mut snapshot = busy(now_ms);
    (snapshot.raise, snapshot.raise_session) = (1, Some(session_id(4)));
    snapshot.timeline = Some(timeline(&snapshot, session_id(4), now_ms));
    let view = Arc::make_mut(&mut snapshot.requests[1]);
    view.diff = Some(Arc::new(ProposedDiff {
        path: "/home/me/webshop/src/limits/per_key.rs".into(),
        old: Some(old.as_str().into()),
        new: new.as_str().into(),
        is_new: false,
    }));
    snapshot
}

fn review_texts() -> (String, String) {
    let functions: String = (1..=12)
        .map(|at| {
            format!("/// Window {at}.\npub fn window_{at}(now: Instant) -> Range<u64> {{\n    let start = now.elapsed().as_secs() / {at};\n    start..start + {at}\n}}\n\n")
        })
        .collect();
    let old = format!(
        "//! Limits per key.\n\nuse std::collections::HashMap;\nuse std::time::Instant;\n\n{functions}#[derive(Default)]\npub struct Limits {{\n    counts: HashMap<String, u64>,\n}}\n\nimpl Limits {{\n    pub fn allow(&mut self, key: &str) -> bool {{\n        let count = self.counts.entry(key.to_owned()).or_default();\n        *count += 1;\n        *count <= 100\n    }}\n}}\n"
    );
    let new = old
        .replace("use std::collections::HashMap;\n", "use std::collections::BTreeMap;\nuse std::ops::Range;\n")
        .replace("    let start = now.elapsed().as_secs() / 6;\n", "    // Six seconds, or \"half a dozen\" as the docs say.\n    let start = now.elapsed().as_millis() as u64 / 6_000;\n")
        .replace("HashMap<String, u64>", "BTreeMap<String, Window>")
        .replace("        *count += 1;\n        *count <= 100\n", "        count.hits += 1;\n        count.hits <= self.limit.unwrap_or(DEFAULT_LIMIT_PER_KEY_AND_WINDOW) && !self.blocked.contains(key)\n");
    (old, new)
}

//! The protocol of agents' editors: what a real Claude Code sent is answered, each request once, by its own id.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use magia_core::event::GateId;
use magia_core::ide::{
    Agent, Answers, ConnId, DIFFS_MAX, DiffAnswer, EditorTool, Editors, OpenFile, Selection, TOOLS, Told,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::HashSet;

const CONN: ConnId = ConnId(3);

fn agent() -> Agent {
    Agent::new(CONN, "/home/dev/project".to_owned())
}

fn take(agent: &mut Agent, message: &Value) -> Answers {
    agent.take(&message.to_string(), &Editors::default())
}

fn greeted() -> Agent {
    let mut agent = agent();
    let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "clientInfo": {"name": "claude-code", "version": "2.1.197"}}});
    let answers = take(&mut agent, &hello);
    assert_eq!(answers.told, [Told::Greeted { name: "claude-code 2.1.197".into() }]);
    agent
}

fn call(id: u64, name: &str, arguments: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
        "params": {"name": name, "arguments": arguments, "_meta": {"progressToken": id}}})
}

fn diff(id: u64, tab: &str) -> Value {
    let path = "/home/dev/project/n.txt";
    call(
        id,
        "openDiff",
        json!({"old_file_path": path, "new_file_path": path, "new_file_contents": "hello\n", "tab_name": tab}),
    )
}

fn parsed(frame: &str) -> Value {
    serde_json::from_str(frame).unwrap()
}

fn texts(answer: &Value) -> Vec<&str> {
    answer["result"]["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| block["text"].as_str().unwrap())
        .collect()
}

#[test]
fn everything_that_claude_sent_is_answered_once() {
    let mut agent = agent();
    let editors = Editors::default();
    let recorded = include_str!("data/claude/ide-frames.jsonl");
    let (mut asked, mut answered) = (HashSet::new(), HashSet::new());
    let mut open = Vec::new();
    for line in recorded.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let msg = &line["msg"];
        // Each connection of the recording counts its ids anew.
        if line["dir"] == "handshake" {
            assert_eq!(asked, answered);
            asked.clear();
            answered.clear();
            agent = self::agent();
            continue;
        }
        if line["dir"] != "<" {
            continue;
        }
        if !msg["id"].is_null() {
            asked.insert(msg["id"].to_string());
        }
        let answers = agent.take(&msg.to_string(), &editors);
        for told in &answers.told {
            if let Told::Open { gate, new, .. } = told {
                open.push((*gate, new.clone()));
            }
        }
        let later = open
            .drain(..)
            .map(|(gate, new)| agent.answer(gate, &DiffAnswer::Saved(new.as_str().into())).unwrap());
        for frame in answers.send.iter().cloned().chain(later) {
            let answer = parsed(&frame);
            assert!(answer.get("error").is_none(), "{msg}: {answer}");
            assert!(answered.insert(answer["id"].to_string()), "twice: {answer}");
        }
    }
    assert_eq!(asked, answered);
}

#[test]
fn the_tools_are_listed_and_each_is_answered() {
    let mut agent = greeted();
    let list = take(&mut agent, &json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}));
    let list = parsed(&list.send[0]);
    let names: Vec<&str> = list["result"]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), 12);
    assert_eq!(names, TOOLS.iter().map(|tool| tool.0).collect::<Vec<_>>());
    for (at, tool) in list["result"]["tools"].as_array().unwrap().iter().enumerate() {
        let required = tool["inputSchema"]["required"].as_array().unwrap();
        let properties = &tool["inputSchema"]["properties"];
        assert!(required.iter().all(|name| properties[name.as_str().unwrap()]["type"] == "string"));
        let arguments: serde_json::Map<String, Value> =
            required.iter().map(|name| (name.as_str().unwrap().to_owned(), json!("/home/dev/x"))).collect();
        let answers = take(&mut agent, &call(100 + at as u64, names[at], Value::Object(arguments)));
        let waits = names[at] == "openDiff";
        assert_eq!(
            answers.send.iter().filter(|it| it.contains(&format!("\"id\":{}", 100 + at))).count(),
            usize::from(!waits),
            "{}",
            names[at]
        );
    }
    let unknown = take(&mut agent, &call(9, "rm", json!({})));
    assert_eq!(parsed(&unknown.send[0])["error"]["code"], -32602);
}

#[test]
fn nothing_is_done_before_a_greeting() {
    let mut agent = agent();
    let answers = take(&mut agent, &diff(1, "a"));
    assert_eq!(parsed(&answers.send[0])["error"]["code"], -32002);
    assert!(answers.told.is_empty());
}

#[test]
fn a_change_is_answered_once_and_closing_it_is_a_refusal() {
    let mut agent = greeted();
    let opened = take(&mut agent, &diff(7, "tab"));
    assert!(opened.send.is_empty());
    let gate = GateId::of_diff(CONN, 0);
    let wanted = Told::Open { gate, path: "/home/dev/project/n.txt".into(), new: "hello\n".into() };
    assert_eq!(opened.told, [wanted]);
    let frame = agent.answer(gate, &DiffAnswer::Saved("hello\nyou\n".into())).unwrap();
    assert_eq!(parsed(&frame)["id"], 7);
    assert_eq!(texts(&parsed(&frame)), ["FILE_SAVED", "hello\nyou\n"]);
    assert_eq!(agent.answer(gate, &DiffAnswer::Rejected), None);
    let closed = take(&mut agent, &call(8, "close_tab", json!({"tab_name": "tab"})));
    assert_eq!((closed.told.len(), texts(&parsed(&closed.send[0]))), (0, vec!["TAB_CLOSED"]));

    take(&mut agent, &diff(9, "other"));
    let gate = GateId::of_diff(CONN, 1);
    let closed = take(&mut agent, &call(10, "close_tab", json!({"tab_name": "other"})));
    assert_eq!(closed.told, [Told::Closed(gate)]);
    assert_eq!((closed.send.len(), parsed(&closed.send[0])["id"].clone()), (2, json!(9)));
    assert_eq!(texts(&parsed(&closed.send[0])), ["DIFF_REJECTED", "other"]);
    assert!(!agent.waits(gate));

    take(&mut agent, &diff(11, "third"));
    let frame = agent.answer(GateId::of_diff(CONN, 2), &DiffAnswer::Undecided).unwrap();
    assert_eq!(parsed(&frame)["result"]["isError"], true);
    take(&mut agent, &diff(12, "fourth"));
    take(&mut agent, &diff(13, "fifth"));
    let all = take(&mut agent, &call(14, "closeAllDiffTabs", json!({})));
    assert_eq!(texts(&parsed(all.send.last().unwrap())), ["CLOSED_2_DIFF_TABS"]);
    assert!(all.send.iter().all(|frame| !frame.contains("TAB_CLOSED")));

    take(&mut agent, &diff(15, "sixth"));
    let gone = take(
        &mut agent,
        &json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 15}}),
    );
    assert_eq!((gone.send.len(), gone.told.len()), (0, 1));
}

#[test]
fn so_many_changes_and_no_more() {
    let mut agent = greeted();
    for at in 0..DIFFS_MAX as u64 {
        assert!(take(&mut agent, &diff(at + 1, &format!("tab {at}"))).send.is_empty());
    }
    let answer = take(&mut agent, &diff(99, "one more"));
    assert_eq!(parsed(&answer.send[0])["result"]["isError"], true);
}

#[test]
fn an_agent_hears_what_its_editor_shows() {
    let mut editors = Editors::default();
    editors.add(ConnId(8), "Neovim".into(), vec!["/home/dev/project".into()]);
    let path = "/home/dev/project/a.rs";
    editors.set_selection(
        ConnId(8),
        Selection { file_path: path.into(), text: "fn".into(), ..Selection::default() },
    );
    editors.set_files(
        ConnId(8),
        vec![OpenFile { file_path: path.into(), active: true, dirty: true, language: "rust".into() }],
    );
    let mut agent = greeted();
    let mut ask = |name: &str, arguments: Value| {
        let answers = agent.take(&call(1, name, arguments).to_string(), &editors);
        let answer = answers.send.first().map(|answer| parsed(answer));
        let text = answer.map(|answer| texts(&answer)[0].to_owned()).unwrap_or_default();
        (serde_json::from_str::<Value>(&text).unwrap_or_default(), answers)
    };
    let (selected, _) = ask("getCurrentSelection", json!({}));
    assert_eq!((&selected["text"], &selected["filePath"]), (&json!("fn"), &json!(path)));
    assert_eq!(ask("getOpenEditors", json!({})).0["tabs"][0]["isDirty"], true);
    assert_eq!(ask("getWorkspaceFolders", json!({})).0["rootPath"], "/home/dev/project");
    assert_eq!(ask("checkDocumentDirty", json!({"filePath": path})).0["isDirty"], true);
    assert_eq!(ask("checkDocumentDirty", json!({"filePath": "/x"})).0["success"], false);
    for (name, tool) in [("openFile", EditorTool::OpenFile), ("saveDocument", EditorTool::SaveDocument)] {
        let (_, answers) = ask(name, json!({"filePath": path}));
        let [Told::Editor(asked)] = &answers.told[..] else { panic!("{answers:?}") };
        assert!(answers.send.is_empty(), "the editor answers first: {answers:?}");
        assert_eq!((asked.editor, asked.tool), (ConnId(8), tool));
        let wish = parsed(&asked.request(3));
        assert_eq!(
            (&wish["id"], &wish["method"], &wish["params"]["wish"]),
            (&json!(3), &json!("editor/wish"), &json!(name))
        );
        let done = parsed(&asked.answer(&Ok(())));
        assert!(texts(&done)[0].contains(path) && done["result"]["isError"].is_null(), "{done}");
        let failed = parsed(&asked.answer(&Err("it is read-only".into())));
        assert!(
            texts(&failed)[0].contains("it is read-only") && failed["result"]["isError"] == true,
            "{failed}"
        );
    }
    let (_, answers) = ask("saveDocument", json!({"filePath": "/not/open"}));
    assert!(answers.told.is_empty() && answers.send[0].contains("Document not open"), "{answers:?}");
    let frame = parsed(&Agent::selection_changed(editors.selection("/home/dev/project").unwrap()));
    assert_eq!(
        (&frame["method"], &frame["params"]["selection"]["isEmpty"]),
        (&json!("selection_changed"), &json!(false))
    );
    assert!(frame["params"].get("success").is_none());
    let frame = parsed(&Agent::at_mentioned(path, Some((0, 2))));
    assert_eq!(frame["params"], json!({"filePath": path, "lineStart": 0, "lineEnd": 2}));
}

proptest! {
    /// Whatever a client sends, what is sent back is JSON, and no change is ever answered as closed.
    #[test]
    fn hostile_frames(frames in proptest::collection::vec("\\PC{0,60}", 0..8), method in "[a-z/_]{0,16}", params in "\\PC{0,40}") {
        let mut agent = greeted();
        let editors = Editors::default();
        let odd = format!("{{\"id\":1,\"method\":\"{method}\",\"params\":{params}}}");
        for frame in frames.iter().chain([&odd]) {
            for answer in agent.take(frame, &editors).send {
                prop_assert!(serde_json::from_str::<Value>(&answer).is_ok(), "{answer}");
            }
        }
    }
}

//! Recorded transcripts, and hostile ones.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

use magia_core::transcript::{Content, TEXT_CAP, TranscriptItem, parse_line};
use proptest::prelude::*;
use serde_json::{Value, json};

fn read(text: &str) -> Vec<TranscriptItem> {
    text.lines().flat_map(parse_line).collect()
}

/// One line per item, short enough to compare.
fn told(items: &[TranscriptItem]) -> Vec<String> {
    let short = |text: &str| text.chars().take(40).collect::<String>();
    items
        .iter()
        .filter_map(|item| {
            Some(match &item.content {
                Content::Prompt(text) => format!("> {}", short(text)),
                Content::Message(text) => format!("< {}", short(text)),
                Content::Thinking(text) => format!("~ {}", short(text)),
                Content::ToolUse { name, .. } => format!("+ {name}"),
                Content::ToolResult { text, failed, .. } => {
                    format!("{} {}", if *failed { "!" } else { "=" }, short(text))
                }
                Content::CustomTitle(title) => format!("custom title {title}"),
                Content::AiTitle(title) => format!("ai title {title}"),
                Content::Interrupted => "interrupted".into(),
                Content::Compacted => "compacted".into(),
                Content::Model(_) | Content::HookRan { .. } => return None,
            })
        })
        .collect()
}

#[test]
fn an_interactive_session_is_told() {
    let items = read(include_str!("data/transcript-interactive.jsonl"));
    let told = told(&items);
    let expected = [
        "custom title MyName",
        "> /cust foo",
        "< cust done",
        "> t %%[[\"TaskCreate\",{\"subject\":\"T1\",\"desc",
        "+ TaskCreate",
        "= Task #1 created successfully: T1",
        "+ TaskUpdate",
        "= Updated task #1 status",
        "+ Bash",
        "= /home/dev/project/sub",
        "< fin",
        "> hi %%[\"hello\"]%%",
        "< hello",
        "custom title MyName",
        "compacted",
        "> /compact keep it",
        "> err %%[{\"status\":400,\"error\":\"invalid_re",
        "< API Error: 400 scripted error",
    ];
    assert_eq!(told.get(..expected.len()).unwrap(), expected);
    let first_prompt = items.iter().find(|item| matches!(item.content, Content::Prompt(_))).unwrap();
    assert_eq!(first_prompt.at_ms, Some(1_795_289_901_174));
    assert_eq!(first_prompt.turn.as_deref(), Some("9ee53706-4be1-4c1f-81f0-655b702bb5bd"));
    assert!(items.iter().any(|item| item.content == Content::Model("claude-opus-4-8".into())));
    assert!(!items.iter().any(|item| item.content == Content::Model("<synthetic>".into())));
}

#[test]
fn a_print_session_is_told() {
    let items = read(include_str!("data/transcript-p-mode.jsonl"));
    let told = told(&items);
    assert_eq!(told.iter().filter(|line| line.starts_with('>')).count(), 1);
    assert_eq!(told.iter().filter(|line| line.starts_with('+')).count(), 9);
    assert_eq!(told.iter().filter(|line| line.starts_with('!')).count(), 2);
    assert!(told.contains(&"= sub done\nagentId: a3f239335ba11fa17 (use".to_owned()), "{told:#?}");
    assert_eq!(told.last().unwrap(), "< all done");
}

#[test]
fn a_subagent_is_named() {
    let items = read(include_str!("data/transcript-subagent.jsonl"));
    assert_eq!(
        told(&items),
        ["> sub @@[[\"Bash\",{\"command\":\"echo sub\"}],\"", "+ Bash", "= sub", "< sub done"]
    );
    assert!(items.iter().all(|item| item.agent_id.as_deref() == Some("a3f239335ba11fa17")));
}

fn user(content: Value) -> String {
    json!({"type": "user", "message": {"role": "user", "content": content}}).to_string()
}

#[test]
fn what_claude_writes_for_the_user_is_not_a_prompt() {
    for text in ["[Request interrupted by user]", "[Request interrupted by user for tool use]"] {
        for content in [json!(text), json!([{"type": "text", "text": text}])] {
            assert_eq!(told(&parse_line(&user(content))), ["interrupted"]);
        }
    }
    let cut = user(json!("half a character HALF")).replace("HALF", r"\ud83d");
    assert_eq!(told(&parse_line(&cut)), ["> half a character \u{fffd}"]);
    assert!(parse_line(&user(json!("<local-command-stdout>x</local-command-stdout>"))).is_empty());
    assert_eq!(told(&parse_line(&user(json!("<bash-input>ls -l</bash-input>")))), ["> !ls -l"]);
    assert_eq!(
        told(&parse_line(&user(json!("<command-name> is odd")))),
        ["> <command-name> is odd"],
        "words that only look like a command stay words"
    );
    let meta = json!({"type": "user", "isMeta": true, "message": {"content": "x"}}).to_string();
    assert!(parse_line(&meta).is_empty());
    let summary = json!({"type": "user", "isCompactSummary": true, "message": {"content": "x"}}).to_string();
    assert!(parse_line(&summary).is_empty());
    let named = json!({"type": "ai-title", "aiTitle": "A name", "sessionId": "s"}).to_string();
    assert_eq!(told(&parse_line(&named)), ["ai title A name"]);
    let thinking = json!({"type": "assistant", "message": {"model": "<synthetic>", "content":
        [{"type": "thinking", "thinking": "hm", "signature": "x"}, {"type": "later", "x": 1}]}});
    assert_eq!(told(&parse_line(&thinking.to_string())), ["~ hm"]);
}

#[test]
fn sizes_are_bounded() {
    let huge = "é".repeat(1_000_000);
    let Content::Prompt(text) = &parse_line(&user(json!(huge)))[0].content else { panic!("no prompt") };
    assert_eq!(text.len(), TEXT_CAP);
    let line = json!({"type": "assistant", "message": {"model": "m", "content": [{
        "type": "tool_use", "id": "t", "name": "Write",
        "input": {"file_path": "/a", "content": huge, "list": vec![huge.as_str(); 20], "many": vec![0; 100_000]},
    }]}});
    let items = parse_line(&line.to_string());
    let Content::ToolUse { input, .. } = &items[1].content else { panic!("no call") };
    assert_eq!(input["file_path"], "/a");
    assert!(input.to_string().len() < 300 * 1024);
}

fn any_json() -> impl Strategy<Value = Value> {
    let words = prop_oneof![
        Just("user"),
        Just("assistant"),
        Just("system"),
        Just("text"),
        Just("tool_use"),
        Just("tool_result"),
        Just("thinking"),
        Just("custom-title"),
        Just("compact_boundary"),
        Just("<command-name>x"),
        Just("[Request interrupted by user"),
        Just("<bash-input>"),
        Just("2026-11-21T19:38:21.174Z"),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        words.prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
    ];
    let keys = prop_oneof![
        Just("type"),
        Just("message"),
        Just("content"),
        Just("text"),
        Just("input"),
        Just("id"),
        Just("name"),
        Just("timestamp"),
        Just("isMeta"),
        Just("model"),
        Just("agentId"),
        Just("tool_use_id"),
        Just("subtype"),
    ];
    leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((keys.clone(), inner), 0..8).prop_map(|fields| {
                Value::Object(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse_line(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_json_is_survived(value in any_json()) {
        let _ = parse_line(&value.to_string());
    }

    #[test]
    fn a_cut_line_is_survived(line in 0_usize..40, end in 0_usize..3_000) {
        let text = include_str!("data/transcript-p-mode.jsonl");
        if let Some(line) = text.lines().nth(line) {
            let end = line.floor_char_boundary(end);
            if end < line.len() {
                prop_assert_eq!(parse_line(&line[..end]), Vec::new());
            }
        }
    }
}

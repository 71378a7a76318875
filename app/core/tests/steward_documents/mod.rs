//! Settings texts of any content and formatting, with the hooks of other tools.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;
use serde_json::Value;

/// White space as an editor, a human or a minifier leaves it.
pub fn gap() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just(String::new()),
        3 => Just(" ".to_owned()),
        2 => Just("\n  ".to_owned()),
        2 => Just("\r\n\t".to_owned()),
        1 => "[ \t\r\n]{0,6}",
    ]
}

pub fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,6}",
        Just("model".to_owned()),
        Just("matcher".to_owned()),
        "[ -~äß€😀]{0,5}",
        Just("line\nbreak\u{7f}\u{1}".to_owned()),
    ]
}

pub fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("-0.5e-7".to_owned()),
        Just("123456789012345678901234567890".to_owned()),
        Just("\"\\ud800 \\u0041\\/\"".to_owned()),
        key().prop_map(|text| Value::String(text).to_string()),
    ]
}

/// Joins items with random white space around every token; objects lose keys that come twice.
fn container(open: char, items: Vec<(String, String, String)>, last: String, close: char) -> String {
    let mut out = String::from(open);
    for (index, (before, item, after)) in items.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        out.push_str(&format!("{comma}{before}{item}{after}"));
    }
    out.push_str(&last);
    out.push(close);
    out
}

pub fn object_of(value: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = String> {
    let member = (key(), gap(), gap(), value, gap(), gap());
    (prop::collection::vec(member, 0..5), gap()).prop_map(|(members, last)| {
        let mut seen = std::collections::HashSet::new();
        let items = members
            .into_iter()
            .filter(|member| member.0 != "hooks" && seen.insert(member.0.clone()))
            .map(|(key, g1, g2, value, before, after)| {
                (before, format!("{}{g1}:{g2}{value}", Value::String(key)), after)
            })
            .collect();
        container('{', items, last, '}')
    })
}

pub fn array_of(value: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = String> {
    (prop::collection::vec((gap(), value, gap()), 0..4), gap())
        .prop_map(|(items, last)| container('[', items, last, ']'))
}

pub fn any_value() -> impl Strategy<Value = String> {
    scalar().prop_recursive(3, 24, 4, |inner| prop_oneof![object_of(inner.clone()), array_of(inner)])
}

/// Hooks of other tools, in the shape that Claude takes.
fn hooks() -> impl Strategy<Value = String> {
    let event = prop_oneof![
        Just("Stop"),
        Just("PreToolUse"),
        Just("PermissionRequest"),
        Just("SessionStart"),
        Just("MessageDisplay"),
    ];
    let group = (array_of(object_of(any_value())), gap(), any::<bool>()).prop_map(|(hooks, g, matcher)| {
        let matcher = if matcher { format!("\"matcher\":{g}\"Bash\",{g}") } else { String::new() };
        format!("{{{g}{matcher}\"hooks\"{g}:{hooks}}}")
    });
    let member = (event, gap(), array_of(group), gap(), gap());
    (prop::collection::vec(member, 0..4), gap()).prop_map(|(members, last)| {
        let mut seen = std::collections::HashSet::new();
        let items = members
            .into_iter()
            .filter(|member| seen.insert(member.0))
            .map(|(event, g, array, before, after)| (before, format!("\"{event}\"{g}:{array}"), after))
            .collect();
        container('{', items, last, '}')
    })
}

pub fn settings() -> impl Strategy<Value = String> {
    let mark = prop_oneof![3 => Just(""), 1 => Just("\u{feff}")];
    (mark, gap(), object_of(any_value()), prop::option::of((gap(), hooks(), any::<bool>())), gap()).prop_map(
        |(mark, before, object, hooks, after)| {
            let object = match hooks {
                None => object,
                Some((g, hooks, first)) => {
                    let inside = &object[1..object.len() - 1];
                    let empty = inside.trim().is_empty();
                    let comma = if empty { "" } else { "," };
                    match first {
                        true => format!("{{{g}\"hooks\":{hooks}{comma}{inside}}}"),
                        false => format!("{{{inside}{comma}{g}\"hooks\":{hooks}}}"),
                    }
                }
            };
            format!("{mark}{before}{object}{after}")
        },
    )
}

/// What a person writes between two tokens where comments are read.
const COMMENTS: [&str; 6] = ["/* x */", "// x\n", "/*\n \"*/", "/**/", "// {[\"\r\n", "\n  // ,\n  "];

/// The same text with comments between tokens, and commas before closing brackets, wherever `choices` say so.
pub fn commented(text: &str, choices: &[u8]) -> String {
    let mut choices = choices.iter().copied().cycle();
    let mut out = String::new();
    let (mut in_string, mut escaped, mut comma_may_stand) = (false, false, false);
    for c in text.chars() {
        if in_string {
            out.push(c);
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            comma_may_stand = true;
            continue;
        }
        let choice = choices.next().unwrap_or_default();
        let is_mark = c == '\u{feff}';
        if matches!(c, '}' | ']') && comma_may_stand && choice % 4 == 1 {
            out.push(',');
        }
        if !is_mark && !c.is_ascii_alphanumeric() && !matches!(c, '-' | '+' | '.') && choice > 200 {
            out.push_str(COMMENTS[usize::from(choice) % COMMENTS.len()]);
        }
        in_string = c == '"';
        if !c.is_whitespace() && !is_mark {
            comma_may_stand = !matches!(c, '{' | '[' | ',' | ':');
        }
        out.push(c);
    }
    out
}

fn toml_line() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "# a comment [x]",
        "",
        "\t",
        "kN = 1 # one",
        "kN='''a [b] # c'''",
        "\"k N\" = \"\"\"\n[hooks]\n\"\"\"",
        "kN = [ 1, # x\n  2,\n]",
        "kN.a.\"b c\" = { d = [ { e = 1 } ] }",
        "[tN]",
        " [ tN . 'ü' ] # t",
        "[[aN]]",
        "[hooks.state.\"/u/hooks.json:stop:N:9\"]\ntrusted_hash = \"sha256:0N\" # mine\nenabled = false",
        "[[hooks.PreToolUse]]\n[[hooks.PreToolUse.hooks]]\ntype = \"command\"\ncommand = \"N\"",
    ])
    .prop_map(str::to_owned)
}

/// A `config.toml`, written in one of the ways there are.
pub fn toml() -> impl Strategy<Value = String> {
    let first = prop::sample::select(vec![
        "",
        "",
        "",
        "hooks.state.\"/u/a:stop:0:0\".trusted_hash = 'x' # dotted\n",
        "hooks = { state = { \"/u/a:stop:0:0\" = { trusted_hash = 'x' } } }\n",
        "hooks = {}\n",
        "[hooks]\nstate = { }\n",
        "[hooks.state]\n'/u/a:stop:0:0' = { trusted_hash = 'x', enabled = true }\n",
        "[hooks]\nStop = [{ hooks = [] }]\nstate.'k'.enabled = false\n",
    ]);
    (first, prop::collection::vec(toml_line(), 0..8), any::<bool>(), any::<bool>()).prop_map(
        |(first, lines, crlf, ends)| {
            let mut text = first.to_owned();
            for (number, line) in lines.iter().enumerate() {
                // What is an inline table already, or dotted, takes no headers of the user's.
                if first.is_empty() || !line.starts_with(['[', ' ']) {
                    text.push_str(&line.replace('N', &number.to_string()));
                    text.push('\n');
                }
            }
            if !ends && text.ends_with('\n') {
                text.pop();
            }
            if crlf { text.replace('\n', "\r\n") } else { text }
        },
    )
}

//! Over settings texts of any content and formatting: uninstall undoes install to the byte, and no input panics.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;

use magia_core::steward::{HookState, Recipe, inspect, merge_patch, plan_install, plan_uninstall};
use magia_protocol::wire::Provider;
use proptest::prelude::*;
use serde_json::Value;

const HANDLER: &str = "/h/magia-hook-handler";

/// White space as an editor, a human or a minifier leaves it.
fn gap() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just(String::new()),
        3 => Just(" ".to_owned()),
        2 => Just("\n  ".to_owned()),
        2 => Just("\r\n\t".to_owned()),
        1 => "[ \t\r\n]{0,6}",
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,6}",
        Just("model".to_owned()),
        Just("matcher".to_owned()),
        "[ -~äß€😀]{0,5}",
        Just("line\nbreak\u{7f}\u{1}".to_owned()),
    ]
}

fn scalar() -> impl Strategy<Value = String> {
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

fn object_of(value: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = String> {
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

fn array_of(value: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = String> {
    (prop::collection::vec((gap(), value, gap()), 0..4), gap())
        .prop_map(|(items, last)| container('[', items, last, ']'))
}

fn any_value() -> impl Strategy<Value = String> {
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

fn settings() -> impl Strategy<Value = String> {
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn uninstall_undoes_install_to_the_byte(text in settings()) {
        let plan = plan_install(Some(text.as_bytes()), &Recipe::claude(Path::new(HANDLER)), None).unwrap();
        let installed = plan.after.clone().unwrap();
        prop_assert_eq!(inspect(Some(&installed), &Recipe::claude(Path::new(HANDLER))).state, HookState::Installed);

        let again = plan_install(Some(&installed), &Recipe::claude(Path::new(HANDLER)), Some(&plan.footprint)).unwrap();
        prop_assert!(again.is_unchanged());

        // A moved handler renews every entry in place, and that too leaves no trace.
        let moved = plan_install(Some(&installed), &Recipe::claude(Path::new("/m/magia-hook-handler")), Some(&plan.footprint)).unwrap();
        let back = plan_uninstall(moved.after.as_deref(), Provider::Claude, Some(&moved.footprint)).unwrap();
        prop_assert_eq!(String::from_utf8(back.after.unwrap()).unwrap(), text);
    }

    #[test]
    fn any_bytes_are_refused_or_edited_soundly(text in "[{}\\[\\]\",:hoksStp0-9eE.+\\-/*\\\\ \n]{0,40}") {
        let _ = plan_uninstall(Some(text.as_bytes()), Provider::Claude, None);
        let _ = merge_patch(Some(text.as_bytes()), &serde_json::json!({"a": {"b": 1}, "c": null}));
        if let Ok(plan) = plan_install(Some(text.as_bytes()), &Recipe::claude(Path::new(HANDLER)), None) {
            let after = plan.after.unwrap();
            prop_assert!(serde_json::from_slice::<Value>(&after).is_ok());
        }
    }

    #[test]
    fn what_serde_refuses_is_refused(text in settings(), at in any::<prop::sample::Index>(), byte in 0_u8..128) {
        let mut bytes = text.into_bytes();
        let index = at.index(bytes.len());
        bytes[index] = byte;
        let json = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        if serde_json::from_slice::<&serde_json::value::RawValue>(json).is_err() && !json.trim_ascii().is_empty() {
            prop_assert!(plan_install(Some(&bytes), &Recipe::claude(Path::new(HANDLER)), None).is_err());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_merge_patch_means_what_rfc_7386_says(text in settings(), patch in object_of(any_value())) {
        let strip = |text: &str| serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}'));
        // Lone surrogates are JSON that serde_json cannot hold.
        let (Ok(mut expected), Ok(patch)) = (strip(&text), strip(&patch)) else { return Ok(()) };
        merge(&mut expected, &patch);
        let plan = merge_patch(Some(text.as_bytes()), &patch).unwrap();
        let after = String::from_utf8(plan.after.unwrap()).unwrap();
        prop_assert_eq!(strip(&after).unwrap(), expected);
        let again = merge_patch(Some(after.as_bytes()), &patch).unwrap();
        prop_assert!(again.is_unchanged());
    }
}

/// The algorithm as the RFC prints it.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = serde_json::json!({});
    }
    let target = target.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            target.shift_remove(key);
        } else {
            merge(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

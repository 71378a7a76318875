//! Over settings texts of any content and formatting: uninstall undoes install to the byte, and no input panics.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod steward_documents;

use std::path::Path;

use magia_core::steward::{HookState, Recipe, inspect, merge_patch, plan_install, plan_uninstall};
use magia_protocol::wire::Provider;
use proptest::prelude::*;
use serde_json::Value;

use steward_documents::{any_value, object_of, settings};

const HANDLER: &str = "/h/magia-hook-handler";

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

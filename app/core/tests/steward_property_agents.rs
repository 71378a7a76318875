//! As `steward_property`, for Gemini's JSON with comments, Codex's hooks and Codex's trust.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod steward_documents;

use std::path::Path;

use magia_core::steward::{
    HookState, Recipe, inspect, plan_distrust, plan_install, plan_trust, plan_uninstall, settings_value,
    trust_entries, trust_state,
};
use magia_protocol::wire::Provider;
use proptest::prelude::*;
use steward_documents::{commented, settings, toml};

const HANDLER: &str = "/h/magia-hook-handler";

fn there_and_back(text: &str, provider: Provider) -> Result<(), TestCaseError> {
    let recipe = Recipe::new(provider, Path::new(HANDLER));
    let plan = plan_install(Some(text.as_bytes()), &recipe, None).unwrap();
    prop_assert_eq!(inspect(plan.after.as_deref(), &recipe).state, HookState::Installed);
    let again = plan_install(plan.after.as_deref(), &recipe, Some(&plan.footprint)).unwrap();
    prop_assert!(again.is_unchanged());
    let strict = Recipe { strict: Some(true), ..Recipe::new(provider, Path::new("/m/magia-hook-handler")) };
    let strict = plan_install(plan.after.as_deref(), &strict, Some(&plan.footprint)).unwrap();
    for installed in [plan, strict] {
        let back = plan_uninstall(installed.after.as_deref(), provider, Some(&again.footprint)).unwrap();
        prop_assert_eq!(back.after.as_deref().map(String::from_utf8_lossy), Some(text.into()));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn gemini_comes_back_to_the_byte(text in settings(), choices in prop::collection::vec(any::<u8>(), 1..64)) {
        there_and_back(&commented(&text, &choices), Provider::Gemini)?;
    }

    #[test]
    fn comments_change_no_value(text in settings(), choices in prop::collection::vec(any::<u8>(), 1..64)) {
        let plain = settings_value(Some(text.as_bytes()), Provider::Gemini).ok();
        let with_comments = settings_value(Some(commented(&text, &choices).as_bytes()), Provider::Gemini).ok();
        prop_assert_eq!(plain, with_comments);
    }

    #[test]
    fn codex_comes_back_to_the_byte(text in settings()) {
        there_and_back(&text, Provider::Codex)?;
    }

    #[test]
    fn what_codex_trusts_comes_back_to_the_byte(text in toml()) {
        let hooks = plan_install(None, &Recipe::codex(Path::new(HANDLER)), None).unwrap();
        let entries = trust_entries(hooks.after.as_deref(), "/u/hooks.json").unwrap();
        let plan = plan_trust(Some(text.as_bytes()), &entries, None);
        let plan = plan.unwrap_or_else(|err| panic!("{err}: {text:?}"));
        prop_assert!(trust_state(plan.after.as_deref(), &entries).unwrap().untrusted.is_empty());
        let back = plan_distrust(plan.after.as_deref(), &entries, Some(&plan.footprint)).unwrap();
        prop_assert_eq!(back.after.as_deref().map(String::from_utf8_lossy), Some(text.into()));
    }

    #[test]
    fn any_bytes_are_refused_or_edited_soundly(
        bytes in prop::collection::vec(any::<u8>(), 0..80),
        text in "[ \t\n{}\\[\\]\",:/*#=.a1]{0,60}",
    ) {
        let hooks = plan_install(None, &Recipe::codex(Path::new(HANDLER)), None).unwrap();
        let entries = trust_entries(hooks.after.as_deref(), "/u/hooks.json").unwrap();
        for bytes in [bytes.as_slice(), text.as_bytes()] {
            for provider in Provider::ALL.iter().copied() {
                let recipe = Recipe::new(provider, Path::new(HANDLER));
                if let Ok(plan) = plan_install(Some(bytes), &recipe, None) {
                    let back = plan_uninstall(plan.after.as_deref(), provider, Some(&plan.footprint)).unwrap();
                    prop_assert_eq!(back.after.as_deref(), Some(bytes));
                }
                let _ = plan_uninstall(Some(bytes), provider, None);
            }
            if let Ok(plan) = plan_trust(Some(bytes), &entries[..2], None) {
                let back = plan_distrust(plan.after.as_deref(), &entries[..2], Some(&plan.footprint)).unwrap();
                prop_assert_eq!(back.after.as_deref(), Some(bytes));
            }
        }
    }
}

//! A zoo of settings files, `data/steward/<kind>/<name>.before`: after an install each is `<name>.after`, to the byte, or
//! is refused with the words of `<name>.error`; after an uninstall each is what it was.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};

use magia_core::steward::{
    HookState, Plan, Recipe, StewardError, TrustEntry, inspect, plan_distrust, plan_install, plan_trust,
    plan_uninstall, trust_entries, trust_state,
};
use magia_protocol::wire::Provider;

const HANDLER: &str = "/home/u/.local/share/magia/bin/magia-hook-handler";
const HOOKS: &str = "/home/u/.codex/hooks.json";
/// Set to write the files that an animal shall become, for a look at the difference.
const BLESS: &str = "MAGIA_TEST_BLESS";

fn animals(kind: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/steward").join(kind);
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|end| end == "before")).collect();
    files.sort();
    files
}

/// Compares with what stands beside the animal.
fn check(animal: &Path, plan: &Result<Plan, StewardError>) {
    let (ending, found) = match plan {
        Ok(plan) => ("after", plan.after.clone().unwrap()),
        Err(err) => ("error", format!("{err}\n").into_bytes()),
    };
    let beside = animal.with_extension(ending);
    if std::env::var_os(BLESS).is_some() {
        fs::write(&beside, &found).unwrap();
    }
    let expected = fs::read(&beside).unwrap_or_else(|err| panic!("{}: {err}", beside.display()));
    assert_eq!(String::from_utf8_lossy(&found), String::from_utf8_lossy(&expected), "{}", beside.display());
    assert_eq!(found, expected);
    let refused = animal.file_name().unwrap().to_string_lossy().starts_with("refused-");
    assert_eq!(plan.is_err(), refused, "{}", animal.display());
}

fn check_hooks(provider: Provider) {
    let recipe = Recipe::new(provider, Path::new(HANDLER));
    for animal in animals(provider.as_str()) {
        let before = fs::read(&animal).unwrap();
        let plan = plan_install(Some(&before), &recipe, None);
        check(&animal, &plan);
        let Ok(plan) = plan else {
            assert!(matches!(inspect(Some(&before), &recipe).state, HookState::Unreadable { .. }));
            continue;
        };
        let name = animal.display();
        assert_eq!(inspect(plan.after.as_deref(), &recipe).state, HookState::Installed, "{name}");
        let again = plan_install(plan.after.as_deref(), &recipe, Some(&plan.footprint)).unwrap();
        assert!(again.is_unchanged(), "{name}");
        let moved = Recipe::new(provider, Path::new("/new place/it's/magia-hook-handler"));
        let upgraded = plan_install(plan.after.as_deref(), &moved, Some(&again.footprint)).unwrap();
        assert_eq!(inspect(upgraded.after.as_deref(), &moved).state, HookState::Installed, "{name}");
        let strict = Recipe { strict: Some(true), ..moved };
        let strict = plan_install(upgraded.after.as_deref(), &strict, Some(&upgraded.footprint)).unwrap();
        for installed in [&plan, &upgraded, &strict] {
            let back = plan_uninstall(installed.after.as_deref(), provider, Some(&again.footprint)).unwrap();
            let found = back.after.unwrap();
            assert_eq!(String::from_utf8_lossy(&found), String::from_utf8_lossy(&before), "{name}");
            assert_eq!(found, before, "{name}");
        }
    }
}

#[test]
fn claude() {
    check_hooks(Provider::Claude);
}

#[test]
fn codex() {
    check_hooks(Provider::Codex);
}

#[test]
fn gemini() {
    check_hooks(Provider::Gemini);
}

/// Our hooks as an install into nothing leaves them.
fn trusted() -> Vec<TrustEntry> {
    let plan = plan_install(None, &Recipe::codex(Path::new(HANDLER)), None).unwrap();
    trust_entries(plan.after.as_deref(), HOOKS).unwrap()
}

#[test]
fn codex_trust() {
    let entries = trusted();
    // A hook of the user's is not ours to trust.
    assert!(entries.iter().all(|entry| entry.hash.is_some() && entry.key.starts_with(HOOKS)));
    for animal in animals("trust") {
        let name = animal.display();
        let before = fs::read(&animal).unwrap();
        let plan = plan_trust(Some(&before), &entries, None);
        check(&animal, &plan);
        let Ok(plan) = plan else { continue };
        assert_eq!(trust_state(Some(&before), &entries).unwrap().untrusted.len(), entries.len(), "{name}");
        let now = trust_state(plan.after.as_deref(), &entries).unwrap();
        assert_eq!(now.untrusted, Vec::<String>::new(), "{name}");
        assert!(plan_trust(plan.after.as_deref(), &entries, None).unwrap().is_unchanged(), "{name}");
        let mut others = entries.clone();
        others.iter_mut().for_each(|entry| entry.hash = Some("sha256:00".into()));
        let renewed = plan_trust(plan.after.as_deref(), &others, None).unwrap();
        assert_eq!(
            renewed.after.as_ref().unwrap().len() + 62 * others.len(),
            plan.after.as_ref().unwrap().len()
        );
        for trusted in [&plan, &renewed] {
            let back = plan_distrust(trusted.after.as_deref(), &entries, Some(&plan.footprint)).unwrap();
            let found = back.after.unwrap();
            assert_eq!(String::from_utf8_lossy(&found), String::from_utf8_lossy(&before), "{name}");
            assert_eq!(found, before, "{name}");
        }
    }
}

/// What keeps an agent from running the hooks is said, and not changed.
#[test]
fn what_keeps_hooks_from_running_is_said() {
    let warnings = |text: &str| {
        let plan = plan_install(Some(text.as_bytes()), &Recipe::gemini(Path::new(HANDLER)), None).unwrap();
        inspect(plan.after.as_deref(), &Recipe::gemini(Path::new(HANDLER))).warnings
    };
    assert_eq!(warnings("// fine\n{}"), Vec::<String>::new());
    for (text, said) in [
        ("{\"hooksConfig\": {\"enabled\": false}}", "hooksConfig.enabled is false"),
        ("{\"hooksConfig\": {\"disabled\": [\"x\", /* no */ \"magia\"]}}", "hooksConfig.disabled names"),
        ("\u{feff}{}", "byte order mark"),
        ("{\"a\": [1,],}", "a comma stands before"),
    ] {
        let found = warnings(text);
        assert!(found.len() == 1 && found[0].contains(said), "{text}: {found:?}");
    }
    let config = "[features]\nhooks = false\n[[hooks.Stop]]\n";
    let state = trust_state(Some(config.as_bytes()), &trusted()).unwrap();
    assert!(state.warnings[0].contains("features.hooks is false"), "{state:?}");
    assert!(state.warnings[1].contains("config.toml holds hooks too"), "{state:?}");
}

/// A hook that the user switched off in Codex stays so when it is trusted anew, however it is written.
#[test]
fn what_is_switched_off_in_codex_stays_so() {
    let entries = &trusted()[..2];
    let key = &entries[0].key;
    for config in [
        format!("[hooks.state.\"{key}\"]\nenabled = false # off\n[tui]\na = 1\n"),
        format!("[hooks.state.\"{key}\"]\nenabled = false"),
        format!("hooks.state.\"{key}\".enabled = false\r\nb = 1\r\n"),
        format!("[hooks]\nstate.\"{key}\".enabled = false\n[tui]\n"),
        format!("[hooks.state]\n\"{key}\" = {{ enabled = false }}\n"),
        format!("[hooks.state]\n'{key}'.enabled = false\n"),
        format!("hooks = {{ state.\"{key}\" = {{ enabled = false, }} }}\n"),
        format!("hooks.state = {{ \"{key}\".enabled = false }}\n"),
    ] {
        let plan = plan_trust(Some(config.as_bytes()), entries, None);
        let plan = plan.unwrap_or_else(|err| panic!("{err}: {config}"));
        let state = trust_state(plan.after.as_deref(), entries).unwrap();
        assert_eq!((state.disabled.len(), state.untrusted.len()), (1, 0), "{config}");
        let back = plan_distrust(plan.after.as_deref(), entries, None);
        let back = back.unwrap_or_else(|err| panic!("{err}: {config}")).after.unwrap();
        let back = String::from_utf8(back).unwrap();
        assert!(!back.contains("hooks.json"), "{back}");
        assert_eq!(back.contains("[tui]"), config.contains("[tui]"));
    }
}

#[test]
fn the_zoo_is_large() {
    let count: usize = ["claude", "codex", "gemini", "trust"].iter().map(|kind| animals(kind).len()).sum();
    assert!(count >= 40, "{count}");
}

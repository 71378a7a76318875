//! The steward on the files of Gemini CLI and Codex: comments, trust, a file of our own, places with links.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod steward_common;

use std::fs;
use std::os::unix::fs::symlink;

use magia_app::services::steward::{
    StewardPaths, Wishes, install, preview_install, preview_uninstall, read_settings, status, uninstall,
};
use magia_core::steward::{HookState, StewardError};
use magia_protocol::wire::Provider;
use serde_json::json;
use steward_common::{Place, mode};

const TRUST: Wishes = Wishes { strict: None, trust: true };
const CONFIG: &str = "model = \"m\" # mine\n\n[projects.\"/p\"]\ntrust_level = \"trusted\"";

/// A place with the files of this agent.
fn place(provider: Provider) -> Place {
    let mut place = Place::new();
    let dir = place.dir.path().join(provider.as_str());
    let StewardPaths { state_dir, data_dir, handler_source, .. } = place.paths.clone();
    place.paths = StewardPaths::new(provider, &dir, &state_dir, &data_dir, &handler_source);
    fs::create_dir(dir).unwrap();
    place
}

#[test]
fn geminis_comments_come_through() {
    let place = place(Provider::Gemini);
    let before = "// a\n{\n  \"a\": 1, // b\n  /* c */\n}\n// d\n";
    fs::write(&place.paths.settings, before).unwrap();
    assert_eq!(read_settings(&place.paths).unwrap(), json!({"a": 1}));
    let outcome = install(&place.paths, &Wishes::default()).unwrap();
    assert_eq!(fs::read_to_string(outcome.backup.unwrap()).unwrap(), before);
    let now = status(&place.paths).unwrap();
    assert_eq!(now.report.state, HookState::Installed);
    assert!(now.trust.untrusted.is_empty() && !now.report.strict);
    let text = String::from_utf8(place.read()).unwrap();
    for comment in ["// a\n", "// b\n", "/* c */", "// d\n"] {
        assert!(text.contains(comment), "{comment}: {text}");
    }
    uninstall(&place.paths).unwrap();
    assert_eq!(String::from_utf8(place.read()).unwrap(), before);
    assert!(!place.paths.handler().exists());
}

#[test]
fn strict_mode_stays_until_it_is_ended() {
    for provider in Provider::ALL.iter().copied() {
        let place = place(provider);
        let strict = |strict| Wishes { strict, trust: false };
        let refuses = || status(&place.paths).unwrap().report.strict;
        install(&place.paths, &Wishes::default()).unwrap();
        let quiet = place.read();
        assert!(!refuses());
        install(&place.paths, &strict(Some(true))).unwrap();
        assert!(refuses());
        assert_eq!(String::from_utf8(place.read()).unwrap().matches("--fail-closed").count(), 1);
        assert!(!install(&place.paths, &Wishes::default()).unwrap().changed);
        install(&place.paths, &strict(Some(false))).unwrap();
        assert_eq!(place.read(), quiet);
        uninstall(&place.paths).unwrap();
        assert!(!place.paths.settings.exists(), "it was ours alone");
    }
}

#[test]
fn codex_trusts_only_when_it_is_asked_for() {
    let place = place(Provider::Codex);
    let config = place.paths.trust.clone().unwrap();
    fs::write(&config, CONFIG).unwrap();
    install(&place.paths, &Wishes::default()).unwrap();
    assert_eq!(fs::read_to_string(&config).unwrap(), CONFIG);
    let now = status(&place.paths).unwrap();
    assert_eq!(now.trust.untrusted.len(), now.report.events.len());

    let plans = preview_install(&place.paths, &TRUST).unwrap();
    assert!(plans[0].plan.is_unchanged() && !plans[1].plan.is_unchanged());
    let granted = install(&place.paths, &TRUST).unwrap().trust.unwrap();
    assert_eq!(fs::read_to_string(granted.backup.as_ref().unwrap()).unwrap(), CONFIG);
    assert_eq!(mode(granted.backup.as_ref().unwrap()), 0o600);
    let now = status(&place.paths).unwrap();
    assert!(now.trust.untrusted.is_empty() && now.warnings.is_empty(), "{now:?}");

    assert_eq!(preview_uninstall(&place.paths).unwrap().len(), 2);
    uninstall(&place.paths).unwrap();
    assert_eq!(fs::read_to_string(&config).unwrap(), CONFIG);
    assert!(!place.paths.settings.exists());
}

#[test]
fn what_codex_did_not_have_is_taken_away_again() {
    let place = place(Provider::Codex);
    install(&place.paths, &TRUST).unwrap();
    assert_eq!(mode(place.paths.trust.as_ref().unwrap()), 0o600);
    uninstall(&place.paths).unwrap();
    assert!(!place.paths.settings.exists() && !place.paths.trust.as_ref().unwrap().exists());
}

/// Codex knows a hook by its number, so nothing of the user's may move up.
#[test]
fn a_users_hook_behind_ours_keeps_its_number() {
    let place = place(Provider::Codex);
    install(&place.paths, &Wishes::default()).unwrap();
    let mut hooks = read_settings(&place.paths).unwrap();
    let own = json!({"hooks": [{"type": "command", "command": "own"}]});
    hooks["hooks"]["Stop"].as_array_mut().unwrap().push(own.clone());
    fs::write(&place.paths.settings, format!("{hooks:#}")).unwrap();
    let outcome = uninstall(&place.paths).unwrap();
    assert!(outcome.warnings.is_empty(), "{outcome:?}");
    assert_eq!(read_settings(&place.paths).unwrap(), json!({"hooks": {"Stop": [{"hooks": []}, own]}}));

    // In one group with ours it cannot keep it, and that is said.
    let ours = json!({"type": "command", "command": "/x/magia-hook-handler --event Stop"});
    let mixed = json!({"hooks": {"Stop": [{"hooks": [ours, {"type": "command", "command": "own"}]}]}});
    fs::write(&place.paths.settings, mixed.to_string()).unwrap();
    assert_eq!(uninstall(&place.paths).unwrap().warnings.len(), 1);
    assert_eq!(read_settings(&place.paths).unwrap(), json!({"hooks": {"Stop": [own]}}));
}

#[test]
fn a_config_that_cannot_be_read_stops_everything() {
    let place = place(Provider::Codex);
    let config = place.paths.trust.clone().unwrap();
    for text in ["model = sk-secret", "hooks = 1"] {
        fs::write(&config, text).unwrap();
        let err = install(&place.paths, &TRUST).unwrap_err();
        assert!(err.downcast_ref::<StewardError>().is_some(), "{err:#}");
        assert!(!format!("{err:#} {err:?}").contains("sk-secret"));
        assert!(!place.paths.settings.exists() && !place.paths.handler().exists());
        assert_eq!(fs::read_to_string(&config).unwrap(), text);
    }
    // It stops no uninstall, though.
    fs::write(&config, "").unwrap();
    install(&place.paths, &TRUST).unwrap();
    fs::write(&config, "model = ").unwrap();
    assert!(preview_uninstall(&place.paths).is_ok());
    let outcome = uninstall(&place.paths).unwrap();
    assert_eq!((outcome.removed_file, outcome.warnings.len()), (true, 1), "{outcome:?}");
    assert_eq!(fs::read_to_string(&config).unwrap(), "model = ");
}

#[test]
fn links_of_dotfiles_are_kept() {
    let place = place(Provider::Codex);
    let dots = place.dir.path().join("dots");
    fs::create_dir(&dots).unwrap();
    fs::write(dots.join("config"), CONFIG).unwrap();
    fs::write(dots.join("hooks"), "{}\n").unwrap();
    let config = place.paths.trust.clone().unwrap();
    symlink("../dots/config", &config).unwrap();
    symlink("../dots/hooks", &place.paths.settings).unwrap();
    install(&place.paths, &TRUST).unwrap();
    assert!(status(&place.paths).unwrap().trust.untrusted.is_empty());
    uninstall(&place.paths).unwrap();
    for (link, file, text) in [(&config, "config", CONFIG), (&place.paths.settings, "hooks", "{}\n")] {
        assert!(fs::symlink_metadata(link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(dots.join(file)).unwrap(), text);
    }
}

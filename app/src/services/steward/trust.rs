//! What Codex's `config.toml` says about our hooks.

use anyhow::{Context, Result};
use magia_core::steward::{TrustEntry, TrustState, trust_entries, trust_state};

use super::state::{self, Installed, Memory};
use super::{Disk, Operation, Outcome, StewardPaths, change, file};

/// Our hooks in the content of a `hooks.json`, as Codex names them.
pub fn entries(paths: &StewardPaths, hooks: Option<&[u8]>) -> Result<Vec<TrustEntry>> {
    trust_entries(hooks, &paths.settings.to_string_lossy())
        .with_context(|| format!("cannot read {}", paths.settings.display()))
}

/// Tells Codex that the user trusts our hooks. The hooks stand by then, so a failure is a warning.
pub fn grant(paths: &StewardPaths, memory: &mut Memory, disk: &dyn Disk, outcome: &mut Outcome) {
    let Some(config) = &paths.trust else { return };
    let granted = current(paths).and_then(|entries| {
        let (granted, mut footprint) = change(paths, config, &Operation::Trust(&entries), memory, disk)?;
        if let Some(found) = super::telemetry::footprint(&paths.state_dir, config) {
            footprint.adopt(&found);
        }
        let unknown = entries.iter().filter(|entry| entry.hash.is_none());
        let unknown: Vec<&str> = unknown.map(|entry| entry.event.as_str()).collect();
        if !unknown.is_empty() {
            let names = unknown.join(", ");
            outcome.warnings.push(format!("changed by hand, so Codex will ask about them: {names}"));
        }
        memory.files.insert(state::key(config), Installed::new(Vec::new(), &footprint));
        Ok(granted)
    });
    match granted {
        Ok(granted) => outcome.trust = Some(Box::new(granted)),
        Err(err) => outcome.warnings.push(format!("Codex will ask whether you trust the hooks: {err:#}")),
    }
}

/// Has Codex forget our hooks; none when it knows nothing of them. A failure keeps no hook from going.
pub fn withdraw(
    paths: &StewardPaths,
    memory: &mut Memory,
    disk: &dyn Disk,
    warnings: &mut Vec<String>,
) -> Option<Outcome> {
    let config = paths.trust.as_ref()?;
    let withdrawn = current(paths).and_then(|entries| {
        change(paths, config, &Operation::Distrust(&entries), memory, disk).map(|(outcome, _)| outcome)
    });
    match withdrawn {
        Ok(outcome) => {
            warnings.extend(outcome.warnings.iter().cloned());
            let known = memory.files.remove(&state::key(config)).is_some();
            (known || outcome.changed).then_some(outcome)
        }
        Err(err) => {
            warnings.push(format!("what Codex trusts stays as it was: {err:#}"));
            None
        }
    }
}

/// Whether Codex runs our hooks.
pub fn state(paths: &StewardPaths, hooks: Option<&[u8]>) -> TrustState {
    let Some(config) = &paths.trust else { return TrustState::default() };
    let read = || {
        let entries = entries(paths, hooks)?;
        let bytes = file::read(&file::resolve(config)?)?;
        trust_state(bytes.as_deref(), &entries).with_context(|| format!("cannot read {}", config.display()))
    };
    read().unwrap_or_else(|err| TrustState { warnings: vec![format!("{err:#}")], ..TrustState::default() })
}

fn current(paths: &StewardPaths) -> Result<Vec<TrustEntry>> {
    let hooks = file::read(&file::resolve(&paths.settings)?)?;
    entries(paths, hooks.as_deref())
}

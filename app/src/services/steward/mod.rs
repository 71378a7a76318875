//! The settings steward's hands: finds Claude's settings file, has `magia_core::steward` plan the change, and
//! writes it so that nothing of anybody's is lost. Blocking; call it off the hub's thread.
//!
//! A settings file may hold keys: nothing here logs its content or puts it into an error.

mod backup;
mod file;
mod handler;
mod state;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use magia_core::steward::{
    Change, ChangeKind, EventStatus, Footprint, HookReport, HookState, Plan, StewardError, inspect,
    merge_patch, plan_install, plan_uninstall,
};
use serde_json::Value;

pub use backup::KEPT as BACKUPS_KEPT;
pub use file::{Disk, RealDisk};
pub use handler::{handler_path, install_handler};
use state::{Installed, Memory};

/// How often a change is planned anew when somebody else keeps writing the file.
const MAX_ATTEMPTS: usize = 20;

/// Where everything is. Nothing else is looked up.
#[derive(Debug, Clone)]
pub struct StewardPaths {
    /// Claude's settings file; a symbolic link is followed and kept.
    pub settings: PathBuf,
    /// For backups and what the steward remembers.
    pub state_dir: PathBuf,
    /// For the copy of the handler.
    pub data_dir: PathBuf,
    /// The handler that is copied.
    pub handler_source: PathBuf,
}

impl StewardPaths {
    /// The settings of the Claude whose config directory (`$CLAUDE_CONFIG_DIR`, else `~/.claude`) this is.
    #[must_use]
    pub fn for_claude(config_dir: &Path, state_dir: &Path, data_dir: &Path, handler_source: &Path) -> Self {
        Self {
            settings: config_dir.join("settings.json"),
            state_dir: state_dir.to_owned(),
            data_dir: data_dir.to_owned(),
            handler_source: handler_source.to_owned(),
        }
    }

    /// What the entries point at.
    #[must_use]
    pub fn handler(&self) -> PathBuf {
        handler_path(&self.data_dir)
    }
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The file that was (or would have been) written, links followed.
    pub settings: PathBuf,
    /// The file was written or removed.
    pub changed: bool,
    /// The file was ours alone and is gone.
    pub removed_file: bool,
    /// What became of our entries.
    pub changes: Vec<Change>,
    /// The copy of the file as it was before.
    pub backup: Option<PathBuf>,
    /// How often the change was planned; more than once when somebody else was writing.
    pub attempts: usize,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// The hooks of one settings file, now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookStatus {
    /// The settings file, links followed.
    pub settings: PathBuf,
    /// There is such a file.
    pub exists: bool,
    /// What of ours stands in it.
    pub report: HookReport,
    /// They were installed and something else took (some of) them out: offer a repair.
    pub lost: bool,
    /// What the entries should point at.
    pub handler: PathBuf,
    /// That file is there; without it the hooks do nothing.
    pub handler_present: bool,
    /// What the user should know beside the report's own warnings.
    pub warnings: Vec<String>,
}

/// Works out an install without touching anything.
///
/// # Errors
/// When the file cannot be read, or what stands in it is refused ([`StewardError`] is in the chain).
pub fn preview_install(paths: &StewardPaths) -> Result<Plan> {
    let (memory, _) = Memory::load(&paths.state_dir);
    preview(paths, &Operation::Install, &memory)
}

/// Works out an uninstall without touching anything.
///
/// # Errors
/// As [`preview_install`].
pub fn preview_uninstall(paths: &StewardPaths) -> Result<Plan> {
    let (memory, _) = Memory::load(&paths.state_dir);
    preview(paths, &Operation::Uninstall, &memory)
}

/// Works out a merge ([`update_settings`]) without touching anything.
///
/// # Errors
/// As [`preview_install`].
pub fn preview_update(paths: &StewardPaths, patch: &Value) -> Result<Plan> {
    let (memory, _) = Memory::load(&paths.state_dir);
    preview(paths, &Operation::Merge(patch), &memory)
}

/// Puts the handler's copy in place and has every event call it.
///
/// # Errors
/// As [`preview_install`], and when a file cannot be written; the settings file is then as it was.
pub fn install(paths: &StewardPaths) -> Result<Outcome> {
    install_on(paths, &RealDisk)
}

/// [`install`], through a disk of the caller's.
///
/// # Errors
/// As [`install`].
pub fn install_on(paths: &StewardPaths, disk: &dyn Disk) -> Result<Outcome> {
    let _lock = state::lock(&paths.state_dir)?;
    let (mut memory, forgotten) = Memory::load(&paths.state_dir);
    // Refuse before anything is copied.
    preview(paths, &Operation::Install, &memory)?;
    install_handler(&paths.handler_source, &paths.data_dir)?;
    let (mut outcome, footprint) = change(paths, &Operation::Install, &memory, disk)?;
    outcome.warnings.extend(forgotten);
    let events = outcome.changes.iter().filter(|change| change.kind != ChangeKind::Removed);
    let installed = Installed::new(events.map(|change| change.event.clone()).collect(), &footprint);
    memory.files.insert(state::key(&paths.settings), installed);
    remember(memory, paths, disk, &mut outcome);
    Ok(outcome)
}

/// Takes every entry of ours out, and the handler's copy when no other settings file points at it.
///
/// # Errors
/// As [`install`].
pub fn uninstall(paths: &StewardPaths) -> Result<Outcome> {
    uninstall_on(paths, &RealDisk)
}

/// [`uninstall`], through a disk of the caller's.
///
/// # Errors
/// As [`install`].
pub fn uninstall_on(paths: &StewardPaths, disk: &dyn Disk) -> Result<Outcome> {
    let _lock = state::lock(&paths.state_dir)?;
    let (mut memory, forgotten) = Memory::load(&paths.state_dir);
    let unreadable_memory = forgotten.is_some();
    let (mut outcome, _) = change(paths, &Operation::Uninstall, &memory, disk)?;
    outcome.warnings.extend(forgotten);
    let known = memory.files.remove(&state::key(&paths.settings)).is_some();
    // A line of the user's own in this very file may still run it.
    let needed = points_at(&paths.settings, &paths.handler())
        || memory.files.keys().any(|other| points_at(Path::new(other), &paths.handler()));
    if !needed
        && !unreadable_memory
        && let Err(err) = handler::remove_handler(&paths.data_dir)
    {
        outcome.warnings.push(format!("{err:#}"));
    }
    if known {
        remember(memory, paths, disk, &mut outcome);
    }
    Ok(outcome)
}

/// Reports what of ours stands in the settings file.
///
/// # Errors
/// When the file's place cannot be found out; a file that cannot be read is a state of the report.
pub fn status(paths: &StewardPaths) -> Result<HookStatus> {
    let settings = file::resolve(&paths.settings)?;
    let handler = paths.handler();
    let (exists, report) = match file::read(&settings) {
        Ok(bytes) => (bytes.is_some(), inspect(bytes.as_deref(), &handler)),
        Err(err) => (true, unreadable(&err)),
    };
    let (memory, forgotten) = Memory::load(&paths.state_dir);
    let missing = |name: &String| {
        report.events.iter().any(|event| event.event == name && event.status == EventStatus::Missing)
    };
    // An event that a newer magia would add is missing, but it is not lost.
    let lost = memory.get(&paths.settings).is_some_and(|installed| installed.events.iter().any(missing));
    let handler_present = handler.is_file();
    Ok(HookStatus {
        settings,
        exists,
        report,
        lost,
        handler,
        handler_present,
        warnings: forgotten.into_iter().collect(),
    })
}

/// The settings as a value; an empty object when there is no file.
///
/// # Errors
/// What Claude itself would not read is refused with its place.
pub fn read_settings(paths: &StewardPaths) -> Result<Value> {
    let settings = file::resolve(&paths.settings)?;
    let bytes = file::read(&settings)?;
    // An empty patch checks everything that an edit would.
    merge_patch(bytes.as_deref(), &Value::Object(serde_json::Map::new()))
        .with_context(|| refused(&settings))?;
    let bytes = bytes.unwrap_or_default();
    let text =
        std::str::from_utf8(&bytes).with_context(|| refused(&settings))?.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    match serde_json::from_str(text) {
        Ok(value) => Ok(value),
        // Its own message may quote what it read.
        Err(err) => {
            bail!("cannot decode line {}, column {} of {}", err.line(), err.column(), settings.display())
        }
    }
}

/// Merges a patch (RFC 7386) into the settings.
///
/// # Errors
/// As [`install`].
pub fn update_settings(paths: &StewardPaths, patch: &Value) -> Result<Outcome> {
    update_settings_on(paths, patch, &RealDisk)
}

/// [`update_settings`], through a disk of the caller's.
///
/// # Errors
/// As [`install`].
pub fn update_settings_on(paths: &StewardPaths, patch: &Value, disk: &dyn Disk) -> Result<Outcome> {
    let _lock = state::lock(&paths.state_dir)?;
    let (memory, _) = Memory::load(&paths.state_dir);
    change(paths, &Operation::Merge(patch), &memory, disk).map(|(outcome, _)| outcome)
}

enum Operation<'a> {
    Install,
    Uninstall,
    Merge(&'a Value),
}

impl Operation<'_> {
    fn plan(
        &self,
        paths: &StewardPaths,
        bytes: Option<&[u8]>,
        known: Option<&Footprint>,
    ) -> Result<Plan, StewardError> {
        match self {
            Self::Install => plan_install(bytes, &paths.handler(), known),
            Self::Uninstall => plan_uninstall(bytes, known),
            Self::Merge(patch) => merge_patch(bytes, patch),
        }
    }
}

fn preview(paths: &StewardPaths, operation: &Operation<'_>, memory: &Memory) -> Result<Plan> {
    let settings = file::resolve(&paths.settings)?;
    let bytes = file::read(&settings)?;
    let known = memory.get(&paths.settings).map(Installed::footprint);
    operation.plan(paths, bytes.as_deref(), known.as_ref()).with_context(|| refused(&settings))
}

/// Plans and writes until nobody wrote in between.
fn change(
    paths: &StewardPaths,
    operation: &Operation<'_>,
    memory: &Memory,
    disk: &dyn Disk,
) -> Result<(Outcome, Footprint)> {
    for attempts in 1..=MAX_ATTEMPTS {
        let settings = file::resolve(&paths.settings)?;
        let bytes = file::read(&settings)?;
        let known = memory.get(&paths.settings).map(Installed::footprint);
        let plan =
            operation.plan(paths, bytes.as_deref(), known.as_ref()).with_context(|| refused(&settings))?;
        let mut outcome = Outcome {
            settings: settings.clone(),
            changed: !plan.is_unchanged(),
            removed_file: plan.before.is_some() && plan.after.is_none(),
            changes: plan.changes,
            backup: None,
            attempts,
            warnings: plan.warnings,
        };
        if !outcome.changed {
            return Ok((outcome, plan.footprint));
        }
        if let Some(dir) = settings.parent() {
            file::make_dir(dir)?;
        }
        file::check_writable(&settings)?;
        if let Some(before) = &plan.before {
            outcome.backup = Some(backup::keep(&paths.state_dir, before, disk)?);
        }
        let replaced = file::replace(&settings, plan.before.as_deref(), plan.after.as_deref(), disk);
        let done = matches!(replaced, Ok(file::Replaced::Done));
        if let Some(backup) = outcome.backup.as_ref().filter(|_| !done) {
            // Of a change that did not happen; the content it copied is in the file itself.
            let _gone = std::fs::remove_file(backup);
        }
        if replaced? == file::Replaced::Done {
            if outcome.backup.is_some()
                && let Err(err) = backup::prune(&paths.state_dir)
            {
                outcome.warnings.push(format!("old backups stay: {err:#}"));
            }
            return Ok((outcome, plan.footprint));
        }
        tracing::debug!(attempts, "the settings file changed meanwhile; planning anew");
    }
    bail!("something else keeps writing it, so nothing was changed: {}", paths.settings.display())
}

fn remember(memory: Memory, paths: &StewardPaths, disk: &dyn Disk, outcome: &mut Outcome) {
    // The settings are written by now, so this is no failure of the change itself.
    if let Err(err) = memory.save(&paths.state_dir, disk) {
        outcome.warnings.push(format!("a later uninstall may leave white space behind: {err:#}"));
    }
}

/// Whether a settings file names the handler's copy anywhere. When that cannot be told, it does.
fn points_at(settings: &Path, handler: &Path) -> bool {
    let raw = handler.to_string_lossy().into_owned();
    let escaped = Value::String(raw.clone()).to_string();
    let escaped = escaped.trim_matches('"');
    match file::resolve(settings).and_then(|settings| file::read(&settings)) {
        Ok(None) => false,
        Ok(Some(bytes)) => {
            let text = String::from_utf8_lossy(&bytes);
            text.contains(&raw) || text.contains(escaped)
        }
        Err(_) => true,
    }
}

fn refused(settings: &Path) -> String {
    format!("did not change {}", settings.display())
}

fn unreadable(err: &anyhow::Error) -> HookReport {
    HookReport {
        state: HookState::Unreadable { line: None, column: None, message: format!("{err:#}") },
        events: Vec::new(),
        stale: Vec::new(),
        warnings: Vec::new(),
    }
}

//! The settings steward's hands: finds an agent's settings file, has `magia_core::steward` plan the change, and
//! writes it so that nothing of anybody's is lost. Blocking; call it off the hub's thread.
//!
//! A settings file may hold keys: nothing here logs its content or puts it into an error.

mod backup;
mod file;
mod handler;
mod state;
mod telemetry;
mod trust;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use magia_core::steward::{
    Change, ChangeKind, EventStatus, Footprint, HookReport, HookState, Plan, Recipe, StewardError,
    TrustEntry, TrustState, inspect, merge_patch, plan_distrust, plan_install, plan_trust, plan_uninstall,
    settings_value,
};
use magia_protocol::wire::Provider;
use serde_json::Value;

pub use backup::KEPT as BACKUPS_KEPT;
pub use file::{Disk, RealDisk};
pub use handler::{handler_path, install_handler};
use state::{Installed, Memory};
pub use telemetry::{
    PIN_FILE, TelemetryStatus, TelemetryWish, preview_telemetry, set_telemetry, set_telemetry_on,
    telemetry_status,
};

/// How often a change is planned anew when somebody else keeps writing the file.
const MAX_ATTEMPTS: usize = 20;

/// Where everything is. Nothing else is looked up.
#[derive(Debug, Clone)]
pub struct StewardPaths {
    /// Whose they are.
    pub provider: Provider,
    /// The file with the hooks; a symbolic link is followed and kept.
    pub settings: PathBuf,
    /// Codex's `config.toml`, which says what hooks the user trusts; the other agents have no such thing.
    pub trust: Option<PathBuf>,
    /// For backups and what the steward remembers.
    pub state_dir: PathBuf,
    /// For the copy of the handler.
    pub data_dir: PathBuf,
    /// The handler that is copied.
    pub handler_source: PathBuf,
}

impl StewardPaths {
    /// The settings of the agent whose own directory this is: `$CLAUDE_CONFIG_DIR`, `$CODEX_HOME`, `~/.gemini`. For
    /// Codex it must be named as Codex names it, because that is part of what it trusts: links in `$CODEX_HOME`
    /// followed, in the usual `~/.codex` not (seen with 0.169).
    #[must_use]
    pub fn new(
        provider: Provider,
        agent_dir: &Path,
        state_dir: &Path,
        data_dir: &Path,
        handler_source: &Path,
    ) -> Self {
        // Codex reads hooks from config.toml too. In a file of their own they can come and go without a place in the
        // user's being counted anew.
        let (file, trust) = match provider {
            Provider::Claude | Provider::Gemini => ("settings.json", None),
            Provider::Codex => ("hooks.json", Some(agent_dir.join("config.toml"))),
        };
        Self {
            provider,
            settings: agent_dir.join(file),
            trust,
            state_dir: state_dir.to_owned(),
            data_dir: data_dir.to_owned(),
            handler_source: handler_source.to_owned(),
        }
    }

    /// [`Self::new`] for Claude.
    #[must_use]
    pub fn for_claude(config_dir: &Path, state_dir: &Path, data_dir: &Path, handler_source: &Path) -> Self {
        Self::new(Provider::Claude, config_dir, state_dir, data_dir, handler_source)
    }

    /// What the entries point at.
    #[must_use]
    pub fn handler(&self) -> PathBuf {
        handler_path(&self.data_dir)
    }
}

/// What the user asked for beside the hooks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Whether calls are refused when magia gives no answer; none: as it is now, else off.
    pub strict: Option<bool>,
    /// Tell Codex that the user trusts these hooks; without it Codex asks at its next start.
    pub trust: bool,
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
    /// What was done to the file that says what is trusted, when there was something to do.
    pub trust: Option<Box<Outcome>>,
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
    /// Whether Codex runs them; empty for the other agents, which do not ask.
    pub trust: TrustState,
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
pub fn preview_install(paths: &StewardPaths, wishes: &Wishes) -> Result<Vec<FilePlan>> {
    let memory = Memory::load(&paths.state_dir).with_context(|| refused(&paths.settings))?;
    let plan = preview(&paths.settings, &Operation::Install(paths, wishes), &memory)?;
    let after = plan.plan.after.clone();
    let mut plans = vec![plan];
    if let Some(config) = paths.trust.as_ref().filter(|_| wishes.trust) {
        let entries = trust::entries(paths, after.as_deref())?;
        plans.push(preview(config, &Operation::Trust(&entries), &memory)?);
    }
    Ok(plans)
}

/// Works out an uninstall without touching anything.
///
/// # Errors
/// As [`preview_install`].
pub fn preview_uninstall(paths: &StewardPaths) -> Result<Vec<FilePlan>> {
    let memory = Memory::load(&paths.state_dir).unwrap_or_default();
    let plan = preview(&paths.settings, &Operation::Uninstall(paths.provider), &memory)?;
    let before = plan.plan.before.clone();
    let mut plans = vec![plan];
    if let Some(config) = &paths.trust {
        // What cannot be read is no reason to keep the hooks; the uninstall says so then.
        let entries = trust::entries(paths, before.as_deref())?;
        plans.extend(preview(config, &Operation::Distrust(&entries), &memory));
    }
    Ok(plans)
}

/// Works out a merge ([`update_settings`]) without touching anything.
///
/// # Errors
/// As [`preview_install`].
pub fn preview_update(paths: &StewardPaths, patch: &Value) -> Result<Vec<FilePlan>> {
    Ok(vec![preview(&paths.settings, &Operation::Merge(patch), &Memory::default())?])
}

/// Puts the handler's copy in place and has every event call it.
///
/// # Errors
/// As [`preview_install`], when what is remembered cannot be read, and when a file cannot be written; the settings file is
/// then as it was.
pub fn install(paths: &StewardPaths, wishes: &Wishes) -> Result<Outcome> {
    install_on(paths, wishes, &RealDisk)
}

/// [`install`], through a disk of the caller's.
///
/// # Errors
/// As [`install`].
pub fn install_on(paths: &StewardPaths, wishes: &Wishes, disk: &dyn Disk) -> Result<Outcome> {
    let _lock = state::lock(&paths.state_dir)?;
    // Refuse before anything is copied.
    let mut memory = Memory::load(&paths.state_dir).with_context(|| refused(&paths.settings))?;
    preview_install(paths, wishes)?;
    install_handler(&paths.handler_source, &paths.data_dir)?;
    let (mut outcome, mut footprint) =
        change(paths, &paths.settings, &Operation::Install(paths, wishes), &memory, disk)?;
    if let Some(found) = telemetry::footprint(&paths.state_dir, &paths.settings) {
        footprint.adopt(&found);
    }
    let events = outcome.changes.iter().filter(|change| change.kind != ChangeKind::Removed);
    let installed = Installed::new(events.map(|change| change.event.clone()).collect(), &footprint);
    memory.files.insert(state::key(&paths.settings), installed);
    if wishes.trust {
        trust::grant(paths, &mut memory, disk, &mut outcome);
    }
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
    // Hooks are taken out whatever became of the memory, which then stays as it is.
    let (mut memory, unreadable_memory) = match Memory::load(&paths.state_dir) {
        Ok(memory) => (memory, None),
        Err(err) => (Memory::default(), Some(ignored(&err))),
    };
    // What Codex knows of our hooks is told by where they stand, so it goes first.
    let mut warnings = Vec::new();
    let withdrawn = trust::withdraw(paths, &mut memory, disk, &mut warnings);
    let (mut outcome, _) =
        change(paths, &paths.settings, &Operation::Uninstall(paths.provider), &memory, disk)?;
    outcome.trust = withdrawn.map(Box::new);
    outcome.warnings.extend(warnings);
    let known = memory.files.remove(&state::key(&paths.settings)).is_some();
    // A line of the user's own in this very file may still run it.
    let needed = points_at(&paths.settings, &paths.handler())
        || memory.files.keys().any(|other| points_at(Path::new(other), &paths.handler()));
    if !needed
        && unreadable_memory.is_none()
        && let Err(err) = handler::remove_handler(&paths.data_dir)
    {
        outcome.warnings.push(format!("{err:#}"));
    }
    match unreadable_memory {
        Some(warning) => outcome.warnings.push(warning),
        None if known || outcome.trust.is_some() => remember(memory, paths, disk, &mut outcome),
        None => {}
    }
    Ok(outcome)
}

/// The agents' own directories in whose settings hooks or telemetry were set and not taken back, and whose they are.
///
/// # Errors
/// When what is remembered cannot be read.
pub fn known_homes(state_dir: &Path) -> Result<Vec<(Provider, PathBuf)>> {
    let mut homes = Vec::new();
    for file in Memory::load(state_dir)?.files.into_keys().chain(telemetry::files(state_dir)?) {
        let file = Path::new(&file);
        // Claude's file has the same name as Gemini's, and whatever takes ours out of Gemini's does so of Claude's: of the
        // two only Gemini reads comments.
        let is_codex = !file.ends_with("settings.json");
        let provider = if is_codex { Provider::Codex } else { Provider::Gemini };
        let home = file.parent().map(|home| (provider, home.to_owned()));
        homes.extend(home.filter(|home| !homes.contains(home)));
    }
    Ok(homes)
}

/// Reports what of ours stands in the settings file.
///
/// # Errors
/// When the file's place cannot be found out; a file that cannot be read is a state of the report.
pub fn status(paths: &StewardPaths) -> Result<HookStatus> {
    let settings = file::resolve(&paths.settings)?;
    let handler = paths.handler();
    let (exists, report, trust) = match file::read(&settings) {
        Ok(bytes) => {
            let report = inspect(bytes.as_deref(), &Recipe::new(paths.provider, &handler));
            (bytes.is_some(), report, trust::state(paths, bytes.as_deref()))
        }
        Err(err) => (true, unreadable(&err), TrustState::default()),
    };
    let (memory, forgotten) = match Memory::load(&paths.state_dir) {
        Ok(memory) => (memory, None),
        Err(err) => (Memory::default(), Some(ignored(&err))),
    };
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
        trust,
        lost,
        handler,
        handler_present,
        warnings: forgotten.into_iter().collect(),
    })
}

/// The settings as a value; an empty object when there is no file.
///
/// # Errors
/// What the agent itself would not read is refused with its place.
pub fn read_settings(paths: &StewardPaths) -> Result<Value> {
    let settings = file::resolve(&paths.settings)?;
    let bytes = file::read(&settings)?;
    settings_value(bytes.as_deref(), paths.provider)
        .with_context(|| format!("cannot read {}", settings.display()))
}

/// Merges a patch (RFC 7386) into Claude's settings.
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
    let operation = Operation::Merge(patch);
    change(paths, &paths.settings, &operation, &Memory::default(), disk).map(|(outcome, _)| outcome)
}

/// A change of one file, worked out.
#[derive(Debug, Clone)]
pub struct FilePlan {
    /// The file as it is named, links not followed.
    pub file: PathBuf,
    /// The change.
    pub plan: Plan,
}

enum Operation<'a> {
    Install(&'a StewardPaths, &'a Wishes),
    Uninstall(Provider),
    Merge(&'a Value),
    Trust(&'a [TrustEntry]),
    Distrust(&'a [TrustEntry]),
    Telemetry(&'a PlanFn<'a>),
}

/// Plans a change of whatever stands in the file now.
type PlanFn<'a> = dyn Fn(Option<&[u8]>) -> Result<Plan, StewardError> + 'a;

impl Operation<'_> {
    fn plan(&self, bytes: Option<&[u8]>, known: Option<&Footprint>) -> Result<Plan, StewardError> {
        match self {
            Self::Install(paths, wishes) => {
                let handler = paths.handler();
                let recipe = Recipe { provider: paths.provider, handler: &handler, strict: wishes.strict };
                plan_install(bytes, &recipe, known)
            }
            Self::Uninstall(provider) => plan_uninstall(bytes, *provider, known),
            Self::Merge(patch) => merge_patch(bytes, patch),
            Self::Trust(entries) => plan_trust(bytes, entries, known),
            Self::Distrust(entries) => plan_distrust(bytes, entries, known),
            Self::Telemetry(plan) => plan(bytes),
        }
    }
}

fn preview(path: &Path, operation: &Operation<'_>, memory: &Memory) -> Result<FilePlan> {
    let settings = file::resolve(path)?;
    let bytes = file::read(&settings)?;
    let known = memory.get(path).map(Installed::footprint);
    let plan = operation.plan(bytes.as_deref(), known.as_ref()).with_context(|| refused(&settings))?;
    if plan.after.is_some() {
        file::check_link(path, &settings).with_context(|| refused(path))?;
    }
    Ok(FilePlan { file: path.to_owned(), plan })
}

/// Plans and writes until nobody wrote in between.
fn change(
    paths: &StewardPaths,
    path: &Path,
    operation: &Operation<'_>,
    memory: &Memory,
    disk: &dyn Disk,
) -> Result<(Outcome, Footprint)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let kind = format!("{}-{name}", paths.provider);
    for attempts in 1..=MAX_ATTEMPTS {
        let settings = file::resolve(path)?;
        let bytes = file::read(&settings)?;
        let known = memory.get(path).map(Installed::footprint);
        let plan = operation.plan(bytes.as_deref(), known.as_ref()).with_context(|| refused(&settings))?;
        let mut outcome = Outcome {
            settings: settings.clone(),
            changed: !plan.is_unchanged(),
            removed_file: plan.before.is_some() && plan.after.is_none(),
            changes: plan.changes,
            backup: None,
            trust: None,
            attempts,
            warnings: plan.warnings,
        };
        if !outcome.changed {
            return Ok((outcome, plan.footprint));
        }
        file::check_link(path, &settings).with_context(|| refused(path))?;
        if let Some(dir) = settings.parent() {
            file::make_dir(dir)?;
        }
        file::check_writable(&settings)?;
        if let Some(before) = &plan.before {
            outcome.backup = Some(backup::keep(&paths.state_dir, &kind, before, disk)?);
        }
        let replaced = file::replace(&settings, plan.before.as_deref(), plan.after.as_deref(), disk);
        let done = matches!(replaced, Ok(file::Replaced::Done));
        if let Some(backup) = outcome.backup.as_ref().filter(|_| !done) {
            // Of a change that did not happen; the content it copied is in the file itself.
            let _gone = std::fs::remove_file(backup);
        }
        if replaced? == file::Replaced::Done {
            if outcome.backup.is_some()
                && let Err(err) = backup::prune(&paths.state_dir, &kind)
            {
                outcome.warnings.push(format!("old backups stay: {err:#}"));
            }
            return Ok((outcome, plan.footprint));
        }
        tracing::debug!(attempts, "the settings file changed meanwhile; planning anew");
    }
    bail!("something else keeps writing it, so nothing was changed: {}", path.display())
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
    let quoted = escaped.replace('\'', "'\\\\''");
    match file::resolve(settings).and_then(|settings| file::read(&settings)) {
        Ok(None) => false,
        Ok(Some(bytes)) => {
            let text = String::from_utf8_lossy(&bytes);
            text.contains(&raw) || text.contains(escaped) || text.contains(&quoted)
        }
        Err(_) => true,
    }
}

fn ignored(err: &anyhow::Error) -> String {
    format!("ignored what is remembered of installed hooks: {err:#}")
}

fn refused(settings: &Path) -> String {
    format!("did not change {}", settings.display())
}

fn unreadable(err: &anyhow::Error) -> HookReport {
    HookReport {
        state: HookState::Unreadable { line: None, column: None, message: format!("{err:#}") },
        events: Vec::new(),
        stale: Vec::new(),
        strict: false,
        warnings: Vec::new(),
    }
}

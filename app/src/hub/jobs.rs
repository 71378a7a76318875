//! What is slow: files, programs, the store. One worker does it in order and reports to the hub.

use super::telemetry;
use crate::doctor;
use crate::event_text::event_json;
use crate::listeners::{Listeners, Streams};
use crate::os::memory;
use crate::places::Places;
use crate::reset;
use crate::services::providers::{Detector, Search, Source};
use crate::services::settings_file::SettingsFile;
use crate::services::steward::FilePlan;
use crate::services::store::Store;
use crate::services::{steward, transcripts};
use anyhow::Context as _;
use crossbeam_channel::{Receiver, Sender, never, select_biased};
use magia_core::effect::Job;
use magia_core::event::{Event, ReplyId, Titles};
use magia_core::model::StoredTimeline;
use magia_core::policy::trial;
use magia_core::settings::Settings;
use magia_core::steward::{EventStatus, HookState, StewardError};
use magia_protocol::wire::command::{InstallHooks, SetTelemetry};
use magia_protocol::wire::info::{ChangeInfo, HooksInfo, ProviderInfo};
use magia_protocol::wire::{Command, ErrorCode, Provider, RpcError, SessionId};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

/// Events that a list has at most, and the bytes of their payloads when it goes on from one.
const READ_MAX: u32 = 10_000;
const LIST_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Events that a history reads at most: two for each entry that a timeline keeps.
const HISTORY_EVENTS_MAX: u32 = 20_000;
/// Requests that a history reads at most.
const HISTORY_REQUESTS_MAX: u32 = 2_000;

/// Recorded requests that a dry run replays, the newest.
const REQUESTS_MAX: u32 = 20_000;

/// Events of a page that a subscriber gets of what it missed, and the bytes of their payloads.
const PAGE_MAX: (u32, usize) = (1_000, 1024 * 1024);

/// Something for the worker.
#[derive(Debug)]
pub enum JobRequest {
    /// A command's slow part.
    Run {
        /// Who waits.
        reply: ReplyId,
        /// What to do.
        job: Job,
    },
    /// Read a session's stored events.
    History(SessionId),
    /// Look for titles in a transcript.
    Titles {
        /// Whose.
        session: SessionId,
        /// The file.
        path: PathBuf,
    },
    /// Look at Claude's hooks and at the installed agents, and report both.
    Inspect,
    /// The settings changed.
    Settings(Arc<Settings>),
    /// Give freed memory back to the system.
    GiveBack,
}

/// Tells what was just saved: whoever saved may count on it at once.
fn tell(file: &SettingsFile) {
    if !file.tell() {
        tracing::debug!("nobody is left to tell of what was saved");
    }
}

impl JobRequest {
    /// Who waits for it.
    const fn reply(&self) -> Option<ReplyId> {
        match self {
            Self::Run { reply, .. } => Some(*reply),
            _ => None,
        }
    }
}

/// What the worker works with.
#[derive(Debug)]
pub struct JobShell {
    /// Where everything is.
    pub places: Places,
    /// Reads the store; `None` when there is none.
    pub store: Option<Arc<Store>>,
    /// settings.json.
    pub settings: Arc<SettingsFile>,
    /// keybindings.json.
    pub keybindings: Arc<SettingsFile>,
    /// The settings as they were read last.
    pub current: Arc<Settings>,
    /// Finds the agents' programs, and remembers.
    pub detector: Detector,
    /// Starts listeners again; `None` in a one-shot run.
    pub listeners: Option<Weak<Listeners>>,
}

/// The worker thread; ends when its channel is closed.
#[derive(Debug)]
pub struct JobWorker(Option<JoinHandle<()>>);

impl JobWorker {
    /// Starts it.
    pub fn start(
        mut shell: JobShell,
        jobs: Receiver<JobRequest>,
        events: Sender<Event>,
    ) -> std::io::Result<Self> {
        let streams = shell.listeners.as_ref().and_then(Weak::upgrade).map(|all| all.streams());
        let pages = streams.as_ref().map_or_else(never, Streams::pages);
        let work = move || {
            loop {
                let told = select_biased! {
                    recv(jobs) -> request => match request {
                        Ok(request) => survive(request.reply(), || shell.work(request)),
                        Err(_) => return,
                    },
                    recv(pages) -> _ => {
                        survive(None, || {
                            streams.iter().for_each(|streams| shell.give_page(streams));
                            Vec::new()
                        })
                    }
                };
                for event in told {
                    if events.send(event).is_err() {
                        return;
                    }
                }
            }
        };
        Ok(Self(Some(std::thread::Builder::new().name("jobs".to_owned()).spawn(work)?)))
    }

    /// Waits for its end. The channel must be closed before.
    pub fn join(&mut self) {
        if let Some(thread) = self.0.take()
            && thread.join().is_err()
        {
            tracing::error!("the jobs thread panicked");
        }
    }
}

/// What a job reports. One that panics ends alone, and whoever waits for it is told.
fn survive(reply: Option<ReplyId>, job: impl FnOnce() -> Vec<Event>) -> Vec<Event> {
    catch_unwind(AssertUnwindSafe(job)).unwrap_or_else(|_panic| {
        tracing::error!("a job panicked");
        let outcome = Err(RpcError::new(ErrorCode::Internal, "magia failed at this; its log says more"));
        reply.map(|reply| Event::JobFinished { reply, outcome }).into_iter().collect()
    })
}

/// Does one command without a running program: what `magia-app --call` offers when no window runs.
pub fn run_once(shell: &mut JobShell, command: Command) -> Result<Value, RpcError> {
    let job = match command {
        Command::HooksStatus(params) => Job::HooksStatus(params),
        Command::InstallHooks(params) => Job::InstallHooks(params),
        Command::UninstallHooks(params) => Job::UninstallHooks(params),
        Command::ReadClaudeSettings(_) => Job::ReadClaudeSettings,
        Command::ReadGeminiSettings(_) => Job::ReadGeminiSettings,
        Command::InjectGeminiHooks(params) => {
            Job::InstallHooks(InstallHooks { dry_run: params.dry_run, ..InstallHooks::of(Provider::Gemini) })
        }
        Command::UpdateClaudeSettings(params) => Job::UpdateClaudeSettings(params),
        Command::DetectInstalledProviders(params) => Job::Detect(params),
        Command::TelemetryStatus(params) => {
            Job::TelemetryStatus { params, endpoint: telemetry::usual_endpoint(shell) }
        }
        Command::SetTelemetry(params) => {
            Job::SetTelemetry { params, endpoint: telemetry::usual_endpoint(shell) }
        }
        Command::LoadSettings(_) => return Ok(Value::Object(shell.current.to_json())),
        Command::SaveSettings(params) => Job::SaveSettings(params),
        Command::SettingsSchema(_) => return Ok(magia_core::settings::spec::schema()),
        Command::LoadKeybindings(_) => return Ok(shell.keybindings.reply_now()),
        Command::SaveKeybindings(params) => Job::SaveKeybindings(params),
        Command::IsFirstLaunch(_) => return Ok(json!(shell.places.is_new())),
        Command::FactoryReset(params) if params.confirm == "reset" => Job::FactoryReset,
        other => {
            let (method, _) = other.to_request();
            return Err(RpcError::new(ErrorCode::Unsupported, format!("{method} needs the running program"))
                .with_hint("start it with `magia`"));
        }
    };
    shell.run(job).0
}

impl JobShell {
    fn work(&mut self, request: JobRequest) -> Vec<Event> {
        match request {
            JobRequest::Run { reply, job } => {
                let (outcome, mut events) = self.run(job);
                events.push(Event::JobFinished { reply, outcome });
                events
            }
            JobRequest::History(session) => {
                let read = catch_unwind(AssertUnwindSafe(|| self.history(session)));
                let stored = match read {
                    Ok(Ok(stored)) => Some(Box::new(stored)),
                    Ok(Err(err)) => {
                        tracing::warn!("reading a session's events: {err:#}");
                        None
                    }
                    Err(_panic) => {
                        tracing::error!("a session's events could not be understood");
                        None
                    }
                };
                vec![Event::HistoryLoaded { session, stored }]
            }
            JobRequest::Titles { session, path } => {
                let found = transcripts::read_titles(&path);
                let titles = Titles { custom: found.custom, ai: found.ai, prompt: found.prompt };
                vec![Event::TitlesRead { session, titles }]
            }
            JobRequest::Settings(settings) => {
                self.current = settings;
                Vec::new()
            }
            JobRequest::GiveBack => {
                memory::give_back();
                Vec::new()
            }
            JobRequest::Inspect => {
                let mut events = vec![Event::ProvidersDetected(self.detect(false))];
                events.extend(self.inspected());
                events
            }
        }
    }

    /// A session's timeline, of what the store has.
    fn history(&self, session: SessionId) -> anyhow::Result<StoredTimeline> {
        let Some(store) = &self.store else { return Ok(StoredTimeline::of(&[], &[], true)) };
        let flushed = store.flush();
        if let Err(err) = &flushed {
            // What is written can be read; what is not, the model may remember.
            tracing::warn!("a timeline may lack its newest: {err:#}");
        }
        let events = store.events(Some(session), 0, HISTORY_EVENTS_MAX)?;
        let mut requests = store.requests_of(session, HISTORY_REQUESTS_MAX)?;
        requests.reverse();
        if let Some(first) = events.first() {
            // Alone they would tell nothing.
            requests.retain(|request| request.asked_at_ms >= first.received_at_ms);
        }
        Ok(StoredTimeline::of(&events, &requests, flushed.is_ok()))
    }

    /// Gives the subscriber whose turn it is the next page of what it missed.
    fn give_page(&self, streams: &Streams) {
        let Some(wish) = streams.next_page() else { return };
        let warn = |err: &anyhow::Error| tracing::warn!("reading events for a subscriber: {err:#}");
        let read = || match &self.store {
            Some(store) => {
                // What is written can be read; what is not cannot.
                let flushed = store.flush().inspect_err(warn);
                let events = store.events_after(None, (wish.after, wish.until), PAGE_MAX).inspect_err(warn);
                let readable = flushed.is_ok() && events.is_ok();
                (events.unwrap_or_default(), readable)
            }
            None => (Vec::new(), false),
        };
        // Whatever happens, it must not wait for ever.
        let (events, readable) = catch_unwind(AssertUnwindSafe(read)).unwrap_or_default();
        streams.give(&wish, events, readable);
    }

    /// Does a job; the events are what the hub must know beside the reply.
    fn run(&mut self, job: Job) -> (Result<Value, RpcError>, Vec<Event>) {
        let mut events = Vec::new();
        let outcome = match job {
            Job::ListEvents { params, session } => {
                let limit = params.limit.unwrap_or(1_000).min(READ_MAX);
                self.read(|store| {
                    store.flush()?;
                    let events = match (params.since, params.before) {
                        // Whoever goes on from there gets one page after the other.
                        (Some(since), None) => {
                            store.events_after(session, (since, u64::MAX), (limit, LIST_BYTES_MAX))?
                        }
                        (since, before) => {
                            store.events_between(session, since.unwrap_or(0), before, limit)?
                        }
                    };
                    let texts = events.iter().map(|event| RawValue::from_string(event_json(event)));
                    texts.collect::<Result<Vec<_>, _>>().context("encoding the events")
                })
            }
            Job::TryPolicy { trial, since_ms } => {
                let settings = Arc::clone(&self.current);
                self.read(|store| {
                    store.flush()?;
                    Ok(trial::replay(&settings, &trial, &store.requests_since(since_ms, REQUESTS_MAX)?))
                })
            }
            Job::SaveSettings(params) => {
                let saved = self.settings.save(&params.settings);
                if saved.is_ok() {
                    tell(&self.settings);
                }
                saved
            }
            Job::SaveKeybindings(params) => {
                let saved = self.keybindings.save_over(&params.keybindings, params.reset);
                if saved.is_ok() {
                    tell(&self.keybindings);
                }
                saved
            }
            Job::FactoryReset => self.factory_reset(),
            Job::HooksStatus(params) => self
                .steward(params.provider, params.home.as_deref())
                .and_then(|paths| self.hooks(&paths))
                .and_then(to_json),
            Job::InstallHooks(params) => {
                self.steward_to_write(params.provider, params.home.as_deref()).and_then(|paths| {
                    let wishes = steward::Wishes { strict: params.strict, trust: params.trust };
                    self.change(
                        &paths,
                        params.dry_run,
                        |paths| steward::preview_install(paths, &wishes),
                        |paths| steward::install(paths, &wishes),
                    )
                })
            }
            Job::UninstallHooks(params) => {
                self.steward(params.provider, params.home.as_deref()).and_then(|paths| {
                    self.change(&paths, params.dry_run, steward::preview_uninstall, steward::uninstall)
                })
            }
            Job::ReadClaudeSettings => self.read_settings(Provider::Claude),
            Job::ReadGeminiSettings => self.read_settings(Provider::Gemini),
            Job::UpdateClaudeSettings(params) => {
                let patch = Value::Object(params.settings);
                self.change(
                    &self.places.steward(Provider::Claude, None),
                    params.dry_run,
                    |paths| steward::preview_update(paths, &patch),
                    |paths| steward::update_settings(paths, &patch),
                )
            }
            Job::TelemetryStatus { params, endpoint } => {
                telemetry::status(self, &params, endpoint.as_deref()).and_then(to_json)
            }
            Job::SetTelemetry { params, endpoint } => {
                telemetry::set(self, &params, endpoint).and_then(to_json)
            }
            Job::Detect(params) => {
                let found = self.detect(params.refresh);
                events.push(Event::ProvidersDetected(found.clone()));
                to_json(found)
            }
            Job::RetryListener(name) => match self.retry(&name) {
                Some(true) => Ok(json!({ "retried": name })),
                _ => Err(RpcError::new(ErrorCode::Unsupported, "no listeners run here")),
            },
            Job::Doctor { mut checks, known } => {
                let hooks = self.hooks(&self.places.steward(Provider::Claude, None)).ok();
                let providers = self.detect(false);
                checks.extend(doctor::checks(&self.places, &self.current, hooks.as_ref(), &providers));
                for provider in [Provider::Codex, Provider::Gemini] {
                    let hooks = self.hooks(&self.places.steward(provider, None)).ok();
                    checks.extend(hooks.as_ref().and_then(doctor::optional_hooks_check));
                }
                checks.extend(doctor::drift(&self.places, &known));
                to_json(checks)
            }
            Job::Purge { params, keep } => self.read(|store| {
                let report = store.purge(params.older_than_days, keep)?;
                let gone = report.sessions.len();
                events.push(Event::Forgotten(report.sessions));
                Ok(json!({ "events": report.events, "requests": report.requests, "sessions": gone }))
            }),
        };
        if outcome.as_ref().ok().and_then(|value| value.get("changed")?.as_bool()) == Some(true) {
            events.extend(self.inspected());
        }
        (outcome, events)
    }
}

impl JobShell {
    fn read<T: Serialize>(
        &mut self,
        read: impl FnOnce(&Store) -> anyhow::Result<T>,
    ) -> Result<Value, RpcError> {
        match &self.store {
            Some(store) => read(store).map_err(|err| internal(&err)).and_then(to_json),
            None => Err(RpcError::new(ErrorCode::Conflict, "the store could not be opened")
                .with_hint("`magia doctor` says why")),
        }
    }

    /// How the hooks of every agent stand: the hub wants to know at the start and after a change of settings.
    fn inspected(&self) -> Vec<Event> {
        let look = |provider: &Provider| match self.hooks(&self.places.steward(*provider, None)) {
            Ok(info) => Some(Event::HooksInspected(Box::new(info))),
            Err(err) => {
                tracing::warn!("looking at the hooks of {provider}: {}", err.message);
                None
            }
        };
        Provider::ALL.iter().filter_map(look).collect()
    }

    /// Takes what is ours out of every agent's settings, then removes what is ours, or has it removed at the next start when
    /// this program holds it open.
    fn factory_reset(&self) -> Result<Value, RpcError> {
        let places = &self.places;
        let mut others = steward::known_homes(&places.state).map_err(|err| internal(&err))?;
        others.retain(|(_, home)| ![&places.claude, &places.codex, &places.gemini].contains(&home));
        let usual = Provider::ALL.iter().map(|provider| (*provider, None));
        let agents: Vec<_> =
            usual.chain(others.into_iter().map(|(provider, home)| (provider, Some(home)))).collect();
        // A refusal of one changes nothing of another.
        for trial in [true, false] {
            for (provider, home) in &agents {
                self.leave_agent(*provider, home.as_deref(), trial)?;
            }
        }
        let removed = reset::what_goes(&self.places);
        let restarting = self.listeners.is_some();
        let done = if restarting { reset::mark(&self.places) } else { reset::finish(&self.places) };
        done.map_err(|err| internal(&err))?;
        Ok(json!({ "removed": removed, "restarting": restarting }))
    }

    /// Takes what is ours out of an agent's settings, or says whether that would be refused.
    fn leave_agent(&self, provider: Provider, home: Option<&Path>, trial: bool) -> Result<(), RpcError> {
        let home = home.map(|home| home.to_string_lossy().into_owned());
        let paths = self.steward(provider, home.as_deref())?;
        // A file that cannot be read holds what it holds: nothing is forgotten while hooks point here.
        self.change(&paths, trial, steward::preview_uninstall, steward::uninstall)?;
        let off = SetTelemetry { provider, on: false, traces: false, dry_run: trial, home };
        telemetry::set(self, &off, None).map(|_| ())
    }

    fn retry(&self, name: &str) -> Option<bool> {
        Some(self.listeners.as_ref()?.upgrade()?.retry(name))
    }

    fn detect(&mut self, refresh: bool) -> Vec<ProviderInfo> {
        if refresh {
            self.detector = Detector::default();
        }
        let configured = self.current.binaries.iter();
        let configured = configured.map(|(provider, path)| (*provider, PathBuf::from(path))).collect();
        let search = Search::usual(configured, Some(self.places.home.clone()), std::env::var_os("PATH"));
        let found = self.detector.detect(&search);
        let info = |provider: &Provider| {
            let found = found.iter().find(|one| one.provider == *provider);
            ProviderInfo {
                id: provider.to_string(),
                provider: *provider,
                path: found.map(|one| one.path.display().to_string()),
                version: found.and_then(|one| one.version.clone()),
                source: found.map(|one| source_word(one.source).to_owned()),
            }
        };
        Provider::ALL.iter().map(info).collect()
    }

    /// Where an agent's settings are.
    pub(super) fn steward(
        &self,
        provider: Provider,
        home: Option<&str>,
    ) -> Result<steward::StewardPaths, RpcError> {
        let home = match home.map(Path::new) {
            Some(home) if !home.is_absolute() => {
                return Err(RpcError::new(ErrorCode::BadParams, "home must be an absolute path"));
            }
            // As Codex names what it is given in CODEX_HOME.
            home => home.map(|home| home.canonicalize().unwrap_or_else(|_| home.to_owned())),
        };
        Ok(self.places.steward(provider, home.as_deref()))
    }

    /// [`Self::steward`] for what puts something in. A directory that was named is that of an agent, so it is there.
    pub(super) fn steward_to_write(
        &self,
        provider: Provider,
        home: Option<&str>,
    ) -> Result<steward::StewardPaths, RpcError> {
        if let Some(home) = home.filter(|home| Path::new(home).is_absolute() && !Path::new(home).is_dir()) {
            let message = format!("there is no directory {home}, so nothing was changed");
            return Err(RpcError::new(ErrorCode::NotFound, message)
                .with_hint("name the agent's own directory, or make it first"));
        }
        self.steward(provider, home)
    }

    fn hooks(&self, paths: &steward::StewardPaths) -> Result<HooksInfo, RpcError> {
        let status = steward::status(paths).map_err(|err| steward_error(&err))?;
        let named = |wanted: EventStatus| {
            let events = status.report.events.iter().filter(move |event| event.status == wanted);
            events.map(|event| event.event.to_owned()).collect::<Vec<_>>()
        };
        let mut warnings = status.report.warnings.clone();
        warnings.extend(status.warnings.iter().cloned());
        warnings.extend(status.trust.warnings.iter().cloned());
        if !status.trust.disabled.is_empty() {
            warnings.push(format!("switched off in Codex: {}", status.trust.disabled.join(", ")));
        }
        let installed =
            !matches!(status.report.state, HookState::NotInstalled | HookState::Unreadable { .. });
        if installed && !status.handler_present {
            warnings.push(format!(
                "{} is missing, so the hooks do nothing: install them again",
                status.handler.display()
            ));
        }
        let state = match &status.report.state {
            HookState::NotInstalled => "not installed",
            HookState::Installed => "installed",
            HookState::Partial => "partial",
            HookState::Outdated => "outdated",
            HookState::Unreadable { message, .. } => {
                warnings.push(message.clone());
                "unreadable"
            }
        };
        let mut outdated = named(EventStatus::Outdated);
        outdated.extend(status.report.stale.iter().cloned());
        Ok(HooksInfo {
            provider: paths.provider,
            file: status.settings.display().to_string(),
            state: state.to_owned(),
            missing: named(EventStatus::Missing),
            outdated,
            lost: status.lost,
            strict: status.report.strict,
            untrusted: status.trust.untrusted,
            warnings,
        })
    }

    fn change(
        &self,
        paths: &steward::StewardPaths,
        dry_run: bool,
        preview: impl FnOnce(&steward::StewardPaths) -> anyhow::Result<Vec<FilePlan>>,
        perform: impl FnOnce(&steward::StewardPaths) -> anyhow::Result<steward::Outcome>,
    ) -> Result<Value, RpcError> {
        let plans = preview(paths).map_err(|err| steward_error(&err))?;
        let diffs = plans.iter().map(|one| one.plan.unified_diff(&one.file.display().to_string()));
        let mut info = ChangeInfo {
            diff: diffs.collect(),
            file: paths.settings.display().to_string(),
            changed: plans.iter().any(|one| !one.plan.is_unchanged()),
            dry_run,
            backup: None,
            hooks: None,
            telemetry: None,
        };
        let mut warnings = Vec::new();
        if !dry_run {
            let outcome = perform(paths).map_err(|err| steward_error(&err))?;
            info.changed = outcome.changed || outcome.trust.is_some_and(|trust| trust.changed);
            warnings = outcome.warnings;
            info.file = outcome.settings.display().to_string();
            info.backup = outcome.backup.map(|path| path.display().to_string());
        }
        info.hooks = self.hooks(paths).ok().map(|mut hooks| {
            warnings.retain(|warning| !hooks.warnings.contains(warning));
            hooks.warnings.extend(warnings);
            hooks
        });
        to_json(info)
    }

    fn read_settings(&self, provider: Provider) -> Result<Value, RpcError> {
        let paths = self.places.steward(provider, None);
        let settings = steward::read_settings(&paths).map_err(|err| steward_error(&err))?;
        Ok(json!({ "file": paths.settings, "settings": settings }))
    }
}

const fn source_word(source: Source) -> &'static str {
    match source {
        Source::Settings => "settings",
        Source::SearchPath => "path",
        Source::KnownPlace => "known place",
        Source::Nvm => "nvm",
        Source::LoginShell => "login shell",
    }
}

pub(super) fn steward_error(err: &anyhow::Error) -> RpcError {
    if err.chain().any(|cause| matches!(cause.downcast_ref(), Some(StewardError::ForeignCollector { .. }))) {
        return RpcError::new(ErrorCode::Conflict, format!("{err:#}")).with_hint(telemetry::FOREIGN);
    }
    let refused = err.chain().any(|cause| cause.is::<StewardError>());
    let code = if refused { ErrorCode::Conflict } else { ErrorCode::Internal };
    let shown = RpcError::new(code, format!("{err:#}"));
    if refused { shown.with_hint("mend the file by hand; it was left as it is") } else { shown }
}

fn internal(err: &anyhow::Error) -> RpcError {
    RpcError::new(ErrorCode::Internal, format!("{err:#}"))
}

fn to_json(value: impl Serialize) -> Result<Value, RpcError> {
    serde_json::to_value(value).context("encoding the reply").map_err(|err| internal(&err))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_panics_is_answered_and_ends_alone() {
        let reply = ReplyId(7);
        let told = survive(Some(reply), || panic!("of no use"));
        let [Event::JobFinished { reply: to, outcome: Err(err) }] = told.as_slice() else {
            panic!("not told: {told:?}")
        };
        assert_eq!((*to, err.code), (reply, ErrorCode::Internal));
        assert!(survive(None, || panic!("of no use")).is_empty());
    }
}

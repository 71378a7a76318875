//! Performing effects: each goes to the one that can do it, none waits.

use super::jobs::JobRequest;
use crate::listeners::{Gates, HttpSwitch, IdeSwitch, OtlpSwitch, Replies, Streams};
use crate::os::notify::Notifier;
use crate::os::signals::Quit;
use crate::services::channels::Channels;
use crate::services::codex::CodexDaemons;
use crate::services::processes::Processes;
use crate::services::spawn::{OpenRequest, Spawn};
use crate::services::store::{Retention, Store};
use crate::services::terminals::Terminals;
use crate::services::transcripts::Transcripts;
use crossbeam_channel::{Sender, TrySendError};
use magia_core::effect::{Channel, Effect, Job, TerminalWish, Update};
use magia_core::event::{Event, NoticeNews, ReplyId};
use magia_core::settings::Settings;
use magia_protocol::wire::{ErrorCode, NotificationInfo, RpcError};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Arc;

/// Everything the hub can ask of the rest of the program.
#[derive(Debug)]
pub struct Shell {
    /// Waiting hook handlers.
    pub gates: Gates,
    /// Waiting requesters.
    pub replies: Replies,
    /// Subscribers.
    pub streams: Streams,
    /// The store; `None` when it could not even be started.
    pub store: Option<Arc<Store>>,
    /// Codex's daemons.
    pub codex: CodexDaemons,
    /// Tells of processes that end.
    pub processes: Processes,
    /// Terminals; `None` when the service could not be started.
    pub terminals: Option<Terminals>,
    /// Follows a transcript.
    pub transcripts: Transcripts,
    /// Opens terminals.
    pub spawn: Spawn,
    /// The HTTP API.
    pub http: HttpSwitch,
    /// Agents that take magia for their editor.
    pub ide: IdeSwitch,
    /// Telemetry's port.
    pub otlp: OtlpSwitch,
    /// Desktop notifications; `None` when there is no way to show any.
    pub notifier: Option<Notifier>,
    /// Other ways for notifications; `None` when they could not be started.
    pub channels: Option<Channels>,
    /// Ends the program.
    pub quit: Quit,
    /// What the shell itself has to say to the hub: at most one for each notification that found no way.
    pub reports: VecDeque<Event>,
    /// Does what is slow.
    pub jobs: Sender<JobRequest>,
    /// Jobs that found no room: at most one history and one look for titles per session.
    pub later: VecDeque<JobRequest>,
    /// Number of the newest agent event, which every line of a stream carries.
    pub newest_seq: u64,
}

impl Shell {
    /// Whether no effect of one event would wait: the store's queue is the only one that may.
    pub fn has_room(&self) -> bool {
        self.store.as_ref().is_none_or(|store| store.has_room())
    }

    /// The hub has ended: nobody is left to answer those who wait.
    pub fn let_go(&self) {
        self.gates.close();
        self.replies.close();
    }

    /// Performs effects, answers to gates first.
    pub fn perform(&mut self, effects: Vec<Effect>) {
        while let Some(request) = self.later.pop_front() {
            if let Err(TrySendError::Full(request)) = self.jobs.try_send(request) {
                self.later.push_front(request);
                break;
            }
        }
        // An agent waits at a gate; nobody waits for the rest.
        let (gates, rest): (Vec<_>, Vec<_>) = effects
            .into_iter()
            .partition(|effect| matches!(effect, Effect::AnswerGate { .. } | Effect::AnswerDiff { .. }));
        let answers = !gates.is_empty();
        for effect in gates {
            self.perform_one(effect);
        }
        if answers {
            Self::give_way();
        }
        for effect in rest {
            self.perform_one(effect);
        }
    }

    /// After an answer: the handler was woken on this very core, as a rule, and would wait until this thread rests.
    pub fn give_way() {
        std::thread::yield_now();
    }

    fn perform_one(&mut self, effect: Effect) {
        match effect {
            Effect::AnswerGate { gate, reply } => {
                let taken = match gate.daemon() {
                    Some(_) => self.codex.answer(gate, reply),
                    None => self.gates.answer(gate, &reply),
                };
                if !taken {
                    tracing::debug!(?gate, "the gate was gone before its answer");
                }
            }
            Effect::AnswerDiff { gate, answer } => {
                if !self.ide.answer(gate, answer) {
                    tracing::debug!(?gate, "the agent was gone before its change was answered");
                }
            }
            Effect::Reply { to, outcome } => {
                if !self.replies.answer(to, outcome) {
                    tracing::debug!(?to, "the requester was gone before its reply");
                }
            }
            Effect::Acknowledge { to, result } => self.acknowledge(to, result),
            Effect::Subscribe { to, params, newest } => {
                self.newest_seq = self.newest_seq.max(newest);
                if !self.streams.add(to, &params, newest) {
                    tracing::debug!(?to, "the subscriber was gone before its stream");
                }
            }
            Effect::Publish(update) => {
                if let Update::AgentEvent(event) = &update {
                    self.newest_seq = event.seq;
                }
                if self.streams.wants(update.channel()) {
                    self.streams.publish(self.newest_seq, update);
                }
            }
            Effect::Store(write) => {
                if let Some(store) = &self.store {
                    store.write(write);
                }
            }
            Effect::Retain { days, mib } => {
                if let Some(store) = &self.store {
                    store.retain(Retention { days, mib });
                }
                if let Some(terminals) = &self.terminals {
                    terminals.retain(days);
                }
            }
            Effect::WatchProcess(process) => self.processes.watch(process),
            Effect::FollowTranscript { session, path } => self.transcripts.follow(session, path),
            Effect::ViewHeld(held) => self.codex.view(held),
            Effect::UnfollowTranscript => self.transcripts.unfollow(),
            Effect::ReadTitles { session, path } => self.job(JobRequest::Titles { session, path }),
            Effect::LoadHistory(session) => self.job(JobRequest::History(session)),
            Effect::Notify(notice) => match &self.notifier {
                Some(notifier) => notifier.show(notice),
                None => {
                    let news = NoticeNews::Failed("magia has no thread for notifications".to_owned());
                    self.reports.push_back(Event::NoticeReported { number: notice.number, news });
                }
            },
            Effect::Withdraw(number) => {
                if let Some(notifier) = &self.notifier {
                    notifier.withdraw(number);
                }
            }
            Effect::Send { channel, notification } => self.send(channel, notification),
            Effect::Quit => self.quit.quit(),
            Effect::OpenTerminal { reply, request, plan, by } => {
                let refused = self.spawn.open(OpenRequest { reply, request, plan: *plan, by });
                if let (Err(err), Some(reply)) = (refused, reply) {
                    self.replies.answer(reply, Err(err.into()));
                }
            }
            // The snapshot carries the wish to the window.
            Effect::RaiseWindow(_) => {}
            Effect::Terminal { reply, wish } => self.terminal(reply, wish),
            Effect::Restart => crate::os::signals::end_ourselves(),
            Effect::Run { reply, job } => self.run(reply, job),
        }
    }

    /// Tells of new settings. What keeps a part of them from working is returned, for a person.
    pub fn settings(&mut self, settings: &Arc<Settings>) -> Option<String> {
        self.job(JobRequest::Settings(Arc::clone(settings)));
        self.http.settings(settings);
        self.ide.settings(settings.ide_server);
        self.otlp.settings(settings);
        self.spawn.settings(Arc::clone(settings))
    }

    /// Sends a notification another way than the desktop; when it cannot be taken, the ledger says so.
    fn send(&mut self, channel: Channel, notification: Box<NotificationInfo>) {
        let (id, name) = (notification.id, channel.name());
        let why = match &self.channels {
            Some(channels) if channels.send(channel, notification) => return,
            Some(_) => "too many wait to be sent",
            None => "magia has no thread for it",
        };
        let outcome = Err(why.to_owned());
        self.reports.push_back(Event::ChannelReported { id, channel: name, outcome });
    }

    /// Hands a wish to the terminals service; when it cannot be taken, the reply says so.
    fn terminal(&self, reply: ReplyId, wish: TerminalWish) {
        let refused = match &self.terminals {
            None => "terminals are not there: their service did not start",
            Some(terminals) if terminals.ask(reply, wish) => return,
            Some(_) => "too much is asked of terminals at once",
        };
        self.replies.answer(reply, Err(RpcError::new(ErrorCode::Internal, refused)));
    }

    /// Lets the store answer, after what stands in its queue.
    fn acknowledge(&self, to: ReplyId, result: Value) {
        let replies = self.replies.clone();
        let answer = move |stored: anyhow::Result<()>| {
            if !replies.answer(to, Ok(acknowledged(result, stored))) {
                tracing::debug!(?to, "the requester was gone before its reply");
            }
        };
        match &self.store {
            Some(store) => store.when_stored(answer),
            None => answer(Err(anyhow::anyhow!("there is no store"))),
        }
    }

    fn run(&mut self, reply: ReplyId, job: Job) {
        self.job(JobRequest::Run { reply, job });
    }

    /// Hands a job to the worker. When too much waits already, a command is refused with a reply; what nobody asked for
    /// directly is tried again with the next effect, for the model counts on its outcome.
    pub fn job(&mut self, request: JobRequest) {
        let refused = match self.jobs.try_send(request) {
            Ok(()) => return,
            Err(TrySendError::Full(request) | TrySendError::Disconnected(request)) => request,
        };
        match refused {
            JobRequest::Run { reply, .. } => {
                let err = RpcError::new(ErrorCode::Internal, "too many slow requests wait already")
                    .with_hint("try again in a moment");
                self.replies.answer(reply, Err(err));
            }
            other => self.later.push_back(other),
        }
    }
}

/// A result, and what is wrong when the store does not keep it.
fn acknowledged(mut result: Value, stored: anyhow::Result<()>) -> Value {
    if let (Err(err), Value::Object(fields)) = (stored, &mut result) {
        let warning = format!("done, but not stored: a restart of magia may forget it ({err:#})");
        fields.insert("warning".to_owned(), warning.into());
    }
    result
}

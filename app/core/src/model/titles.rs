//! Titles: where they come from and which one is shown.

use super::session::Session;
use super::{Effects, Model};
use crate::effect::{Effect, StoreWrite};
use crate::event::Titles;
use crate::transcript::{Content, TranscriptItem, first_prompt_title};
use magia_protocol::wire::SessionId;
use magia_protocol::wire::visible::is_unseen;
use std::path::PathBuf;

/// Longest title, in characters.
pub const TITLE_MAX: usize = 200;

/// A title fit to be shown: one line, nothing invisible, not too long. `None` when nothing is left.
pub fn clean(title: &str) -> Option<String> {
    let words = title.split_whitespace().collect::<Vec<_>>().join(" ");
    let clean: String = words.chars().filter(|c| !is_unseen(*c)).take(TITLE_MAX).collect();
    let clean = clean.trim();
    (!clean.is_empty()).then(|| clean.to_owned())
}

impl Model {
    /// Asks for the titles in a transcript, unless a stronger one is known.
    pub(super) fn read_titles(&self, session: &Session, fx: &mut Effects) {
        if session.titles.ai.is_none()
            && let Some(path) = session.readable_transcript()
        {
            fx.push(Effect::ReadTitles { session: session.id, path: PathBuf::from(path) });
        }
    }

    /// Titles were found in a transcript, in the registry or in a hook.
    pub(super) fn titles_read(&mut self, id: SessionId, titles: Titles, fx: &mut Effects) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let cleaned = |title: Option<String>| title.as_deref().and_then(clean);
        let before = session.title();
        let known = &mut session.titles;
        known.custom = cleaned(titles.custom).or(known.custom.take());
        known.ai = cleaned(titles.ai).or(known.ai.take());
        known.prompt = known.prompt.take().or(cleaned(titles.prompt));
        if session.title() != before {
            fx.push(Effect::Store(StoreWrite::Session(Box::new(session.stored()))));
            self.renamed(id);
        }
    }

    /// The followed transcript has new lines.
    pub(super) fn transcript_read(&mut self, id: SessionId, items: &[TranscriptItem], fx: &mut Effects) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let mut titles = Titles::default();
        session.hook_cost.transcript(items);
        for item in items {
            match &item.content {
                Content::CustomTitle(title) => titles.custom = Some(title.clone()),
                Content::AiTitle(title) => titles.ai = Some(title.clone()),
                Content::Model(model) if item.agent_id.is_none() => session.model = Some(model.clone()),
                Content::Prompt(text) if item.agent_id.is_none() && titles.prompt.is_none() => {
                    titles.prompt = Some(first_prompt_title(text));
                }
                _ => {}
            }
        }
        self.show_transcript(id, items);
        self.touch(id);
        self.titles_read(id, titles, fx);
    }
}

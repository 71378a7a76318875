//! Rows to values and back. Numbers keep their bits: SQLite's are signed.

use magia_core::event::{AgentEvent, Seen, StoredRequest, StoredSession};
use magia_core::metrics::{Owner, StoredMetrics};
use magia_core::policy::RealPaths;
use magia_protocol::wire::info::Decision;
use magia_protocol::wire::{
    AgentEventKind, ProcessId, Provider, ProviderSessionId, RequestId, RequestState, SessionId, SessionState,
    TitleSource,
};
use rusqlite::{Row, Statement, params};
use std::sync::Arc;
use uuid::Uuid;

/// A row that this version cannot read: a word that it does not know.
type Maybe<T> = rusqlite::Result<Option<T>>;

pub(super) const INSERT_EVENT: &str = "INSERT INTO events
    (seq, received_at_ms, session, provider, provider_session_id, turn, agent_id, kind, name, raw, cut)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (seq) DO NOTHING";

pub(super) const SELECT_EVENT: &str = "SELECT
    seq, received_at_ms, session, provider, provider_session_id, turn, agent_id, kind, name, raw, cut FROM events";

/// Appends an event. `false` when its number was used before.
pub(super) fn insert_event(statement: &mut Statement<'_>, event: &AgentEvent) -> rusqlite::Result<bool> {
    let changed = statement.execute(params![
        event.seq.cast_signed(),
        event.received_at_ms.cast_signed(),
        event.session.as_uuid().as_bytes().as_slice(),
        event.provider.as_str(),
        event.provider_session_id.0,
        event.turn,
        event.agent_id,
        event.kind.as_str(),
        event.name,
        &*event.raw,
        event.cut,
    ])?;
    Ok(changed > 0)
}

pub(super) fn event(row: &Row<'_>) -> Maybe<AgentEvent> {
    let Some(provider) = provider(row, 3)? else { return Ok(None) };
    Ok(Some(AgentEvent {
        seq: unsigned(row, 0)?,
        received_at_ms: unsigned(row, 1)?,
        session: SessionId::from_uuid(uuid(row, 2)?),
        provider,
        provider_session_id: ProviderSessionId(row.get(4)?),
        turn: row.get(5)?,
        agent_id: row.get(6)?,
        kind: AgentEventKind::from_word(row.get_ref(7)?.as_str()?).unwrap_or(AgentEventKind::Unknown),
        name: row.get(8)?,
        raw: Arc::from(row.get_ref(9)?.as_str()?),
        cut: row.get(10)?,
    }))
}

pub(super) const INSERT_SESSION: &str = "INSERT OR REPLACE INTO sessions
    (id, provider, config_root, provider_session_id, parent, cwd, title, title_source, transcript_path, model, pid,
     process_start, started_at_ms, last_activity_ms, ended, pinned, hidden, seen_state, seen_fact, seen_at_ms,
     between_turns)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)";

pub(super) const SELECT_SESSION: &str = "SELECT
    id, provider, config_root, provider_session_id, parent, cwd, title, title_source, transcript_path, model, pid,
    process_start, started_at_ms, last_activity_ms, ended, pinned, hidden, seen_state, seen_fact, seen_at_ms,
    between_turns FROM sessions";

pub(super) fn insert_session(statement: &mut Statement<'_>, session: &StoredSession) -> rusqlite::Result<()> {
    statement.execute(params![
        session.id.as_uuid().as_bytes().as_slice(),
        session.provider.as_str(),
        session.config_root,
        session.provider_session_id.0,
        session.parent.as_ref().map(|parent| parent.as_uuid().as_bytes().as_slice()),
        session.cwd,
        session.title,
        session.title_source.as_str(),
        session.transcript_path,
        session.model,
        session.process.map(|process| process.pid),
        session.process.map(|process| process.start.cast_signed()),
        session.started_at_ms.cast_signed(),
        session.last_activity_ms.cast_signed(),
        session.ended,
        session.pinned,
        session.hidden,
        session.seen.as_ref().map(|seen| seen.state.as_str()),
        session.seen.as_ref().map(|seen| seen.fact.as_str()),
        session.seen.as_ref().map(|seen| seen.at_ms.cast_signed()),
        session.between_turns,
    ])?;
    Ok(())
}

pub(super) fn session(row: &Row<'_>) -> Maybe<StoredSession> {
    let Some(provider) = provider(row, 1)? else { return Ok(None) };
    let process = match (row.get::<_, Option<u32>>(10)?, row.get::<_, Option<i64>>(11)?) {
        (Some(pid), Some(start)) => Some(ProcessId { pid, start: start.cast_unsigned() }),
        _ => None,
    };
    Ok(Some(StoredSession {
        id: SessionId::from_uuid(uuid(row, 0)?),
        provider,
        config_root: row.get(2)?,
        provider_session_id: ProviderSessionId(row.get(3)?),
        parent: match row.get_ref(4)? {
            rusqlite::types::ValueRef::Null => None,
            _ => Some(SessionId::from_uuid(uuid(row, 4)?)),
        },
        cwd: row.get(5)?,
        title: row.get(6)?,
        title_source: TitleSource::from_word(row.get_ref(7)?.as_str()?).unwrap_or(TitleSource::Directory),
        transcript_path: row.get(8)?,
        model: row.get(9)?,
        process,
        started_at_ms: unsigned(row, 12)?,
        last_activity_ms: unsigned(row, 13)?,
        ended: row.get(14)?,
        pinned: row.get(15)?,
        hidden: row.get(16)?,
        seen: seen(row)?,
        between_turns: row.get(20)?,
    }))
}

/// The provider's column of a request that no agent made.
const NO_AGENT: &str = "magia";

/// What a session was last seen to do.
fn seen(row: &Row<'_>) -> Maybe<Seen> {
    let state = row.get_ref(17)?.as_str_or_null()?.and_then(SessionState::from_word);
    let (fact, at_ms) = (row.get::<_, Option<String>>(18)?, row.get::<_, Option<i64>>(19)?);
    let (Some(state), Some(fact), Some(at_ms)) = (state, fact, at_ms) else { return Ok(None) };
    Ok(Some(Seen { state, fact, at_ms: at_ms.cast_unsigned() }))
}

pub(super) const INSERT_REQUEST: &str = "INSERT OR REPLACE INTO requests
    (id, session, provider, tool, input, agent_id, asked_at_ms, state, decision, decided_by, decided_at_ms, reason,
     cwd, real_cwd, real_target, policy, edited_input)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";

pub(super) const SELECT_REQUEST: &str = "SELECT
    id, session, provider, tool, input, agent_id, asked_at_ms, state, decision, decided_by, decided_at_ms, reason,
    cwd, real_cwd, real_target, policy, edited_input FROM requests";

pub(super) fn insert_request(statement: &mut Statement<'_>, request: &StoredRequest) -> rusqlite::Result<()> {
    statement.execute(params![
        request.id.as_uuid().as_bytes().as_slice(),
        request.session.as_uuid().as_bytes().as_slice(),
        request.provider.map_or(NO_AGENT, Provider::as_str),
        request.tool,
        request.input,
        request.agent_id,
        request.asked_at_ms.cast_signed(),
        request.state.as_str(),
        request.decision.map(Decision::as_str),
        request.decided_by,
        request.decided_at_ms.map(u64::cast_signed),
        request.reason,
        request.cwd,
        request.paths.as_ref().map(|paths| paths.cwd.to_string_lossy()),
        request.paths.as_ref().map(|paths| paths.target.to_string_lossy()),
        request.policy,
        request.edited_input,
    ])?;
    Ok(())
}

pub(super) fn request(row: &Row<'_>) -> Maybe<StoredRequest> {
    let provider = match provider(row, 2)? {
        None if row.get_ref(2)?.as_str()? != NO_AGENT => return Ok(None),
        provider => provider,
    };
    Ok(Some(StoredRequest {
        id: RequestId::from_uuid(uuid(row, 0)?),
        session: SessionId::from_uuid(uuid(row, 1)?),
        provider,
        tool: row.get(3)?,
        input: row.get(4)?,
        agent_id: row.get(5)?,
        asked_at_ms: unsigned(row, 6)?,
        // A word of a newer magia is over at any rate.
        state: RequestState::from_word(row.get_ref(7)?.as_str()?).unwrap_or(RequestState::AppGone),
        decision: row.get_ref(8)?.as_str_or_null()?.and_then(Decision::from_word),
        decided_by: row.get(9)?,
        decided_at_ms: row.get::<_, Option<i64>>(10)?.map(i64::cast_unsigned),
        reason: row.get(11)?,
        cwd: row.get(12)?,
        paths: match (row.get::<_, Option<String>>(13)?, row.get::<_, Option<String>>(14)?) {
            (Some(cwd), Some(target)) => Some(RealPaths { cwd: cwd.into(), target: target.into() }),
            _ => None,
        },
        policy: row.get(15)?,
        edited_input: row.get(16)?,
    }))
}

pub(super) const INSERT_METRICS: &str = "INSERT OR REPLACE INTO metrics
    (provider, provider_session_id, updated_at_ms, document) VALUES (?1, ?2, ?3, ?4)";

pub(super) const SELECT_METRICS: &str =
    "SELECT provider, provider_session_id, updated_at_ms, document FROM metrics";

pub(super) fn insert_metrics(statement: &mut Statement<'_>, row: &StoredMetrics) -> rusqlite::Result<()> {
    statement.execute(params![
        row.owner.provider.as_str(),
        row.owner.session.as_ref().map_or("", |session| session.0.as_str()),
        row.updated_ms.cast_signed(),
        row.document,
    ])?;
    Ok(())
}

pub(super) fn metrics(row: &Row<'_>) -> Maybe<StoredMetrics> {
    let Some(provider) = provider(row, 0)? else { return Ok(None) };
    let session: String = row.get(1)?;
    let session = (!session.is_empty()).then_some(ProviderSessionId(session));
    let owner = Owner { provider, session };
    Ok(Some(StoredMetrics { owner, updated_ms: unsigned(row, 2)?, document: row.get(3)? }))
}

fn provider(row: &Row<'_>, column: usize) -> Maybe<Provider> {
    Ok(Provider::from_word(row.get_ref(column)?.as_str()?))
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

pub(super) fn uuid(row: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    let bytes = row.get_ref(column)?.as_blob()?;
    Uuid::from_slice(bytes).map_err(|err| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Blob, Box::new(err))
    })
}

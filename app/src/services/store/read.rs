//! Reading. Everything that is returned is bounded.

use super::rows;
use magia_core::event::{AgentEvent, StoredRequest, StoredState};
use magia_protocol::wire::{RequestState, SessionId};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Sessions that are loaded at start, the latest first.
const SESSIONS_MAX: u32 = 10_000;
/// Answered requests that are loaded at start; open ones all are.
const ANSWERED_MAX: u32 = 500;
/// Sessions whose metrics are loaded at start, the latest first.
const METRICS_MAX: u32 = magia_core::metrics::SESSIONS_MAX as u32;
/// Bytes of payloads that one reading returns; the newest stay.
const PAYLOAD_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The word of a request that waits, as in `RequestInfo::state`.
pub(super) const OPEN_STATE: &str = RequestState::Open.as_str();

pub(super) fn load(connection: &Connection) -> rusqlite::Result<StoredState> {
    let sessions = collect(
        connection,
        &format!("{} ORDER BY last_activity_ms DESC LIMIT ?1", rows::SELECT_SESSION),
        params![SESSIONS_MAX],
        rows::session,
    )?;
    let mut requests = requests(connection, false, u32::MAX)?;
    requests.extend(collect(
        connection,
        &format!("{} WHERE state <> ?1 ORDER BY asked_at_ms DESC LIMIT ?2", rows::SELECT_REQUEST),
        params![OPEN_STATE, ANSWERED_MAX],
        rows::request,
    )?);
    requests.sort_by_key(|request| (request.asked_at_ms, request.id));
    let stored: Option<i64> = connection.query_row("SELECT max(seq) FROM events", [], |row| row.get(0))?;
    let last_seq = stored.unwrap_or(0).max(meta(connection, LAST_SEQ)?.unwrap_or(0));
    let metrics = collect(
        connection,
        &format!("{} ORDER BY updated_at_ms DESC LIMIT ?1", rows::SELECT_METRICS),
        params![METRICS_MAX],
        rows::metrics,
    )?;
    Ok(StoredState {
        sessions,
        metrics,
        requests,
        last_seq: last_seq.cast_unsigned(),
        last_alive_ms: meta(connection, LAST_ALIVE)?.map(i64::cast_unsigned),
    })
}

/// When the program was last known to run.
pub(super) const LAST_ALIVE: &str = "last_alive_ms";
/// The highest event number of events that were forgotten: numbers are never used again.
pub(super) const LAST_SEQ: &str = "last_seq";

fn meta(connection: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    connection.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0)).optional()
}

/// The newest after `since` and before `before`, oldest first.
pub(super) fn events(
    connection: &Connection,
    session: Option<SessionId>,
    (since, before): (u64, Option<u64>),
    limit: u32,
) -> rusqlite::Result<Vec<AgentEvent>> {
    let between = (number(since), before.map_or(i64::MAX, number));
    let mut events = numbered(connection, session, between, "DESC", (limit, PAYLOAD_BYTES_MAX))?;
    events.reverse();
    Ok(events)
}

/// The oldest after `after` and up to `until`.
pub(super) fn events_after(
    connection: &Connection,
    session: Option<SessionId>,
    (after, until): (u64, u64),
    most: (u32, usize),
) -> rusqlite::Result<Vec<AgentEvent>> {
    numbered(connection, session, (number(after), number(until.saturating_add(1))), "ASC", most)
}

fn numbered(
    connection: &Connection,
    session: Option<SessionId>,
    (after, before): (i64, i64),
    order: &str,
    (limit, bytes): (u32, usize),
) -> rusqlite::Result<Vec<AgentEvent>> {
    let of_session = if session.is_some() { "AND session = ?3" } else { "AND ?3 IS NULL" };
    let sql = format!(
        "{} WHERE seq > ?1 AND seq < ?4 {of_session} ORDER BY seq {order} LIMIT ?2",
        rows::SELECT_EVENT
    );
    let session = session.as_ref().map(|session| session.as_uuid().as_bytes().as_slice());
    let params = params![after, limit, session, before];
    collect_within(connection, &sql, params, rows::event, bytes, |event| event.raw.len())
}

fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

pub(super) fn requests(
    connection: &Connection,
    all: bool,
    limit: u32,
) -> rusqlite::Result<Vec<StoredRequest>> {
    let sql = format!(
        "{} WHERE ?1 OR state = ?2 ORDER BY asked_at_ms DESC, id DESC LIMIT ?3",
        rows::SELECT_REQUEST
    );
    collect(connection, &sql, params![all, OPEN_STATE, limit], rows::request)
}

/// The newest `limit` requests of a session, newest first.
pub(super) fn requests_of(
    connection: &Connection,
    session: SessionId,
    limit: u32,
) -> rusqlite::Result<Vec<StoredRequest>> {
    let sql = format!("{} WHERE session = ?1 ORDER BY asked_at_ms DESC LIMIT ?2", rows::SELECT_REQUEST);
    let params = params![session.as_uuid().as_bytes().as_slice(), limit];
    let bytes =
        |request: &StoredRequest| request.input.len() + request.edited_input.as_ref().map_or(0, String::len);
    collect_within(connection, &sql, params, rows::request, PAYLOAD_BYTES_MAX, bytes)
}

/// The newest `limit` requests since then, newest first.
pub(super) fn requests_since(
    connection: &Connection,
    since_ms: u64,
    limit: u32,
) -> rusqlite::Result<Vec<StoredRequest>> {
    let sql = format!("{} WHERE asked_at_ms >= ?1 ORDER BY asked_at_ms DESC LIMIT ?2", rows::SELECT_REQUEST);
    collect(connection, &sql, params![since_ms.cast_signed(), limit], rows::request)
}

/// The rows that this version understands.
fn collect<T>(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<Option<T>>,
) -> rusqlite::Result<Vec<T>> {
    collect_within(connection, sql, params, read, PAYLOAD_BYTES_MAX, |_| 0)
}

/// The same until their payloads have `bytes_max`; the first stay, and one in any case.
fn collect_within<T>(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<Option<T>>,
    bytes_max: usize,
    bytes: impl Fn(&T) -> usize,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query(params)?;
    let (mut values, mut sum) = (Vec::new(), 0);
    while let Some(row) = found.next()? {
        let Some(value) = read(row)? else { continue };
        sum += bytes(&value);
        if sum > bytes_max && !values.is_empty() {
            break;
        }
        values.push(value);
    }
    Ok(values)
}

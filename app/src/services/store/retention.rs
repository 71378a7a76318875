//! Forgetting: what is too old, and the oldest when there is too much.
//!
//! The file shrinks by incremental vacuum: pages of forgotten rows go back to the system a few at a time, between
//! writes. A whole `VACUUM` would need the file's size again on the disk and stop writing for seconds.

use super::read::{LAST_SEQ, OPEN_STATE};
use super::rows;
use magia_protocol::wire::SessionId;
use rusqlite::{Connection, Params, Transaction, params};

/// Events that one step forgets, so that writes do not wait long for it.
const STEP_EVENTS: u32 = 500;
/// Pages that one step gives back: 4 MiB.
const STEP_PAGES: u32 = 1_024;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Events and outcomes older than this are forgotten.
    pub days: u32,
    /// Above this size the oldest events and outcomes are forgotten.
    pub mib: u32,
}

/// What a purge forgot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PurgeReport {
    /// Agent events.
    pub events: u64,
    /// Request outcomes.
    pub requests: u64,
    /// Sessions.
    pub sessions: Vec<SessionId>,
}

/// One bounded step of keeping to the limits: whether there is more to do, and which sessions were forgotten.
pub(super) fn step(
    connection: &mut Connection,
    retention: Retention,
    now_ms: u64,
) -> rusqlite::Result<(bool, Vec<SessionId>)> {
    let cutoff = cutoff_ms(now_ms, retention.days);
    let transaction = connection.transaction()?;
    keep_last_seq(&transaction)?;
    let mut forgotten = transaction.execute(
        "DELETE FROM events WHERE seq IN
         (SELECT seq FROM events WHERE received_at_ms < ?1 ORDER BY received_at_ms LIMIT ?2)",
        params![cutoff, STEP_EVENTS],
    )?;
    let excess = used_bytes(&transaction)?.saturating_sub(u64::from(retention.mib) * 1024 * 1024);
    if forgotten == 0 && excess > 0 {
        forgotten = forget_oldest(&transaction, excess)?;
    }
    let mut sessions = Vec::new();
    if forgotten == 0 {
        forget_outcomes(&transaction, cutoff)?;
        forget_metrics(&transaction, cutoff)?;
        sessions = forget_sessions(&transaction, cutoff, &[])?;
    }
    transaction.commit()?;
    let free = give_back(connection, STEP_PAGES)?;
    Ok((forgotten > 0 || free, sessions))
}

/// What a person asked to forget.
pub(super) fn purge(
    connection: &mut Connection,
    older_than_days: u32,
    keep: &[SessionId],
    now_ms: u64,
) -> rusqlite::Result<PurgeReport> {
    let transaction = connection.transaction()?;
    keep_last_seq(&transaction)?;
    let report = if older_than_days == 0 {
        transaction.execute_batch("CREATE TEMP TABLE going (id BLOB PRIMARY KEY) WITHOUT ROWID")?;
        transaction.execute("INSERT INTO going SELECT id FROM sessions WHERE ended AND NOT pinned", [])?;
        {
            let mut stays = transaction.prepare("DELETE FROM going WHERE id = ?1")?;
            for session in keep {
                stays.execute([session.as_uuid().as_bytes().as_slice()])?;
            }
        }
        transaction.execute(
            "DELETE FROM metrics WHERE provider_session_id = '' OR (provider, provider_session_id) IN
             (SELECT provider, provider_session_id FROM sessions WHERE id IN (SELECT id FROM going))",
            [],
        )?;
        let sessions = session_ids(&transaction, "SELECT id FROM going", [])?;
        transaction.execute("DELETE FROM sessions WHERE id IN (SELECT id FROM going)", [])?;
        let report = PurgeReport {
            sessions,
            events: transaction.execute("DELETE FROM events WHERE session IN (SELECT id FROM going)", [])?
                as u64,
            requests: transaction.execute(
                "DELETE FROM requests WHERE session IN (SELECT id FROM going) AND state <> ?1",
                [OPEN_STATE],
            )? as u64,
        };
        transaction.execute_batch("DROP TABLE going")?;
        report
    } else {
        let cutoff = cutoff_ms(now_ms, older_than_days);
        forget_metrics(&transaction, cutoff)?;
        PurgeReport {
            events: transaction.execute("DELETE FROM events WHERE received_at_ms < ?1", [cutoff])? as u64,
            requests: forget_outcomes(&transaction, cutoff)?,
            sessions: forget_sessions(&transaction, cutoff, keep)?,
        }
    };
    transaction.commit()?;
    give_back(connection, 0)?;
    Ok(report)
}

fn cutoff_ms(now_ms: u64, days: u32) -> i64 {
    i64::try_from(now_ms.saturating_sub(u64::from(days) * DAY_MS)).unwrap_or(i64::MAX)
}

fn forget_outcomes(transaction: &Transaction<'_>, cutoff: i64) -> rusqlite::Result<u64> {
    let forgotten = transaction.execute(
        "DELETE FROM requests WHERE state <> ?1 AND coalesce(decided_at_ms, asked_at_ms) < ?2",
        params![OPEN_STATE, cutoff],
    )?;
    Ok(forgotten as u64)
}

/// Forgets the oldest of events and outcomes until so many bytes are free, at most so many rows of each; how many.
fn forget_oldest(transaction: &Transaction<'_>, excess: u64) -> rusqlite::Result<usize> {
    const EVENTS: &str =
        "SELECT seq, received_at_ms AS at, length(raw) AS bytes FROM events ORDER BY seq LIMIT ?1";
    const OUTCOMES: &str = "SELECT id, coalesce(decided_at_ms, asked_at_ms) AS at, length(input) AS bytes
         FROM requests WHERE state <> ?2 ORDER BY at LIMIT ?1";
    let until: Option<i64> = transaction.query_row(
        &format!(
            "WITH oldest AS (SELECT at, bytes FROM ({EVENTS}) UNION ALL SELECT at, bytes FROM ({OUTCOMES})),
             added AS (SELECT at, sum(bytes) OVER (ORDER BY at ROWS UNBOUNDED PRECEDING) - bytes AS before FROM oldest)
             SELECT max(at) FROM (SELECT at FROM added WHERE before < ?3 ORDER BY at LIMIT ?1)"
        ),
        params![STEP_EVENTS, OPEN_STATE, excess.cast_signed()],
        |row| row.get(0),
    )?;
    let Some(until) = until else { return Ok(0) };
    let events = transaction.execute(
        &format!("DELETE FROM events WHERE seq IN (SELECT seq FROM ({EVENTS}) WHERE at <= ?2)"),
        params![STEP_EVENTS, until],
    )?;
    let outcomes = transaction.execute(
        &format!("DELETE FROM requests WHERE id IN (SELECT id FROM ({OUTCOMES}) WHERE at <= ?3)"),
        params![STEP_EVENTS, OPEN_STATE, until],
    )?;
    Ok(events + outcomes)
}

fn forget_metrics(transaction: &Transaction<'_>, cutoff: i64) -> rusqlite::Result<usize> {
    transaction.execute("DELETE FROM metrics WHERE updated_at_ms < ?1", [cutoff])
}

/// Forgets ended sessions of which nothing is left, and says which. A pinned one stays.
fn forget_sessions(
    transaction: &Transaction<'_>,
    cutoff: i64,
    keep: &[SessionId],
) -> rusqlite::Result<Vec<SessionId>> {
    let mut old = session_ids(
        transaction,
        "SELECT id FROM sessions WHERE ended AND NOT pinned AND last_activity_ms < ?1
         AND NOT EXISTS (SELECT 1 FROM events WHERE events.session = sessions.id)",
        [cutoff],
    )?;
    old.retain(|session| !keep.contains(session));
    let mut delete = transaction.prepare("DELETE FROM sessions WHERE id = ?1")?;
    for session in &old {
        delete.execute([session.as_uuid().as_bytes().as_slice()])?;
    }
    Ok(old)
}

fn session_ids(
    transaction: &Transaction<'_>,
    query: &str,
    params: impl Params,
) -> rusqlite::Result<Vec<SessionId>> {
    let mut query = transaction.prepare(query)?;
    let ids = query.query_map(params, |row| Ok(SessionId::from_uuid(rows::uuid(row, 0)?)))?;
    ids.collect()
}

/// Remembers the highest number, so that forgetting the newest event does not give its number to another.
fn keep_last_seq(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT INTO meta (name, value) SELECT ?1, max(seq) FROM events HAVING max(seq) IS NOT NULL
         ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
        [LAST_SEQ],
    )?;
    Ok(())
}

/// Bytes of the file that are in use.
fn used_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let number = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, u32>(0));
    Ok(u64::from(number("page_count")?.saturating_sub(number("freelist_count")?))
        * u64::from(number("page_size")?))
}

/// Gives free pages back to the system; 0 gives all. `true` while there are more.
fn give_back(connection: &Connection, pages: u32) -> rusqlite::Result<bool> {
    // The statement works while it is stepped.
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    drop(rows);
    let free: u32 = connection.query_row("PRAGMA freelist_count", [], |row| row.get(0))?;
    Ok(free > 0)
}

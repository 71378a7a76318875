//! The tables, and how a file of an older version becomes one of this version.

use anyhow::{Context, bail};
use rusqlite::Connection;

/// Step `n` makes a file of version `n` one of version `n + 1`. Steps are only ever added. Version 0 is an empty file.
const STEPS: &[&str] = &[
    // 1: the first.
    "CREATE TABLE events (
        seq INTEGER PRIMARY KEY,
        received_at_ms INTEGER NOT NULL,
        session BLOB NOT NULL,
        provider TEXT NOT NULL,
        provider_session_id TEXT NOT NULL,
        turn TEXT,
        agent_id TEXT,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        raw TEXT NOT NULL,
        cut INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX events_of_session ON events (session, seq);
    CREATE INDEX events_by_time ON events (received_at_ms);
    CREATE TABLE sessions (
        id BLOB PRIMARY KEY,
        provider TEXT NOT NULL,
        config_root TEXT NOT NULL,
        provider_session_id TEXT NOT NULL,
        parent BLOB,
        cwd TEXT NOT NULL,
        title TEXT,
        title_source TEXT NOT NULL,
        transcript_path TEXT,
        model TEXT,
        pid INTEGER,
        process_start INTEGER,
        started_at_ms INTEGER NOT NULL,
        last_activity_ms INTEGER NOT NULL,
        ended INTEGER NOT NULL,
        pinned INTEGER NOT NULL,
        hidden INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE requests (
        id BLOB PRIMARY KEY,
        session BLOB NOT NULL,
        provider TEXT NOT NULL,
        tool TEXT NOT NULL,
        input TEXT NOT NULL,
        agent_id TEXT,
        asked_at_ms INTEGER NOT NULL,
        state TEXT NOT NULL,
        decision TEXT,
        decided_by TEXT,
        decided_at_ms INTEGER,
        reason TEXT
    ) STRICT;
    CREATE INDEX requests_by_time ON requests (asked_at_ms);
    CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;",
    // 2: what a dry run of the policy needs, and what the policy said.
    "ALTER TABLE requests ADD COLUMN cwd TEXT NOT NULL DEFAULT '';
    ALTER TABLE requests ADD COLUMN real_cwd TEXT;
    ALTER TABLE requests ADD COLUMN real_target TEXT;
    ALTER TABLE requests ADD COLUMN policy TEXT NOT NULL DEFAULT '';
    ALTER TABLE requests ADD COLUMN edited_input TEXT;",
    // 3: what a session was last seen to do, so that a restart does not call one idle that works.
    "ALTER TABLE sessions ADD COLUMN seen_state TEXT;
    ALTER TABLE sessions ADD COLUMN seen_fact TEXT;
    ALTER TABLE sessions ADD COLUMN seen_at_ms INTEGER;
    ALTER TABLE sessions ADD COLUMN between_turns INTEGER NOT NULL DEFAULT 0;",
    // 4: metrics of sessions, by the agent's own session id; an empty one is the agent as a whole.
    "CREATE TABLE metrics (
        provider TEXT NOT NULL,
        provider_session_id TEXT NOT NULL,
        updated_at_ms INTEGER NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (provider, provider_session_id)
    ) STRICT;
    CREATE INDEX metrics_by_time ON metrics (updated_at_ms);",
    // 5: a session's requests, for its timeline.
    "CREATE INDEX requests_of_session ON requests (session, asked_at_ms);",
];

/// A file of a newer version than this program knows.
#[derive(Debug, thiserror::Error)]
#[error(
    "the store was made by a newer magia (version {found}, this one knows {known}), so nothing is stored"
)]
pub(super) struct TooNew {
    found: i64,
    known: usize,
}

/// Brings the file to this program's version, all steps or none.
pub(super) fn migrate(connection: &mut Connection) -> anyhow::Result<()> {
    migrate_by(connection, STEPS)
}

/// The file's version. A newer one than ours is an error, before anything is written.
pub(super) fn version(connection: &Connection) -> anyhow::Result<usize> {
    version_within(connection, STEPS)
}

fn version_within(connection: &Connection, steps: &[&str]) -> anyhow::Result<usize> {
    let found: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .context("reading the store's version")?;
    let Ok(version) = usize::try_from(found) else { bail!("the store has version {found}") };
    if version > steps.len() {
        return Err(TooNew { found, known: steps.len() }.into());
    }
    Ok(version)
}

fn migrate_by(connection: &mut Connection, steps: &[&str]) -> anyhow::Result<()> {
    let from = version_within(connection, steps)?;
    let transaction = connection.transaction()?;
    for (number, step) in steps.iter().enumerate().skip(from) {
        let version = i64::try_from(number)? + 1;
        transaction
            .execute_batch(step)
            .with_context(|| format!("bringing the store to version {version}"))?;
        transaction.pragma_update(None, "user_version", version)?;
    }
    transaction.commit().context("bringing the store to this version")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file as the first version left it.
    const VERSION_1: &str = include_str!("../../../tests/data/store-v1.sql");

    #[test]
    fn an_empty_file_and_one_of_the_first_version_come_to_the_same() {
        let schema = |connection: &Connection| -> Vec<String> {
            let mut statement = connection
                .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name")
                .unwrap();
            let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
            rows.map(|sql| sql.unwrap().split_whitespace().collect::<Vec<_>>().join(" ")).collect()
        };
        let mut empty = Connection::open_in_memory().unwrap();
        migrate(&mut empty).unwrap();
        let mut first = Connection::open_in_memory().unwrap();
        first.execute_batch(VERSION_1).unwrap();
        migrate(&mut first).unwrap();
        assert_eq!(schema(&first), schema(&empty));
        let count: i64 = first.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap();
        assert_eq!(count, 2, "its events are still there");
    }

    #[test]
    fn all_steps_or_none() {
        let steps =
            ["CREATE TABLE a (x)", "INSERT INTO a VALUES (1)", "ALTER TABLE a ADD COLUMN y DEFAULT 7"];
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_by(&mut connection, &steps[..1]).unwrap();
        let broken = [steps[0], steps[1], "not sql"];
        let err = migrate_by(&mut connection, &broken).unwrap_err();
        assert!(err.to_string().contains("version 3"), "{err}");
        let count =
            |connection: &Connection, sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        assert_eq!(count(&connection, "SELECT count(*) FROM a").unwrap(), 0);
        assert_eq!(count(&connection, "PRAGMA user_version").unwrap(), 1);
        migrate_by(&mut connection, &steps).unwrap();
        migrate_by(&mut connection, &steps).unwrap();
        assert_eq!(count(&connection, "SELECT sum(y) FROM a").unwrap(), 7);
    }

    #[test]
    fn a_newer_file_is_left_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", STEPS.len() as i64 + 1).unwrap();
        let err = migrate(&mut connection).unwrap_err();
        assert!(err.downcast_ref::<TooNew>().is_some());
    }
}

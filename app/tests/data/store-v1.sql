-- A store as version 1 left it. Never changed: it stands for files on people's disks.
CREATE TABLE events (
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
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO events VALUES
    (1, 1795289901174, x'0199aaaabbbb7ccc8dddeeeeff001122', 'claude', 'b8dc9b0c', 'turn', NULL, 'prompt.submitted', 'UserPromptSubmit', '{"prompt":"hi"}', 0),
    (2, 1795289901175, x'0199aaaabbbb7ccc8dddeeeeff001122', 'claude', 'b8dc9b0c', 'turn', 'a3f2', 'tool.started', 'PreToolUse', '{"tool_name":"Ba', 1);
INSERT INTO sessions VALUES
    (x'0199aaaabbbb7ccc8dddeeeeff001122', 'claude', '/home/me/.claude', 'b8dc9b0c', NULL, '/home/me/p', 'A name', 'custom', NULL, NULL, 7, 171867, 1, 2, 0, 1, 0);
INSERT INTO requests VALUES
    (x'0199aaaabbbb7ccc8dddeeeeff003344', x'0199aaaabbbb7ccc8dddeeeeff001122', 'claude', 'Bash', '{"command":"ls"}', NULL, 1795289901176, 'took effect', 'allow', 'window', 1795289901177, NULL);
INSERT INTO meta VALUES ('last_alive_ms', 1795289901178);
PRAGMA user_version = 1;

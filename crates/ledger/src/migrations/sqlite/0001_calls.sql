-- All times are INTEGER microseconds since 1970-01-01 UTC. Ids are the 16 bytes of a UUID.
-- Words (status, reason, ended_by, source) are stored as the API writes them.

CREATE TABLE calls (
    id              BLOB    NOT NULL PRIMARY KEY,
    phone           TEXT    NOT NULL,
    caller_id       TEXT,
    scenario        TEXT    NOT NULL,
    ring_timeout    INTEGER NOT NULL,
    max_duration    INTEGER NOT NULL,
    custom_metadata TEXT,
    requested_by    TEXT,
    created_at      INTEGER NOT NULL,

    status          TEXT    NOT NULL,
    reached         TEXT    NOT NULL,
    reason          TEXT,
    ended_by        TEXT,
    sip_code        INTEGER,
    sip_text        TEXT,
    q850_cause      INTEGER,
    dialed_at       INTEGER,
    ringing_at      INTEGER,
    answered_at     INTEGER,
    ended_at        INTEGER,
    ring_seconds    REAL,
    talk_seconds    REAL,
    scenario_result TEXT,
    scenario_steps INTEGER NOT NULL,
    sip_call_id     TEXT,
    trunk_channel   TEXT,
    hangup_by       TEXT,
    hangup_reason   TEXT,

    -- Everything a list is filtered by, besides the number and the time, in one word. There are a
    -- few dozen kinds at most, so one index and one table of counters serve every filter. (Not a
    -- generated column: SQLite reads the row for such a one, even from an index that holds it.)
    kind            TEXT    NOT NULL
        CHECK (kind = status || '/' || coalesce(ended_by, '') || '/' || coalesce(reason, ''))
) STRICT;

CREATE INDEX calls_by_time ON calls (created_at, id);
CREATE INDEX calls_by_kind ON calls (kind, created_at, id);
CREATE INDEX calls_by_phone ON calls (phone, kind, created_at, id);
CREATE INDEX calls_by_dialed ON calls (dialed_at, phone) WHERE dialed_at IS NOT NULL;

-- How many calls of each kind were created in each span of time, so that no total counts rows.
-- A bucket is created_at >> (29, 35, 41) for level 0, 1, 2 (9 minutes, 9.5 hours, 25 days); level 3
-- is all time, bucket 0. Kept by triggers, so the counters can't differ from the calls.
CREATE TABLE call_counts (
    level  INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    kind   TEXT    NOT NULL,
    calls  INTEGER NOT NULL,
    PRIMARY KEY (level, bucket, kind)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER calls_inserted AFTER INSERT ON calls BEGIN
    INSERT INTO call_counts (level, bucket, kind, calls)
    VALUES (0, new.created_at >> 29, new.kind, 1), (1, new.created_at >> 35, new.kind, 1),
           (2, new.created_at >> 41, new.kind, 1), (3, 0, new.kind, 1)
    ON CONFLICT (level, bucket, kind) DO UPDATE SET calls = calls + 1;
END;

CREATE TRIGGER calls_deleted AFTER DELETE ON calls BEGIN
    UPDATE call_counts SET calls = calls - 1
    WHERE (level, bucket, kind) IN (VALUES (0, old.created_at >> 29, old.kind), (1, old.created_at >> 35, old.kind),
                                           (2, old.created_at >> 41, old.kind), (3, 0, old.kind));
    DELETE FROM call_counts
    WHERE calls = 0
      AND (level, bucket, kind) IN (VALUES (0, old.created_at >> 29, old.kind), (1, old.created_at >> 35, old.kind),
                                           (2, old.created_at >> 41, old.kind), (3, 0, old.kind));
END;

CREATE TRIGGER calls_changed AFTER UPDATE OF kind, created_at ON calls
WHEN old.kind <> new.kind OR old.created_at <> new.created_at BEGIN
    INSERT INTO call_counts (level, bucket, kind, calls)
    VALUES (0, new.created_at >> 29, new.kind, 1), (1, new.created_at >> 35, new.kind, 1),
           (2, new.created_at >> 41, new.kind, 1), (3, 0, new.kind, 1)
    ON CONFLICT (level, bucket, kind) DO UPDATE SET calls = calls + 1;
    UPDATE call_counts SET calls = calls - 1
    WHERE (level, bucket, kind) IN (VALUES (0, old.created_at >> 29, old.kind), (1, old.created_at >> 35, old.kind),
                                           (2, old.created_at >> 41, old.kind), (3, 0, old.kind));
    DELETE FROM call_counts
    WHERE calls = 0
      AND (level, bucket, kind) IN (VALUES (0, old.created_at >> 29, old.kind), (1, old.created_at >> 35, old.kind),
                                           (2, old.created_at >> 41, old.kind), (3, 0, old.kind));
END;

-- AUTOINCREMENT: a number is never given twice, not even after its row was deleted.
CREATE TABLE timeline (
    seq     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    call_id BLOB    NOT NULL,
    at      INTEGER NOT NULL,
    source  TEXT    NOT NULL,
    event   TEXT    NOT NULL,
    text    TEXT    NOT NULL,
    status  TEXT,
    data    TEXT
) STRICT;

-- The row's seq is part of every index of SQLite, so this one is in the order of seq.
CREATE INDEX timeline_by_call ON timeline (call_id);

CREATE TABLE idempotency (
    scope       TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL,
    call_id     BLOB    NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_by_age ON idempotency (created_at);
CREATE INDEX idempotency_by_call ON idempotency (call_id);

-- The same tables as SQLite's, in a schema of their own. All times are microseconds since 1970-01-01 UTC; whole numbers have
-- 64 bits, as SQLite's have. Words (status, reason, ended_by, source) are stored as the API writes them.

CREATE TABLE calls (
    id              UUID   NOT NULL PRIMARY KEY,
    phone           TEXT   NOT NULL,
    caller_id       TEXT,
    scenario        TEXT   NOT NULL,
    ring_timeout    BIGINT NOT NULL,
    max_duration    BIGINT NOT NULL,
    custom_metadata TEXT,
    requested_by    TEXT,
    created_at      BIGINT NOT NULL,

    status          TEXT   NOT NULL,
    reached         TEXT   NOT NULL,
    reason          TEXT,
    ended_by        TEXT,
    sip_code        BIGINT,
    sip_text        TEXT,
    q850_cause      BIGINT,
    dialed_at       BIGINT,
    ringing_at      BIGINT,
    answered_at     BIGINT,
    ended_at        BIGINT,
    ring_seconds    DOUBLE PRECISION,
    talk_seconds    DOUBLE PRECISION,
    scenario_result TEXT,
    scenario_steps  BIGINT NOT NULL,
    sip_call_id     TEXT,
    trunk_channel   TEXT,
    hangup_by       TEXT,
    hangup_reason   TEXT,

    -- Of an enterprise's call; NULL for the bot's own.
    enterprise      TEXT,
    office          TEXT CHECK ((office IS NULL) = (enterprise IS NULL)),

    -- Those before the last attempt stand as JSON; NULL: of an older release, when a call had one once it was dialed.
    attempt          BIGINT,
    earlier_attempts TEXT,

    -- The bot that dials it: nobody else takes it up.
    node            TEXT   NOT NULL,

    -- See SQLite's migration.
    kind            TEXT   NOT NULL
        CHECK (kind = status || '/' || coalesce(ended_by, '') || '/' || coalesce(reason, ''))
);

CREATE INDEX calls_by_time ON calls (created_at, id);
CREATE INDEX calls_by_kind ON calls (kind, created_at, id);
CREATE INDEX calls_by_phone ON calls (phone, kind, created_at, id);
CREATE INDEX calls_by_dialed ON calls (dialed_at, phone) WHERE dialed_at IS NOT NULL;
CREATE INDEX calls_by_enterprise ON calls (enterprise, kind, created_at, id) WHERE enterprise IS NOT NULL;
CREATE INDEX calls_by_client ON calls (requested_by, kind, created_at, id)
    WHERE requested_by IS NOT NULL AND enterprise IS NULL;

-- What a bot takes up when it starts.
CREATE INDEX calls_by_node ON calls (node)
    WHERE status IN ('queued', 'dialing', 'ringing', 'early_media', 'answered');

-- How many calls of each kind were created in each span of time; see SQLite's migration. Kept by triggers, once a statement.
CREATE TABLE call_counts (
    level  BIGINT NOT NULL,
    bucket BIGINT NOT NULL,
    kind   TEXT   NOT NULL,
    calls  BIGINT NOT NULL,
    PRIMARY KEY (level, bucket, kind)
) WITH (fillfactor = 50);

CREATE FUNCTION count_calls() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO call_counts AS counts (level, bucket, kind, calls)
        SELECT level, CASE level WHEN 0 THEN created_at >> 29 WHEN 1 THEN created_at >> 35
                                 WHEN 2 THEN created_at >> 41 ELSE 0 END AS bucket, kind, count(*)
        FROM new_calls, generate_series(0, 3) AS level GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        ON CONFLICT (level, bucket, kind) DO UPDATE SET calls = counts.calls + excluded.calls;
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO call_counts AS counts (level, bucket, kind, calls)
        SELECT level, CASE level WHEN 0 THEN created_at >> 29 WHEN 1 THEN created_at >> 35
                                 WHEN 2 THEN created_at >> 41 ELSE 0 END AS bucket, kind, sum(change)
        FROM (SELECT created_at, kind, 1 AS change FROM new_calls
              UNION ALL SELECT created_at, kind, -1 FROM old_calls) AS changes, generate_series(0, 3) AS level
        GROUP BY 1, 2, 3 HAVING sum(change) <> 0 ORDER BY 1, 2, 3
        ON CONFLICT (level, bucket, kind) DO UPDATE SET calls = counts.calls + excluded.calls;
    ELSE
        INSERT INTO call_counts AS counts (level, bucket, kind, calls)
        SELECT level, CASE level WHEN 0 THEN created_at >> 29 WHEN 1 THEN created_at >> 35
                                 WHEN 2 THEN created_at >> 41 ELSE 0 END AS bucket, kind, -count(*)
        FROM old_calls, generate_series(0, 3) AS level GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        ON CONFLICT (level, bucket, kind) DO UPDATE SET calls = counts.calls + excluded.calls;
    END IF;
    DELETE FROM call_counts WHERE calls = 0
        AND (level, bucket, kind) IN (
            SELECT level, CASE level WHEN 0 THEN created_at >> 29 WHEN 1 THEN created_at >> 35
                                     WHEN 2 THEN created_at >> 41 ELSE 0 END, kind
            FROM old_calls, generate_series(0, 3) AS level);
    RETURN NULL;
END
$$;

CREATE TRIGGER calls_inserted AFTER INSERT ON calls
    REFERENCING NEW TABLE AS new_calls FOR EACH STATEMENT EXECUTE FUNCTION count_calls();
CREATE TRIGGER calls_deleted AFTER DELETE ON calls
    REFERENCING OLD TABLE AS old_calls FOR EACH STATEMENT EXECUTE FUNCTION count_calls();
CREATE TRIGGER calls_changed AFTER UPDATE ON calls
    REFERENCING OLD TABLE AS old_calls NEW TABLE AS new_calls FOR EACH STATEMENT EXECUTE FUNCTION count_calls();

-- `seq` is given by the row of `ledger`, whose lock makes its order that of the commits: a sequence would number what is
-- committed late before what a reader has seen.
CREATE TABLE timeline (
    seq     BIGINT NOT NULL PRIMARY KEY,
    call_id UUID   NOT NULL,
    at      BIGINT NOT NULL,
    source  TEXT   NOT NULL,
    event   TEXT   NOT NULL,
    text    TEXT   NOT NULL,
    status  TEXT,
    data    TEXT,
    attempt BIGINT
);

CREATE INDEX timeline_by_call ON timeline (call_id, seq);

CREATE TABLE idempotency (
    scope       TEXT   NOT NULL,
    key         TEXT   NOT NULL,
    fingerprint BYTEA  NOT NULL,
    call_id     UUID   NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (scope, key)
);

CREATE INDEX idempotency_by_age ON idempotency (created_at);
CREATE INDEX idempotency_by_call ON idempotency (call_id);

-- One row. Every transaction that writes locks it first.
CREATE TABLE ledger (
    only_row BOOLEAN NOT NULL PRIMARY KEY DEFAULT TRUE CHECK (only_row),
    last_seq BIGINT  NOT NULL
) WITH (fillfactor = 10);

INSERT INTO ledger (last_seq) VALUES (0);

-- The bots that write here, by the names of their nodes. `owner` is the run that has the node now; `batch` and `first_seq` are
-- of its last transaction, so that a COMMIT whose answer was lost can be looked up.
CREATE TABLE nodes (
    name      TEXT   NOT NULL PRIMARY KEY,
    owner     UUID   NOT NULL,
    taken_at  BIGINT NOT NULL,
    batch     BIGINT NOT NULL,
    first_seq BIGINT NOT NULL
) WITH (fillfactor = 10);

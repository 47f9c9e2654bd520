-- The journal. One row per operation says where it stands, its events say how it came there.
-- Times are integers: microseconds since 1970-01-01 UTC. Amounts are integers of minor units.

-- seq, and not the id, says which operation is newer: ids follow the wall clock, which somebody may set back.
CREATE TABLE operation (
    seq            INTEGER PRIMARY KEY,
    id             TEXT    NOT NULL UNIQUE,
    kind           TEXT    NOT NULL,
    stage          TEXT    NOT NULL CHECK (stage IN ('accepted', 'sending', 'approved', 'declined', 'aborted', 'not_started', 'in_doubt')),
    terminal       TEXT    NOT NULL,
    door           TEXT    NOT NULL,
    caller         TEXT    NOT NULL,
    register       TEXT    NOT NULL,
    order_id       TEXT,
    business_day   TEXT    NOT NULL,
    currency       TEXT,
    asked_minor    INTEGER CHECK (asked_minor >= 0),
    approved_minor INTEGER CHECK (approved_minor >= 0),
    online         INTEGER NOT NULL,
    partial_allowed INTEGER NOT NULL,
    keyless        INTEGER NOT NULL,
    parent_id      TEXT REFERENCES operation (id),
    idempotency_key TEXT,
    outcome        TEXT,
    notes          TEXT    NOT NULL,
    warnings       TEXT    NOT NULL,
    accepted_at    INTEGER NOT NULL,
    closed_at      INTEGER,
    CHECK ((stage = 'approved') = (approved_minor IS NOT NULL)),
    CHECK ((stage IN ('accepted', 'sending')) = (outcome IS NULL))
) STRICT;

-- Only what is open: its size does not grow with history.
CREATE UNIQUE INDEX operation_open ON operation (terminal) WHERE stage IN ('accepted', 'sending', 'in_doubt');
CREATE INDEX operation_order ON operation (caller, kind, order_id, seq) WHERE order_id IS NOT NULL;
CREATE INDEX operation_keyless ON operation (door, seq) WHERE keyless AND stage = 'approved';
CREATE INDEX operation_terminal ON operation (terminal, seq);
CREATE INDEX operation_day ON operation (accepted_at);

-- What was, or may have been, put on a wire. Written in the same commit as the stage 'sending'.
CREATE TABLE attempt (
    operation_id   TEXT    NOT NULL PRIMARY KEY REFERENCES operation (id),
    wire_reference TEXT    NOT NULL UNIQUE,
    at             INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Append-only. operation_id is NULL for a late result that fits no operation.
CREATE TABLE event (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    operation_id TEXT REFERENCES operation (id),
    terminal     TEXT    NOT NULL,
    type         TEXT    NOT NULL,
    at           INTEGER NOT NULL,
    cause        TEXT,
    detail       TEXT    NOT NULL
) STRICT;

CREATE INDEX event_operation ON event (operation_id, seq);

CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
BEGIN SELECT raise(ABORT, 'events are never changed'); END;

CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event
BEGIN SELECT raise(ABORT, 'events are never deleted'); END;

-- The same key is the same payment, for ever: kept also after compaction.
CREATE TABLE key (
    scope        TEXT NOT NULL,
    key          TEXT NOT NULL,
    fingerprint  TEXT NOT NULL,
    operation_id TEXT NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;

-- Whether a receiver heard of a result. settled = a person decided about one that could not be delivered.
CREATE TABLE delivery (
    operation_id TEXT    NOT NULL REFERENCES operation (id),
    receiver     TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('reached', 'failed', 'settled')),
    at           INTEGER NOT NULL,
    PRIMARY KEY (operation_id, receiver)
) STRICT, WITHOUT ROWID;

-- The oldest schema version whose release can still read and write this file: an update may be rolled back.
CREATE TABLE readable_by (version INTEGER NOT NULL) STRICT;
INSERT INTO readable_by VALUES (1);

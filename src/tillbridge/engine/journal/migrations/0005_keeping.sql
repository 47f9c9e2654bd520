-- How far old payments were put away. What is put away stands in a file of its year; what is needed to answer a key, an
-- order number or a parent for ever stays.

-- One row for each payment whose history was put away, and in which file it is.
CREATE TABLE put_away (
    operation_id TEXT    NOT NULL PRIMARY KEY,
    file         TEXT    NOT NULL,
    at           INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A file of old payments, and how many of its bytes count: what is behind them was left by a power cut.
CREATE TABLE archive_file (
    name  TEXT    NOT NULL PRIMARY KEY,
    bytes INTEGER NOT NULL CHECK (bytes >= 0)
) STRICT, WITHOUT ROWID;

-- Payments that were passed by because something of them is not over yet; they are looked at again.
CREATE TABLE held_back (seq INTEGER PRIMARY KEY) STRICT;

-- Up to which payment was looked at, and the day that the journal believes it is: a clock that somebody set years ahead
-- does not age the payments.
CREATE TABLE keeping (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    seq         INTEGER NOT NULL,
    believed_at INTEGER NOT NULL
) STRICT;

CREATE INDEX webhook_delivery_event ON webhook_delivery (event_seq);

-- A payment that a write's key stands for stays, for the same key gives the same answer.
CREATE INDEX write_key_subject ON write_key (subject);

-- The guard is put in the place of the one that knew of no archive: what is not put away is still never deleted.
DROP TRIGGER event_is_never_deleted;
CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event
WHEN OLD.operation_id IS NULL OR NOT EXISTS (SELECT 1 FROM put_away WHERE operation_id = OLD.operation_id)
BEGIN SELECT raise(ABORT, 'events are never deleted'); END;

CREATE TRIGGER operation_is_never_deleted BEFORE DELETE ON operation
WHEN OLD.idempotency_key IS NOT NULL OR NOT EXISTS (SELECT 1 FROM put_away WHERE operation_id = OLD.id)
BEGIN SELECT raise(ABORT, 'payments are never deleted'); END;

CREATE TRIGGER key_is_never_deleted BEFORE DELETE ON key
BEGIN SELECT raise(ABORT, 'keys are never deleted'); END;

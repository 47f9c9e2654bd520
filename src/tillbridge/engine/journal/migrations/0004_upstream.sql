-- Whom payments are reported to besides webhooks, and what came back. The receivers themselves stand in the settings.
-- The events stay the one truth: a receiver has a cursor over them, and a message is a note of what became of telling it.

CREATE TABLE upstream_receiver (
    name  TEXT    NOT NULL PRIMARY KEY,
    seq   INTEGER NOT NULL,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- slot keeps a receiver from being told the same thing twice: HiPay has one for each payment, others one for each event
-- and contract. order_id is the order number by which the receiver knows the payment, where it needs one of its own.
-- since is when its days of trying began, next_at when it is tried next. said is why the last attempt did not count.
CREATE TABLE upstream_message (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    receiver     TEXT    NOT NULL REFERENCES upstream_receiver (name),
    operation_id TEXT    NOT NULL REFERENCES operation (id) ON DELETE CASCADE,
    event_seq    INTEGER NOT NULL,
    slot         TEXT    NOT NULL,
    contract     TEXT,
    type         TEXT    NOT NULL,
    order_id     TEXT,
    state        TEXT    NOT NULL CHECK (state IN ('waiting', 'sent', 'dead')),
    attempts     INTEGER NOT NULL,
    made_at      INTEGER NOT NULL,
    since        INTEGER NOT NULL,
    next_at      INTEGER,
    done_at      INTEGER,
    status       INTEGER,
    said         TEXT,
    reference    TEXT,
    UNIQUE (receiver, operation_id, slot),
    CHECK ((state = 'waiting') = (next_at IS NOT NULL)),
    CHECK ((state = 'waiting') = (done_at IS NULL))
) STRICT;

-- Only what still waits: their size does not grow with history.
CREATE INDEX upstream_message_due ON upstream_message (receiver, next_at, id) WHERE state = 'waiting';
CREATE INDEX upstream_message_oldest ON upstream_message (receiver, id) WHERE state = 'waiting';
CREATE INDEX upstream_message_order ON upstream_message (receiver, operation_id, id) WHERE state = 'waiting';
CREATE INDEX upstream_message_dead ON upstream_message (receiver, id) WHERE state = 'dead';
CREATE INDEX upstream_message_log ON upstream_message (receiver, state, id);
CREATE INDEX upstream_message_operation ON upstream_message (operation_id, id);
CREATE INDEX upstream_message_known_as ON upstream_message (order_id) WHERE order_id IS NOT NULL;

-- A payment of which somebody is still to be told is not put away, whoever tidies up.
CREATE TRIGGER upstream_message_keeps_its_payment BEFORE DELETE ON operation
WHEN EXISTS (SELECT 1 FROM upstream_message WHERE operation_id = OLD.id AND state <> 'sent')
BEGIN SELECT raise(ABORT, 'a receiver is still to be told of this payment'); END;

-- What a payment service said by itself, its signature checked: written once, never changed. digest is that of the body,
-- so that the same words said twice are one row. operation_id is NULL where no payment of ours fits.
CREATE TABLE upstream_notice (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    digest       TEXT    NOT NULL UNIQUE,
    at           INTEGER NOT NULL,
    order_id     TEXT,
    operation_id TEXT,
    signed_with  TEXT    NOT NULL,
    fields       TEXT    NOT NULL
) STRICT;

CREATE INDEX upstream_notice_operation ON upstream_notice (operation_id, id) WHERE operation_id IS NOT NULL;

CREATE TRIGGER upstream_notice_is_never_changed BEFORE UPDATE ON upstream_notice
BEGIN SELECT raise(ABORT, 'a notice is never changed'); END;

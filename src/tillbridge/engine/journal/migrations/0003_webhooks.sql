-- Who is told of payments. The events stay the one truth: a receiver has a cursor over them, and a delivery is a note of
-- what became of telling it of one event. No secret stands here; docs/how-to/receive-webhooks.md says where it does.

CREATE TABLE webhook (
    id          TEXT    NOT NULL PRIMARY KEY,
    url         TEXT    NOT NULL,
    description TEXT    NOT NULL,
    types       TEXT    NOT NULL,
    created_by  TEXT    NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Up to which event a receiver's deliveries have been written down.
CREATE TABLE cursor (
    webhook_id TEXT    NOT NULL PRIMARY KEY REFERENCES webhook (id) ON DELETE CASCADE,
    seq        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- message_id is what the receiver knows it by: it stays the same in every attempt and in a replay. event_seq is NULL for
-- a message that only tries out the receiver. since is when its three days began, next_at when it is tried next.
CREATE TABLE webhook_delivery (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook_id TEXT    NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    event_seq  INTEGER REFERENCES event (seq),
    message_id TEXT    NOT NULL,
    type       TEXT    NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('pending', 'delivered', 'gave_up')),
    attempts   INTEGER NOT NULL,
    since      INTEGER NOT NULL,
    next_at    INTEGER,
    done_at    INTEGER,
    UNIQUE (webhook_id, event_seq),
    CHECK ((state = 'pending') = (next_at IS NOT NULL)),
    CHECK ((state = 'pending') = (done_at IS NULL))
) STRICT;

-- Only what is still to be sent: its size does not grow with history.
CREATE INDEX webhook_delivery_due ON webhook_delivery (webhook_id, next_at) WHERE state = 'pending';
CREATE INDEX webhook_delivery_log ON webhook_delivery (webhook_id, id);
CREATE INDEX webhook_delivery_done ON webhook_delivery (done_at) WHERE state <> 'pending';

-- status is the HTTP status of the answer, NULL where there was none; failure says why it did not count, NULL where it did.
CREATE TABLE webhook_attempt (
    id          INTEGER PRIMARY KEY,
    delivery_id INTEGER NOT NULL REFERENCES webhook_delivery (id) ON DELETE CASCADE,
    at          INTEGER NOT NULL,
    took        INTEGER NOT NULL,
    status      INTEGER,
    failure     TEXT
) STRICT;

CREATE INDEX webhook_attempt_delivery ON webhook_attempt (delivery_id, id);

-- What an Idempotency-Key of a write that starts no payment stood for; subject is what was made or changed by it.
CREATE TABLE write_key (
    scope       TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    subject     TEXT NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;

-- Which slips have been printed here: the next one of the same payment and side is marked as a copy.
CREATE TABLE receipt_print (
    id           INTEGER PRIMARY KEY,
    operation_id TEXT    NOT NULL REFERENCES operation (id),
    side         TEXT    NOT NULL CHECK (side IN ('customer', 'merchant')),
    at           INTEGER NOT NULL
) STRICT;

CREATE INDEX receipt_print_operation ON receipt_print (operation_id, side);

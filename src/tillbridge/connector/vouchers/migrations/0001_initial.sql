-- The journal of the voucher desk. One row per action says where it stands, its history says how it came there.
-- Times are integers: microseconds since 1970-01-01 UTC. Amounts are integers of minor units.

-- The same number of a receipt may come again on another day: each time it is another row.
CREATE TABLE receipt (
    id         INTEGER PRIMARY KEY,
    ref        TEXT    NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('open', 'closed', 'cancelled')),
    changed_at INTEGER NOT NULL
) STRICT;

CREATE INDEX receipt_ref ON receipt (ref, id);

CREATE TABLE action (
    seq        INTEGER PRIMARY KEY,
    key        TEXT    NOT NULL UNIQUE,
    kind       TEXT    NOT NULL CHECK (kind IN ('redeem', 'load', 'nothing')),
    state      TEXT    NOT NULL CHECK (state IN ('intent', 'sent', 'unknown', 'done', 'confirm_queued', 'confirmed',
                   'putback_queued', 'putback_done', 'reverse_queued', 'reversed', 'refused', 'voided')),
    number     TEXT    NOT NULL,
    amount     INTEGER NOT NULL CHECK (amount >= 0),
    currency   TEXT    NOT NULL,
    exact      INTEGER NOT NULL,
    receipt_id INTEGER REFERENCES receipt (id),
    station    TEXT    NOT NULL,
    operator   TEXT    NOT NULL,
    portal     TEXT    NOT NULL,
    pin_sealed BLOB,
    pin_mark   BLOB,
    taken      INTEGER CHECK (taken >= 0),
    balance    INTEGER CHECK (balance >= 0),
    refusal    TEXT,
    open_case  TEXT,
    begun_at   INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    queued_at  INTEGER,
    -- A PIN is needed for as long as its request may have to be sent again, and no longer.
    CHECK (pin_sealed IS NULL OR state IN ('intent', 'sent', 'unknown'))
) STRICT;

-- Only what is open: its size does not grow with history. A load that is done is over.
CREATE INDEX action_open ON action (seq)
WHERE state NOT IN ('confirmed', 'putback_done', 'refused', 'reversed', 'voided') AND NOT (kind = 'load' AND state = 'done');
CREATE INDEX action_case ON action (seq) WHERE open_case IS NOT NULL;
CREATE INDEX action_receipt ON action (receipt_id);

CREATE TABLE history (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    key    TEXT    NOT NULL REFERENCES action (key),
    state  TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    words  TEXT    NOT NULL
) STRICT;

CREATE INDEX history_key ON history (key, seq);

CREATE TRIGGER history_is_never_changed BEFORE UPDATE ON history
BEGIN SELECT raise(ABORT, 'history is never changed'); END;

CREATE TRIGGER history_is_never_deleted BEFORE DELETE ON history
BEGIN SELECT raise(ABORT, 'history is never deleted'); END;

CREATE TRIGGER action_is_never_deleted BEFORE DELETE ON action
BEGIN SELECT raise(ABORT, 'actions are never deleted'); END;

-- The key that PINs are sealed with, itself sealed with the computer's own; `kind` says by what.
CREATE TABLE seal (
    id     INTEGER PRIMARY KEY,
    kind   TEXT NOT NULL,
    nonce  BLOB NOT NULL,
    sealed BLOB NOT NULL
) STRICT;

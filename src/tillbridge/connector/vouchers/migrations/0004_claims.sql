-- Vouchers of other makers: what one of their providers has to do with an action, and what is claimed from it.
-- The amounts are never part of our own vouchers. `token` is what the provider takes a redemption back by.
CREATE TABLE claim (
    action_key      TEXT    PRIMARY KEY REFERENCES action (key),
    provider_prefix TEXT    NOT NULL,
    provider_name   TEXT    NOT NULL,
    takes_back      INTEGER NOT NULL CHECK (takes_back IN (0, 1)),
    idempotent      INTEGER NOT NULL CHECK (idempotent IN (0, 1)),
    claimed_at      INTEGER NOT NULL,
    asked           INTEGER CHECK (asked > 0),
    balance_before  INTEGER CHECK (balance_before >= 0),
    balance_after   INTEGER CHECK (balance_after >= 0),
    looked_at       INTEGER,
    token           TEXT    NOT NULL DEFAULT '',
    said            TEXT    NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX claim_day ON claim (claimed_at);

CREATE TRIGGER claim_is_never_deleted BEFORE DELETE ON claim
BEGIN SELECT raise(ABORT, 'claims are never deleted'); END;

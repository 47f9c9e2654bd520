-- Vouchers taken without a connection, at the merchant's risk. 'wanted': the till would have it so; 'open': taken, and
-- the portal has to hear of it yet; 'told': it has.
ALTER TABLE action ADD COLUMN offline TEXT CHECK (offline IN ('wanted', 'open', 'told'));
ALTER TABLE action ADD COLUMN offline_at INTEGER;

-- The PIN, sealed with the portal's key: nobody here can open it. It is wiped once the portal has it.
ALTER TABLE action ADD COLUMN offline_pin TEXT;
ALTER TABLE action ADD COLUMN offline_key TEXT;
ALTER TABLE action ADD COLUMN loss INTEGER CHECK (loss >= 0);

CREATE INDEX action_offline_open ON action (number) WHERE offline = 'open';
CREATE INDEX action_offline_day ON action (offline_at) WHERE offline_at IS NOT NULL;

-- Up to where it may be done, as the portal last said it for this link.
CREATE TABLE offline_terms (
    portal  TEXT    PRIMARY KEY,
    terms   TEXT    NOT NULL,
    told_at INTEGER NOT NULL
) STRICT;

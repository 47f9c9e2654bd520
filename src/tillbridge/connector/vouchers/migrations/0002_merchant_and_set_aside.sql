-- The merchant's number that an address on a voucher names: the portal says whether it is one of this merchant's.
ALTER TABLE action ADD COLUMN merchant TEXT NOT NULL DEFAULT '';

-- What belongs to another portal, and a named person has looked after: it stays as it is, and waits for nothing more.
ALTER TABLE action ADD COLUMN set_aside INTEGER NOT NULL DEFAULT 0 CHECK (set_aside IN (0, 1));

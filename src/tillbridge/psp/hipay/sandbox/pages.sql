-- The second version: pages on which buyers pay. An order of one may have several attempts.

CREATE TABLE page (
  token TEXT PRIMARY KEY,
  order_id TEXT NOT NULL UNIQUE,
  operation TEXT NOT NULL,
  currency TEXT NOT NULL,
  minor INTEGER NOT NULL,
  asked TEXT NOT NULL,
  language TEXT NOT NULL,
  returns TEXT NOT NULL,
  created TEXT NOT NULL,
  expires TEXT NOT NULL,
  cancelled INTEGER NOT NULL DEFAULT 0
) STRICT;

DROP INDEX payment_order;
CREATE UNIQUE INDEX payment_order ON payment (order_id) WHERE mode NOT IN ('twin', 'hosted');

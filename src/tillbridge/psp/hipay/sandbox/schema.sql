CREATE TABLE payment (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  reference TEXT UNIQUE,
  order_id TEXT NOT NULL,
  mode TEXT NOT NULL,
  operation TEXT NOT NULL,
  currency TEXT NOT NULL,
  minor INTEGER NOT NULL,
  status INTEGER NOT NULL,
  authorized INTEGER NOT NULL,
  captured INTEGER NOT NULL,
  refunded INTEGER NOT NULL,
  credited INTEGER NOT NULL,
  mid TEXT NOT NULL,
  acquirer_reference TEXT NOT NULL,
  asked TEXT NOT NULL,
  created TEXT NOT NULL,
  updated TEXT NOT NULL,
  authorized_at TEXT,
  due TEXT
) STRICT;

-- An order number is given once; only the second transaction that a switch asks for shares one.
CREATE UNIQUE INDEX payment_order ON payment (order_id) WHERE mode <> 'twin';
CREATE INDEX payment_orders ON payment (order_id);
CREATE INDEX payment_acquirer ON payment (acquirer_reference) WHERE acquirer_reference <> '';
CREATE INDEX payment_due ON payment (due) WHERE due IS NOT NULL;
CREATE INDEX payment_collectable ON payment (seq) WHERE status = 116;

CREATE TABLE step (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  reference TEXT NOT NULL REFERENCES payment (reference),
  at TEXT NOT NULL,
  status INTEGER NOT NULL,
  kind TEXT NOT NULL,
  operation_id TEXT NOT NULL,
  minor INTEGER
) STRICT;

CREATE INDEX step_of ON step (reference, seq);
CREATE INDEX step_operation ON step (operation_id) WHERE operation_id <> '';

CREATE TABLE notice (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  reference TEXT NOT NULL REFERENCES payment (reference),
  status INTEGER NOT NULL,
  made TEXT NOT NULL,
  fields TEXT NOT NULL,
  due TEXT,
  attempts INTEGER NOT NULL DEFAULT 0,
  delivery TEXT NOT NULL,
  said TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX notice_due ON notice (due, seq) WHERE due IS NOT NULL;
CREATE INDEX notice_of ON notice (reference, seq);

CREATE TABLE message (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at TEXT NOT NULL,
  receiver TEXT NOT NULL,
  message_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  order_id TEXT NOT NULL,
  mid TEXT NOT NULL,
  currency TEXT,
  minor INTEGER,
  body TEXT NOT NULL,
  reference TEXT,
  UNIQUE (receiver, message_id)
) STRICT;

CREATE INDEX message_order ON message (order_id);

CREATE TABLE acquired (
  order_id TEXT NOT NULL,
  mid TEXT NOT NULL,
  context TEXT NOT NULL,
  authorized INTEGER NOT NULL,
  pushed INTEGER NOT NULL,
  collected INTEGER NOT NULL,
  reference TEXT,
  PRIMARY KEY (order_id, mid)
) STRICT;

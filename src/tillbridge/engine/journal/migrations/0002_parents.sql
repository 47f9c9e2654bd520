-- An operation that takes back one in doubt runs on the same terminal while that one keeps it locked: so a terminal has
-- at most one open void beside at most one open operation of another kind.
DROP INDEX operation_open;
CREATE UNIQUE INDEX operation_open ON operation (terminal, (kind = 'void')) WHERE stage IN ('accepted', 'sending', 'in_doubt');

-- What was captured, refunded or voided of a payment, and a payment by its order number whoever asked for it.
CREATE INDEX operation_parent ON operation (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX operation_number ON operation (order_id, seq) WHERE order_id IS NOT NULL;

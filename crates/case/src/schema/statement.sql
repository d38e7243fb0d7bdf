-- Statements of people that have no table of their own: what started a clock, what was done, answers in forms. The body is JSON
-- of the kind; this crate does not read it. Beside the numbered forms: made when the first statement is, and never changed.
CREATE TABLE IF NOT EXISTS statement (
    ledger_entry INTEGER PRIMARY KEY,
    kind         TEXT    NOT NULL,
    body         TEXT    NOT NULL,
    made_by      TEXT    NOT NULL,
    made_at      INTEGER NOT NULL -- microseconds since the epoch, UTC
) STRICT;

-- Statements on their way, as with decisions.
CREATE TABLE IF NOT EXISTS pending_statement (
    ledger_size  INTEGER NOT NULL,
    digest       TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    body         TEXT    NOT NULL,
    made_by      TEXT    NOT NULL,
    made_at      INTEGER NOT NULL
) STRICT;

-- State of a case, form 3: statements of people that have no table of their own: what started a clock, what was done, answers in
-- forms. The body is JSON of the kind; this crate does not read it.
CREATE TABLE statement (
    ledger_entry INTEGER PRIMARY KEY,
    kind         TEXT    NOT NULL,
    body         TEXT    NOT NULL,
    made_by      TEXT    NOT NULL,
    made_at      INTEGER NOT NULL -- microseconds since the epoch, UTC
) STRICT;

-- Statements on their way, as with decisions.
CREATE TABLE pending_statement (
    ledger_size  INTEGER NOT NULL,
    digest       TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    body         TEXT    NOT NULL,
    made_by      TEXT    NOT NULL,
    made_at      INTEGER NOT NULL
) STRICT;

PRAGMA user_version = 3;

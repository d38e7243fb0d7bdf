-- State of a case, form 1. Every row names the ledger entry that committed it.
CREATE TABLE decision (
    ledger_entry INTEGER PRIMARY KEY,
    target       TEXT    NOT NULL,
    verdict      TEXT    NOT NULL,
    decided_by   TEXT    NOT NULL,
    decided_at   INTEGER NOT NULL, -- microseconds since the epoch, UTC
    reason       TEXT
) STRICT;

-- Decisions on their way: written before the ledger entry, moved after it. A run that was killed in between leaves a row
-- here, and the next one looks in the ledger whether the decision was committed.
CREATE TABLE pending_decision (
    ledger_size  INTEGER NOT NULL, -- entries in the ledger before
    digest       TEXT    NOT NULL,
    target       TEXT    NOT NULL,
    verdict      TEXT    NOT NULL,
    decided_by   TEXT    NOT NULL,
    decided_at   INTEGER NOT NULL,
    reason       TEXT
) STRICT;

PRAGMA user_version = 1;

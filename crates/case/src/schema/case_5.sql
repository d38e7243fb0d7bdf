-- State of a case, form 5: what people wrote through the support page. The body is JSON; this crate does not read it. Several
-- messages are committed by one ledger entry, which has a salted digest of each.
CREATE TABLE message (
    id           TEXT    PRIMARY KEY, -- as the support page named it: a message is entered once
    ledger_entry INTEGER NOT NULL,
    data_subject TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    body         TEXT    NOT NULL,
    collected_at INTEGER NOT NULL     -- microseconds since the epoch, UTC
) STRICT, WITHOUT ROWID;

-- Messages on their way, as with decisions.
CREATE TABLE pending_message (
    ledger_size  INTEGER NOT NULL,
    digest       TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    data_subject TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    body         TEXT    NOT NULL,
    collected_at INTEGER NOT NULL
) STRICT;

PRAGMA user_version = 5;

-- State of a case, form 2: approvals and letters on their way.

-- A named person's release of exactly these letters. Row and ledger entry as with decisions.
CREATE TABLE approval (
    ledger_entry INTEGER PRIMARY KEY,
    plan_sha256  TEXT    NOT NULL, -- what was approved: every letter, its text, its addresses
    letters      INTEGER NOT NULL,
    approved_by  TEXT    NOT NULL,
    approved_at  INTEGER NOT NULL, -- microseconds since the epoch, UTC
    reason       TEXT
) STRICT;

CREATE TABLE pending_approval (
    ledger_size  INTEGER NOT NULL, -- entries in the ledger before
    digest       TEXT    NOT NULL,
    plan_sha256  TEXT    NOT NULL,
    letters      INTEGER NOT NULL,
    approved_by  TEXT    NOT NULL,
    approved_at  INTEGER NOT NULL,
    reason       TEXT
) STRICT;

-- One row a letter and channel. A person has one reference a round, whatever becomes of the text: that is what keeps a second
-- letter from going out when a text is changed half-way.
CREATE TABLE sending (
    reference     TEXT    NOT NULL,
    channel       TEXT    NOT NULL, -- email, post
    round         INTEGER NOT NULL,
    data_subject  TEXT    NOT NULL,
    letter_sha256 TEXT    NOT NULL, -- the text that goes, or went
    plan_sha256   TEXT    NOT NULL, -- the approval under which it goes, or went
    state         TEXT    NOT NULL,
    attempts      INTEGER NOT NULL,
    changed_at    INTEGER NOT NULL,
    due_at        INTEGER,          -- of a deferred letter
    answer        TEXT,             -- the last word of a server, a report or a person; addresses masked
    PRIMARY KEY (reference, channel)
) STRICT, WITHOUT ROWID;

CREATE INDEX sending_by_state ON sending (channel, state, reference);

-- What happened to each, in order; only ever added to. The ledger has its hash at the end of each run.
CREATE TABLE sending_event (
    number    INTEGER PRIMARY KEY,
    reference TEXT    NOT NULL,
    channel   TEXT    NOT NULL,
    state     TEXT    NOT NULL, -- the state it came to, or `withdrawn`
    at        INTEGER NOT NULL,
    answer    TEXT
) STRICT;

PRAGMA user_version = 2;

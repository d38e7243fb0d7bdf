-- State of a case, form 4: what cuts an intruder off.

-- A plan of cuts that are applied as one wave. The body is JSON: the actions, what each target held before, what it is to hold;
-- this crate does not read it. It can hold verifiers of passwords, so that an exact undo needs nothing but this folder.
CREATE TABLE wave (
    number      INTEGER PRIMARY KEY,
    plan_sha256 TEXT    NOT NULL, -- what is approved
    body        TEXT    NOT NULL,
    made_by     TEXT    NOT NULL,
    made_at     INTEGER NOT NULL  -- microseconds since the epoch, UTC
) STRICT;

-- One row an action of a wave: where it is.
CREATE TABLE cut (
    wave        INTEGER NOT NULL,
    place       INTEGER NOT NULL, -- its place in the plan, from 0
    step        TEXT    NOT NULL,
    changed_at  INTEGER NOT NULL,
    said        TEXT,             -- what a target said
    verified_at INTEGER,
    answer      TEXT,             -- effective, not_testable, not_effective
    verdict     TEXT,             -- the last verification, JSON
    PRIMARY KEY (wave, place)
) STRICT, WITHOUT ROWID;

-- What happened to each, in order; only ever added to. The ledger has its hash at the end of each run.
CREATE TABLE cut_event (
    number INTEGER PRIMARY KEY,
    wave   INTEGER NOT NULL,
    place  INTEGER NOT NULL,
    what   TEXT    NOT NULL, -- the step it came to, or an answer
    at     INTEGER NOT NULL,
    said   TEXT
) STRICT;

PRAGMA user_version = 4;

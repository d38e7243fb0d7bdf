"""What was really sent, and how what Strandline says compares with it."""

from __future__ import annotations

import csv
import json
import re
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from world import Owner, World

PIECE = 5
"""So many characters of a value that nobody else has are a piece of it, not chance."""

DERIVES = re.compile(
    r"(?i)\b(extract|date_part|date_trunc|to_char|age|year|month|day|dayofmonth|datediff|timestampdiff|date_format|ascii|unicode|ord|"
    r"translate|regexp_replace|overlay|left|right|substr|substring|mid|avg|sum|stddev|variance|corr|round|trunc|floor|ceil|ceiling|hex|"
    r"encode|to_hex|to_base64|abs|sign|mod|chr|get_byte|soundex|format|position|strpos|instr|locate|ts_headline|to_tsvector|"
    r"width_bucket|regexp_matches|justify_days|last_day|dayname|monthname|week|quarter|hour|unix_timestamp|to_days|insert|split_part|substring_index)\s*\("
    r"|\b(?:varchar|char|character varying|bpchar)\s*\(\s*\d|at time zone|[-+*/%]\s*\d|\d\s*[-+*/%]|[-+*/%]\s*interval"
)
"""Words after which a value may go out changed beyond recognition: then nothing that is confirmed is called false."""


@dataclass
class Truth:
    """What one step sent: `sure` must be found, `may` neither must nor must not."""

    sure: set[Owner] = field(default_factory=set)
    may: set[Owner] = field(default_factory=set)
    all_may: bool = False


ECHOES = re.compile(r"(?i)^\s*explain\b|pg_stat_activity|processlist")
"""What these send back may be the statement's own words."""


def truth_of(sent: bytes, errors: bytes, own_words: str, owners: dict[str, list[Owner]], former: dict[str, list[Owner]], joint: set[str], derived: bool) -> Truth:
    """Whose values stand in the bytes that the actor's connection received. What the statement itself said is no news in an
    error or a plan."""
    truth = Truth(all_may=derived)
    if not (sent + errors).strip(b"\x00"):
        return truth
    echo = bool(ECHOES.search(own_words))
    lower = (sent + b"\x00" + errors).lower()
    for token, whose in owners.items():
        raw = token.encode()
        if raw in sent or raw in errors:
            known = token in own_words and (echo or raw not in sent)
            truth.sure.update(whose if (len(whose) == 1 or token in joint) and not known else ())
            truth.may.update(whose)
            truth.may.update(former.get(token, ()))
        elif piece_in(raw.lower(), lower):
            truth.may.update(whose)
            truth.may.update(former.get(token, ()))
    return truth


def piece_in(token: bytes, sent: bytes) -> bool:
    backwards = sent[::-1] if len(sent) < 4000 else b""
    return any(token[start : start + PIECE] in sent or token[start : start + PIECE] in backwards for start in range(len(token) - PIECE + 1))


OPEN = {"failed", "undescribed_table", "undescribed_database", "unknown_request"}
"""Reasons to show nobody that leave it open whom."""


@dataclass
class Said:
    """What Strandline says of one step, by tier. `everybody` are categories of whole tables."""

    confirmed: set[Owner] = field(default_factory=set)
    likely: set[Owner] = field(default_factory=set)
    possible: set[Owner] = field(default_factory=set)
    inferred: set[Owner] = field(default_factory=set)
    everybody: set[str] = field(default_factory=set)
    outcomes: list[str] = field(default_factory=list)
    accesses: list[str] = field(default_factory=list)
    open: bool = False
    """Whom it showed is said to be not known: then nobody is reassured."""

    def displayed(self) -> set[Owner]:
        return self.confirmed | self.likely

    def holds(self, owner: Owner) -> bool:
        return owner in self.confirmed or owner in self.likely or owner in self.possible or owner in self.inferred or owner[1] in self.everybody


@dataclass
class Verdict:
    """One step, judged: `missed` and `false` are counter-examples, the rest says how precise it was: `beyond` are those whose
    tier says more, or less, than what was sent."""

    kind: str
    missed: set[Owner] = field(default_factory=set)
    false: set[Owner] = field(default_factory=set)
    beyond: set[Owner] = field(default_factory=set)


def judge(truth: Truth, said: Said) -> Verdict:
    """held: some are in no tier, but the access is an open question, which keeps everybody from being reassured. exact: shows whom the server sent, and nobody else. wider: shows them, and others too. only_wider: only *possible*."""
    missed = {owner for owner in truth.sure if not said.holds(owner)}
    false = set() if truth.all_may else said.confirmed - truth.sure - truth.may
    displayed, allowed = said.displayed(), truth.sure | truth.may
    others = not truth.all_may and bool(displayed - allowed)
    wide = bool(said.possible - allowed) or bool(said.everybody)
    if missed and said.open and not false:
        return Verdict("held", set(), set())
    if missed or false:
        kind = "missed" if missed and not said.open else "false"
    elif truth.sure - displayed:
        kind = "only_wider"
    elif truth.sure:
        kind = "wider" if others or wide else "exact"
    else:
        kind = "only_wider" if wide else "wider" if others else "exact"
    beyond = (set() if truth.all_may else displayed - allowed) | (said.possible - allowed) | (truth.sure - displayed)
    return Verdict(kind, set() if said.open else missed, false, beyond)


class Refused(Exception):
    """Strandline ended with an error; the text says which."""


@dataclass
class Answers:
    """What the case folder holds, read through `strandline sql`."""

    accesses: list[dict]
    sightings: list[dict]
    replays: dict[str, dict]
    exposures: set[tuple[str, str]]
    confirmed: set[tuple[str, str]]
    letters: dict[str, tuple[str, bool]]
    artefacts: dict[str, str]


def respond(strandline: Path, folder: Path, pin: str, seconds: int = 300) -> Answers:
    command = [str(strandline), "respond", "--estate", "estate.toml", "--evidence", "evidence", "--case", "case", "--pin", pin]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL, check=False)
    except subprocess.TimeoutExpired as error:
        raise Refused(f"respond took more than {seconds} s") from error
    if done.returncode:
        raise Refused(f"respond ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return read_answers(strandline, folder)


def read_answers(strandline: Path, folder: Path) -> Answers:
    def ask(sql: str) -> list[dict]:
        done = subprocess.run([str(strandline), "--json", "sql", "case", sql], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            if "not found" in done.stderr or "no table" in done.stderr:
                return []
            raise Refused(f"sql ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]

    exposures = rows_of(folder / "case" / "export" / "exposures.csv")
    letters = rows_of(folder / "case" / "export" / "letters.csv")
    custody = json.loads((folder / "case" / "evidence" / "custody.json").read_text(encoding="utf-8"))
    return Answers(
        accesses=ask("select id, time, connection, statement, proof from accesses"),
        sightings=ask("select data_subject, of_table, category, basis, certainty, access from sightings"),
        replays={row["access"]: row for row in ask("select * from replays")},
        exposures={(row["data_subject"], row["category"]) for row in exposures},
        confirmed={(row["data_subject"], row["category"]) for row in exposures if row["certainty"] == "confirmed" and row["basis"] == "disclosed"},
        letters={row["data_subject"]: (row["kind"], row["held"] == "yes") for row in letters},
        artefacts=artefact_names(custody),
    )


def rows_of(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def artefact_names(custody: list[dict]) -> dict[str, str]:
    """Artefact to the name of its log file."""
    return {entry["id"]: Path(entry["path"]).name for entry in custody}


QUOTED = re.compile(r"'(?:[^']|'')*'")


def is_derived(sql: str) -> bool:
    return bool(DERIVES.search(QUOTED.sub("''", sql)))


def said_of(accesses: list[dict], answers: Answers, by_access: dict[str, list[dict]], world: World) -> Said:
    said = Said()
    for access in accesses:
        said.accesses.append(access["id"])
        replay = answers.replays.get(access["id"])
        if replay:
            said.open = said.open or bool(OPEN & set(replay.get("nobody") or ()))
            said.outcomes.append(f"{replay['outcome']}{': ' + replay['reason'] if replay.get('reason') else ''} logged={replay.get('rows_logged')} replayed={replay.get('rows_replayed')}")
        for sighting in by_access.get(access["id"], ()):
            if sighting.get("data_subject") is None:
                said.everybody.add(sighting["category"])
                continue
            owner = (sighting["data_subject"], sighting["category"])
            if sighting["basis"] != "disclosed":
                said.inferred.add(owner)
            else:
                {"confirmed": said.confirmed, "likely": said.likely, "possible": said.possible}[sighting["certainty"]].add(owner)
    return said


def tally(verdicts: list[Verdict]) -> Counter:
    return Counter(verdict.kind for verdict in verdicts)

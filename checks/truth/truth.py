#!/usr/bin/env python3
"""Searches for counter-examples: whose data real servers sent, against what `strandline respond` says of their logs.

usage: truth.py [--strandline PATH] [--server postgres|mariadb|both] [--seed N] [--seconds N | --statements N] [--jobs N] …

Each world is made from a seed (schema, people with values that nobody else has), runs on a real server, and is judged
statement by statement by what came over the wire. README.md beside this file tells more.
Exit code: 0 no counter-example, 1 some, 2 the machine itself could not run. With --most or --least, 1 where a share is beyond its bound,
or where somebody to whom a value was sent is told that they were not reached.
"""

from __future__ import annotations

import argparse
import bisect
import copy
import json
import os
import random
import re
import shutil
import signal
import sys
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import grammar
import servers
import session
import shrink
import worlds
from judge import Answers, Refused, Said, Verdict, judge, respond, said_of
from shapes import Step, read_catalogue, script
from world import Owner, World

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
STEPS_A_WORLD = 260
KINDS = ("exact", "wider", "only_wider", "held", "missed", "false")
KEEPS_WORDS = ("prepare", "declare", "set ", "create ", "alter ")
"""Statements that hold the words of another one that runs later."""
BEGINS = {"select", "with", "values", "table", "insert", "update", "delete", "merge", "replace", "create", "drop", "alter", "truncate", "set", "reset", "begin", "start",
          "commit", "rollback", "savepoint", "release", "declare", "fetch", "close", "prepare", "execute", "deallocate", "explain", "copy", "call", "show", "lock", "do"}
"""What a statement behind another one in a text may begin with; `plain` has left the semicolon out."""
HALF_LOGGED = re.compile(r"(?i)^\s*(fetch|execute)\b")
"""Some settings log the cursor or the prepared statement, but not this: then what is said of the one speaks of both."""


@dataclass
class CounterExample:
    """One step that was judged wrongly, or a letter that should not have been."""

    kind: str
    server: str
    seed: int
    setting: str
    step: int
    shape: str
    sql: str
    parameters: list[str | None] | None
    said: str
    pairs: int
    sent_rows: int
    error: str = ""
    cause: str = ""


@dataclass
class Figures:
    """What some worlds gave."""

    worlds: int = 0
    statements: int = 0
    judged: int = 0
    kinds: Counter = field(default_factory=Counter)
    by_mix: dict[str, Counter] = field(default_factory=lambda: defaultdict(Counter))
    wide_shapes: Counter = field(default_factory=Counter)
    wide_reasons: Counter = field(default_factory=Counter)
    found: list[CounterExample] = field(default_factory=list)
    wide: list[CounterExample] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    broken_shapes: Counter = field(default_factory=Counter)
    shape_runs: Counter = field(default_factory=Counter)
    seconds: Counter = field(default_factory=Counter)
    letters: Counter = field(default_factory=Counter)

    def add(self, other: "Figures") -> None:
        self.worlds += other.worlds
        self.statements += other.statements
        self.judged += other.judged
        for name in ("kinds", "wide_shapes", "wide_reasons", "broken_shapes", "shape_runs", "seconds", "letters"):
            getattr(self, name).update(getattr(other, name))
        for mix, kinds in other.by_mix.items():
            self.by_mix[mix].update(kinds)
        self.found += other.found
        self.wide += other.wide
        self.trouble += other.trouble


def accesses_of_steps(done: list[session.Done], answers: Answers, dialect: str) -> list[list[dict]]:
    """The accesses that each step became: by time at PostgreSQL, by place in the log at MariaDB.

    A server may log a read only when the session's next command ends it, so the words decide between neighbours."""
    found: list[list[dict]] = [[] for _ in done]
    words = [plain(one.step.sql) for one in done]
    # A record of a duration tells when it ended, to the millisecond; what it began with is reckoned back from there.
    moments = [int(one.began * 1_000_000) - 1100 for one in done]
    of_session: dict[int, list[int]] = defaultdict(list)
    for index, one in enumerate(done):
        of_session[one.pid].append(index)
    for access in answers.accesses:
        if dialect == "postgresql":
            own = of_session.get(process_of(access.get("connection")), range(len(done)))
            place = bisect.bisect_right([moments[index] for index in own], access["time"]) - 1
            index = own[place] if place >= 0 else -1
        else:
            index = index_by_place(done, access, answers)
        if index >= 0:
            found[same_words(index, plain(access["statement"]), words, done)].append(access)
    return found


def process_of(connection: str | None) -> int:
    """The server process of a connection: `6b0c01ba.2045` is the time and the process, in hexadecimal; `8261` the process."""
    word = (connection or "").rsplit(".", 1)
    try:
        return int(word[-1], 16 if len(word) == 2 else 10)
    except ValueError:
        return 0


def index_by_place(done: list[session.Done], access: dict, answers: Answers) -> int:
    """The step during which the last of the access's records was written."""
    found = -1
    for proof in access["proof"]:
        file = answers.artefacts.get(proof["artefact"], "")
        if done and file in done[0].offsets:
            found = max(found, bisect.bisect_right([one.offsets[file] for one in done], proof["offset"]) - 1)
    return found


def same_words(index: int, statement: str, words: list[str], done: list[session.Done]) -> int:
    """The step itself, or one near before it, if that has the statement's words and the step has not: one of its session, or any if the words are the whole of it."""
    if not statement or statement in words[index] or words[index] in statement:
        return index
    bare = without_values(statement)
    if bare == without_values(words[index]):
        return index
    for earlier in range(index - 1, max(-1, index - 8), -1):
        if statement == words[earlier] or bare == without_values(words[earlier]):
            return earlier
        if done[earlier].pid == done[index].pid and stands_alone(statement, words[earlier]) and not words[earlier].startswith(KEEPS_WORDS):
            return earlier
    return index


def stands_alone(statement: str, words: str) -> bool:
    """Whether a statement stands in a text outside of brackets, and ends there: a subquery of those words, or a longer one that begins with them, is no statement that ran by itself."""
    at = words.find(statement)
    rest = words[at + len(statement) :].split()
    ends = not rest or rest[0] in BEGINS
    return at >= 0 and ends and words.count("(", 0, at) <= words.count(")", 0, at)


def without_values(words: str) -> str:
    """A log may hold the values where the statement was sent with their places."""
    return re.sub(r"'(?:[^'\\]|''|\\.)*'|\$\d+|\b\d[\w.]*|\?", "?", words)


def plain(sql: str) -> str:
    return re.sub(r"[\s;]+", " ", sql).strip().lower()


def world_and_script(server: servers.Server, seed: int, options: argparse.Namespace) -> tuple[World, list[Step], session.Plan, str]:
    """What a seed stands for. Each part is drawn by itself, so that a longer script begins as the shorter one did."""
    mix = options.mix or random.Random(f"mix {server.dialect} {seed}").choices(["reads", "writes", "wild"], [4, 3, 3])[0]
    world = worlds.world_of(seed, server.dialect, options.world or "")
    shapes = [shape for shape in read_catalogue() if not options.only or any(word in shape.name for word in options.only)]
    share = grammar.GRAMMAR_SHARE if not options.only else 1.0 if options.only == ["grammar"] else 0.0
    steps = script(world, shapes or read_catalogue(), options.steps, random.Random(f"script {server.dialect} {seed}"), mix, share)
    plan = session.random_plan(server, random.Random(f"plan {server.dialect} {seed}"))
    if options.web is not None:
        plan.web = options.web
    if options.setting:
        plan.setting = next(setting for setting, _ in server.settings() if setting.name == options.setting)
    return world, steps, plan, mix


def run_world(server: servers.Server, seed: int, options: argparse.Namespace, folder: Path) -> Figures:
    """One world, from its seed to its figures."""
    world, steps, plan, mix = world_and_script(server, seed, options)
    return run_script(server, world, steps, plan, folder, options.strandline, mix)


def run_case(case: shrink.Case, folder: Path, server: servers.Server, strandline: Path) -> shrink.Result:
    """One run of a case that is being made small."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        done = session.Runner(server, case.world, case.plan, folder).run(case.steps)
    finally:
        session.drop_world(server, case.world)
    answers = respond(strandline, folder, case.plan.pin)
    result = shrink.Result(done)
    for index, one, said, verdict in verdicts_of(done, answers, case.world, server.dialect):
        result.sent |= one.truth.sure
        result.said[index] = "; ".join(said.outcomes)
        if verdict.kind in ("missed", "false"):
            result.wrong[index] = verdict.kind
    return result


def make_small(server: servers.Server, seed: int, options: argparse.Namespace, scratch: Path, example: CounterExample) -> None:
    """Shrinks one counter-example and keeps it."""
    world, steps, plan, _ = world_and_script(server, seed, options)
    run = lambda case, folder: run_case(case, folder, server, options.strandline)  # noqa: E731
    shrinker = shrink.Shrinker(server, scratch / "shrink", run, steps[example.step], example.kind)
    small = shrinker.shrink(shrink.Case(world, steps, plan), example.step)
    if small is None:
        print(f"NOT REPRODUCED {example.kind} {example.shape} seed {seed} step {example.step}", flush=True)
        return
    result = run(copy.deepcopy(small), scratch / "shrink")
    name = f"{example.server}-{example.shape.replace('/', '-')}-{example.kind}"
    kept = shrink.keep(small, result, scratch / "shrink", name, f"{example.shape}: {example.kind}", options.keep, example.kind)
    print(f"KEPT {kept} ({len(small.steps)} statements, {sum(len(table.rows) for table in small.world.tables)} rows)", flush=True)


def run_script(server, world: World, steps, plan: session.Plan, folder: Path, strandline: Path, mix: str) -> Figures:
    figures = Figures(worlds=1)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    began = time.monotonic()
    try:
        done = session.Runner(server, world, plan, folder).run(steps)
    except session.WorldNotMade as error:
        figures.trouble.append(f"world {world.seed} {server.dialect}: {error}")
        return figures
    finally:
        session.drop_world(server, world)
    figures.seconds["server"] += time.monotonic() - began
    began = time.monotonic()
    for one in done:
        figures.shape_runs[one.step.shape] += 1
        if one.failed:
            figures.broken_shapes[f"{one.step.shape}: {one.error[:110]}"] += 1
    try:
        answers = respond(strandline, folder, plan.pin)
    except Refused as error:
        figures.trouble.append(f"world {world.seed} {server.dialect} {plan.setting.name}: {error}")
        return figures
    figures.seconds["strandline"] += time.monotonic() - began
    judge_world(figures, done, answers, world, server.dialect, plan, mix)
    return figures


def verdicts_of(done: list[session.Done], answers: Answers, world: World, dialect: str) -> Iterator[tuple[int, session.Done, Said, Verdict]]:
    """Every step of the actor, judged."""
    by_access: dict[str, list[dict]] = defaultdict(list)
    for sighting in answers.sightings:
        by_access[sighting["access"]].append(sighting)
    all_accesses = accesses_of_steps(done, answers, dialect)
    instances: dict[int, list[dict]] = defaultdict(list)
    for one, accesses in zip(done, all_accesses):
        instances[one.step.instance] += accesses
    for index, (one, accesses) in enumerate(zip(done, all_accesses)):
        if not one.judged:
            continue
        if not accesses and HALF_LOGGED.search(one.step.sql):
            accesses = instances[one.step.instance]
        said = said_of(accesses, answers, by_access, world)
        yield index, one, said, judge(one.truth, said)


def judge_world(figures: Figures, done: list[session.Done], answers: Answers, world: World, dialect: str, plan: session.Plan, mix: str) -> None:
    everything: set[Owner] = set()
    figures.statements += len(done)
    for index, one, said, verdict in verdicts_of(done, answers, world, dialect):
        everything |= one.truth.sure
        figures.judged += 1
        figures.kinds[verdict.kind] += 1
        figures.by_mix[mix][verdict.kind] += 1
        if verdict.kind in ("wider", "only_wider", "held"):
            figures.wide_shapes[f"{verdict.kind} {one.step.shape}"] += 1
            figures.wide_reasons[f"{verdict.kind} {reason_of(said)}"] += 1
            figures.wide.append(example_of(verdict.kind, verdict.beyond, index, one, said, world, plan))
        for kind, pairs in (("missed", verdict.missed), ("false", verdict.false)):
            if pairs:
                figures.found.append(example_of(kind, pairs, index, one, said, world, plan))
    judge_letters(figures, answers, everything)


def example_of(kind: str, pairs: set[Owner], index: int, one: session.Done, said: Said, world: World, plan: session.Plan) -> CounterExample:
    outcomes = "; ".join(said.outcomes) or f"no replay ({len(said.accesses)} accesses)"
    return CounterExample(kind, world.dialect, world.seed, plan.setting.name, index, one.step.shape, one.step.sql, one.step.parameters,
                          outcomes, len(pairs), one.rows, one.error[:160], cause_of(pairs, world))


def cause_of(pairs: set[Owner], world: World) -> str:
    """`empty` where each of these people has a NULL or '' in a column of the category: it may have been taken for a value."""
    blank = {(str(row.get(table.subject)), column.category) for table in world.tables if table.subject for row in table.rows
             for column in table.columns if column.category and not row.get(column.name)}
    return "empty" if pairs <= blank else ""


def judge_letters(figures: Figures, answers: Answers, sent: set[Owner]) -> None:
    people = {person for person, _ in sent}
    for person, (kind, held) in answers.letters.items():
        figures.letters[kind + (" held" if held else "")] += 1
        if kind == "not_reached" and person in people:
            figures.letters[TOLD + (" (held)" if held else "")] += 1
    figures.letters["pairs sent"] += len(sent)
    figures.letters["pairs sent and in no tier"] += len(sent - answers.exposures)
    if not answers.letters:
        figures.letters["worlds without letters"] += 1


def reason_of(said: Said) -> str:
    return said.outcomes[0].split(" logged=")[0] if said.outcomes else "no replay"


# Running many


def work(job: tuple[str, int, int, dict]) -> Figures:
    """One worker: a server of its own, world after world until the time or the number is up."""
    which, first, stride, raw = job
    options = argparse.Namespace(**raw)
    figures = Figures()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    deadline = time.monotonic() + options.seconds if options.seconds else None
    with servers.Scratch() as scratch:
        try:
            server = scratch.serve(which)
        except servers.NoServer as error:
            figures.trouble.append(f"{which}: {error}")
            return figures
        seed, shrunk = first, set()
        while True:
            try:
                gained = run_world(server, seed, options, scratch.folder / "world")
                figures.add(gained)
                if options.shrink:
                    shrink_some(server, seed, options, scratch.folder, gained, shrunk)
            except Exception:  # the machine's own fault; it says so and goes on
                figures.trouble.append(f"world {seed} {which}: " + traceback.format_exc()[-900:])
            seed += stride
            if deadline and time.monotonic() > deadline:
                return figures
            if options.statements and figures.statements >= options.statements:
                return figures
            if options.worlds and figures.worlds >= options.worlds:
                return figures


def shrink_some(server: servers.Server, seed: int, options: argparse.Namespace, scratch: Path, gained: Figures, shrunk: set[tuple[str, str]]) -> None:
    """Makes the first counter-example of each shape small, as many as were asked for."""
    for example in gained.found:
        wanted = options.at is None or example.step == options.at
        if wanted and len(shrunk) < options.shrink and (example.shape, example.kind) not in shrunk and (options.at is not None or not example.cause):
            shrunk.add((example.shape, example.kind))
            make_small(server, seed, options, scratch, example)


def report(which: str, figures: Figures, options: argparse.Namespace) -> None:
    judged = max(1, figures.judged)
    print(f"== {which}: {figures.worlds} worlds, {figures.statements} statements, {figures.judged} judged; "
          f"server {figures.seconds['server']:.0f} s, strandline {figures.seconds['strandline']:.0f} s")
    print("   " + ", ".join(f"{kind} {figures.kinds[kind]} ({100 * figures.kinds[kind] / judged:.1f} %)" for kind in KINDS))
    for mix, kinds in sorted(figures.by_mix.items()):
        total = max(1, sum(kinds.values()))
        print(f"   {mix:7}" + ", ".join(f"{kind} {100 * kinds[kind] / total:.1f} %" for kind in KINDS))
    print("   letters: " + ", ".join(f"{name} {count}" for name, count in sorted(figures.letters.items())))
    if options.verbose:
        for title, counter in (("wide shapes", figures.wide_shapes), ("wide reasons", figures.wide_reasons), ("failing shapes", figures.broken_shapes)):
            print(f"-- {title}")
            for name, count in counter.most_common(options.verbose):
                print(f"   {count:5}  {name}")
    groups: dict[tuple[str, str], list[CounterExample]] = defaultdict(list)
    for found in figures.found:
        groups[(found.kind + ('-of-nothing' if found.cause else ''), found.shape)].append(found)
    empties = {shape: examples for (kind, shape), examples in groups.items() if kind.endswith("-of-nothing")}
    if empties:
        print(f"FALSE of NULL or '': {sum(map(len, empties.values()))} statements of {len(empties)} shapes")
    for (kind, shape), examples in sorted(groups.items(), key=lambda item: -len(item[1])):
        if kind.endswith("-of-nothing"):
            continue
        one = min(examples, key=lambda example: len(example.sql))
        print(f"{kind.upper()} {shape} x{len(examples)}: seed {one.seed} step {one.step} {one.setting}: {one.sql[:400]!r} {one.parameters or ''} -> {one.said[:200]} "
              f"({one.pairs} pairs, {one.sent_rows} rows) {one.error}")
    for trouble in figures.trouble[:20]:
        print(f"TROUBLE {trouble}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strandline", metavar="PATH", default="target/release/strandline")
    parser.add_argument("--server", choices=["postgres", "mariadb", "both"], default="both")
    parser.add_argument("--seed", type=int, help="first seed (default: a fresh one, printed)")
    parser.add_argument("--seconds", type=int, default=0, help="for each server")
    parser.add_argument("--statements", type=int, default=0, help="at least so many for each server and job")
    parser.add_argument("--worlds", type=int, default=0, help="so many worlds for each server and job")
    parser.add_argument("--steps", type=int, default=STEPS_A_WORLD, help=f"statements a world (default: {STEPS_A_WORLD})")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--mix", choices=["reads", "writes", "wild"])
    parser.add_argument("--world", help="a fixed schema, or `random`")
    parser.add_argument("--setting", help="one setting of the logs, by name")
    parser.add_argument("--web", action=argparse.BooleanOptionalAction, help="read through a web application, or never (default: some worlds)")
    parser.add_argument("--only", action="append", metavar="WORD", help="only shapes with this in their name; may be repeated")
    parser.add_argument("--verbose", type=int, default=0, metavar="N", help="the N most common of each list")
    parser.add_argument("--shrink", type=int, default=0, metavar="N", help="make the first N counter-examples small, each of another shape, and keep them")
    parser.add_argument("--at", type=int, metavar="STEP", help="with --shrink: this statement's counter-example")
    parser.add_argument("--keep", type=Path, default=HERE / "found", metavar="FOLDER", help="where small cases are kept (default: found, beside this file)")
    parser.add_argument("--replay", type=Path, nargs="*", metavar="FOLDER", help="judge the program on kept cases (without a folder: on all of them)")
    parser.add_argument("--again", action="store_true", help="with --replay: run them on a server anew first")
    parser.add_argument("--most", type=bound, action="append", default=[], metavar="KIND=PERCENT", help="fail where more of the judged statements are of this kind")
    parser.add_argument("--least", type=bound, action="append", default=[], metavar="KIND=PERCENT", help="fail where fewer are")
    parser.add_argument("--json", metavar="FILE", help="every counter-example, a line each")
    parser.add_argument("--wide", metavar="FILE", help="every statement that shows others than it sent, or the right ones only as possible, a line each")
    return parser.parse_args()


def bound(text: str) -> tuple[str, float]:
    kind, _, percent = text.partition("=")
    if kind not in KINDS:
        raise argparse.ArgumentTypeError(f"{kind!r} is none of {', '.join(KINDS)}")
    return kind, float(percent)


TOLD = "told not reached though sent"


def broken_bounds(which: str, figures: Figures, options: argparse.Namespace) -> list[str]:
    """What --most and --least ask for and did not get; with them, nobody may be told the opposite of what happened."""
    share = lambda kind: 100 * figures.kinds[kind] / max(1, figures.judged)  # noqa: E731
    broken = [f"{which}: {share(kind):.2f} % {kind}, at most {most} %" for kind, most in options.most if share(kind) > most]
    broken += [f"{which}: {share(kind):.2f} % {kind}, at least {least} %" for kind, least in options.least if share(kind) < least]
    if figures.letters[TOLD]:
        broken.append(f"{which}: {figures.letters[TOLD]} {TOLD}")
    if not figures.judged:
        broken.append(f"{which}: nothing was judged")
    return broken


def replay_kept(options: argparse.Namespace) -> int:
    """Judges the program on kept cases; one line each."""
    folders = options.replay or sorted(path.parent for path in (HERE / "found").glob("*/run.toml"))
    wrong = 0
    with servers.Scratch() as scratch:
        running: dict[str, servers.Server] = {}
        for folder in folders:
            if options.again:
                which = "mariadb" if json.loads((folder / "world.json").read_text(encoding="utf-8"))["world"]["dialect"] == "mysql" else "postgres"
                server = running.get(which) or running.setdefault(which, scratch.serve(which))
                case = shrink.read_kept(folder, server)
                result = run_case(copy.deepcopy(case), scratch.folder / "again", server, options.strandline)
                found = [f"{kind.upper()} {result.done[index].step.sql[:200]!r}: {result.said[index]}" for index, kind in result.wrong.items()]
            else:
                found = shrink.replay(options.strandline, folder.resolve(), scratch.folder)
            wrong += bool(found)
            print(f"{folder.name}: {'; '.join(found[:4]) or 'ok'}", flush=True)
    print(f"{len(folders)} kept cases, {wrong} wrong")
    return 1 if wrong else 0


def main() -> int:
    options = parse_arguments()
    options.strandline = Path(options.strandline).resolve()
    if not os.access(options.strandline, os.X_OK):
        print(f"error: no program at {options.strandline}", file=sys.stderr)
        return 2
    if options.replay is not None:
        return replay_kept(options)
    if not (options.seconds or options.statements or options.worlds):
        options.worlds = 1
    first = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6) * 1000
    print(f"seed {first}", flush=True)
    found = trouble = 0
    broken: list[str] = []
    for which in ["postgres", "mariadb"] if options.server == "both" else [options.server]:
        figures = Figures()
        jobs = [(which, first + index, options.jobs, vars(options)) for index in range(options.jobs)]
        with ProcessPoolExecutor(options.jobs) as pool:
            for part in pool.map(work, jobs):
                figures.add(part)
        report(which, figures, options)
        for name, examples in ((options.json, figures.found), (options.wide, figures.wide)):
            if name:
                with open(name, "a", encoding="utf-8") as file:
                    file.writelines(json.dumps(vars(example), ensure_ascii=False) + "\n" for example in examples)
        found += len(figures.found)
        trouble += len(figures.trouble)
        broken += broken_bounds(which, figures, options)
    if options.most or options.least:
        print("\n".join(f"BEYOND ITS BOUND {line}" for line in broken) or "within all bounds")
        return 1 if broken else 2 if trouble else 0
    return 1 if found else 2 if trouble else 0


if __name__ == "__main__":
    sys.exit(main())

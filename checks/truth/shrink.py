"""Makes a counter-example small: statements first, then how the server logs, then rows, then schema; and keeps it as a case.

A kept case is a folder as `checks/truth/found/NAME`: the input of `strandline respond`, `truth.csv` with what the server sent,
and `world.json`, from which it can be run on a server again.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import re
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import servers
import session
from judge import Answers, Refused, respond
from shapes import Step
from world import Owner, World

RUNS = 60
"""So many tries a counter-example is worth."""


@dataclass
class Case:
    """What a run is made of."""

    world: World
    steps: list[Step]
    plan: session.Plan


@dataclass
class Result:
    """One run: what was done, whom the server showed, what was wrong with which step."""

    done: list[session.Done]
    wrong: dict[int, str] = field(default_factory=dict)
    sent: set[Owner] = field(default_factory=set)
    said: dict[int, str] = field(default_factory=dict)


class Shrinker:
    """Tries smaller cases as long as the same statement is judged wrong in the same way."""

    def __init__(self, server: servers.Server, folder: Path, run: Callable[[Case, Path], Result], target: Step, kind: str):
        self.server, self.folder, self.run, self.target, self.kind = server, folder, run, target, kind
        self.left = RUNS

    def still_wrong(self, case: Case) -> bool:
        if self.left <= 0:
            return False
        self.left -= 1
        try:
            result = self.run(copy.deepcopy(case), self.folder)
        except (Refused, session.WorldNotMade, servers.NoServer, KeyError):
            return False
        return any(kind == self.kind and result.done[index].step.sql == self.target.sql for index, kind in result.wrong.items())

    def shrink(self, case: Case, index: int) -> Case | None:
        instance = case.steps[index].instance
        alone = dataclasses.replace(case, steps=[step for step in case.steps[: index + 1] if step.instance == instance])
        before = dataclasses.replace(case, steps=case.steps[: index + 1])
        found = next((tried for tried in (alone, before, case) if self.still_wrong(tried)), None)
        if found is None:
            return None
        found = self.fewer_steps(found)
        found = self.plainer_plan(found)
        found = self.fewer_tables(found)
        found = self.fewer_rows(found)
        found = self.fewer_columns(found)
        return self.fewer_steps(found)

    def fewer_steps(self, case: Case) -> Case:
        size = max(1, len(case.steps) // 2)
        while size:
            start = 0
            while start < len(case.steps):
                rest = case.steps[:start] + case.steps[start + size :]
                if any(step.sql == self.target.sql for step in rest) and self.still_wrong(dataclasses.replace(case, steps=rest)):
                    case = dataclasses.replace(case, steps=rest)
                else:
                    start += size
            size //= 2
        return case

    def plainer_plan(self, case: Case) -> Case:
        plain = next((setting for setting, _ in self.server.settings() if setting.name in ("audit-rows/csvlog", "general+slow")), case.plan.setting)
        for change in ({"web": False}, {"setting": plain}, {"dump_at": 0.0}, {"dump_at": 1.0}, {"dump_options": case.plan.dump_options[:1]}):
            tried = dataclasses.replace(case, plan=dataclasses.replace(case.plan, **change))
            if tried.plan != case.plan and self.still_wrong(tried):
                case = tried
        return case

    def fewer_tables(self, case: Case) -> Case:
        words = " ".join(step.sql for step in case.steps)
        for part in ("views", "functions"):
            if getattr(case.world, part):
                case = self.try_world(case, lambda world: (setattr(world, "after", []), setattr(world, "views", []), setattr(world, "functions", [])))
        for table in list(reversed(case.world.tables)):
            if table.name in words:
                continue
            case = self.try_world(case, lambda world, name=table.name: setattr(world, "tables", [other for other in world.tables if other.name != name]))
        return case

    def fewer_rows(self, case: Case) -> Case:
        for name in [table.name for table in case.world.tables]:
            size = max(1, len(table_of(case.world, name).rows) // 2)
            smallest = max(1, size // 8)
            while size >= smallest:
                start = 0
                while start < len(table_of(case.world, name).rows):
                    smaller = self.try_world(case, lambda world: without_rows(world, name, start, size))
                    if smaller is case:
                        start += size
                    case = smaller
                size //= 2
        return case

    def fewer_columns(self, case: Case) -> Case:
        words = " ".join(step.sql for step in case.steps)
        if "*" in words:
            return case
        for table in case.world.tables:
            for column in list(table.columns):
                if re.search(rf"\b{re.escape(column.name)}\b", words) or column.name in table.key or column.name in (table.subject, table.via.get("column")):
                    continue
                case = self.try_world(case, lambda world, t=table.name, c=column.name: without_column(world, t, c))
        return case

    def try_world(self, case: Case, change: Callable[[World], object]) -> Case:
        world = copy.deepcopy(case.world)
        change(world)
        tried = dataclasses.replace(case, world=world)
        return tried if self.still_wrong(tried) else case


def table_of(world: World, name: str):
    return next(table for table in world.tables if table.name == name)


def without_rows(world: World, name: str, start: int, size: int) -> None:
    table = table_of(world, name)
    gone = table.rows[start : start + size]
    table.rows = table.rows[:start] + table.rows[start + size :]
    if table.role == "P":
        people = {str(row[table.subject]) for row in gone}
        world.people = [person for person in world.people if person not in people]
        for other in world.tables:
            if other is not table and other.subject and other.role == "C":
                other.rows = [row for row in other.rows if row[other.subject] not in people]
    for other in world.tables:
        if other.via:
            upper = next((above for above in world.tables if f"{above.schema}.{above.name}" == other.via["table"]), None)
            if upper:
                keys = {row[other.via["to_column"]] for row in upper.rows}
                other.rows = [row for row in other.rows if row[other.via["column"]] in keys]


def without_column(world: World, table_name: str, column_name: str) -> None:
    table = table_of(world, table_name)
    table.columns = [column for column in table.columns if column.name != column_name]
    for row in table.rows:
        row.pop(column_name, None)


# Keeping


def keep(case: Case, result: Result, folder: Path, name: str, title: str, into: Path, kind: str) -> Path:
    """Writes the case as a folder: input, truth, and what to run it again with."""
    target = into / name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for part in ("evidence", "snapshot", "register", "estate.toml"):
        source = folder / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target / part)
    truth = ["data_subject,category"] + [f"{person},{category}" for person, category in sorted(result.sent)]
    (target / "truth.csv").write_text("\n".join(truth) + "\n", encoding="utf-8")
    (target / "expect.toml").write_text("", encoding="utf-8")
    (target / "run.toml").write_text(f'args = ["--pin", "{case.plan.pin}"]\nestate = "estate.toml"\n', encoding="utf-8")
    words = [f"# {title}", "", f"Found by the truth machine, and made small by it ({case.world.dialect}, logs: {case.plan.setting.name}). {kind} was:", ""]
    for index, one in enumerate(result.done):
        mark = result.wrong.get(index, "")
        words.append(f"    {one.step.who}: {' '.join(one.step.sql.split())}{'  -- ' + mark if mark else ''}")
        if one.step.parameters:
            words.append(f"        with {one.step.parameters}")
    words += ["", "`truth.csv` is what the server sent. `truth.py --replay FOLDER` judges the program on it again; with `--again` it is first run on a server anew.", ""]
    (target / "README.md").write_text("\n".join(words), encoding="utf-8")
    plan = {"setting": case.plan.setting.name, "dump_at": case.plan.dump_at, "dump_options": case.plan.dump_options, "busy_dump": case.plan.busy_dump, "web": case.plan.web}
    raw = {"world": json.loads(case.world.to_json()), "steps": [dataclasses.asdict(step) for step in case.steps], "plan": plan}
    (target / "world.json").write_text(json.dumps(raw, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return target


def read_kept(folder: Path, server: servers.Server) -> Case:
    raw = json.loads((folder / "world.json").read_text(encoding="utf-8"))
    setting = next(setting for setting, _ in server.settings() if setting.name == raw["plan"]["setting"])
    return Case(World.from_json(json.dumps(raw["world"])), [Step(**step) for step in raw["steps"]], session.Plan(setting, raw["plan"]["dump_at"], raw["plan"]["dump_options"], raw["plan"].get("busy_dump", True), raw["plan"]["web"]))


def faults(answers: Answers, truth: set[Owner]) -> list[str]:
    """What a user would be told wrongly: the same rules as for the corpus of cases."""
    told = {person for person, (kind, held) in answers.letters.items() if kind == "not_reached" and not held}
    held = {person for person, (kind, is_held) in answers.letters.items() if kind == "not_reached" and is_held}
    missed = [owner for owner in sorted(truth) if owner[0] in told or (owner not in answers.exposures and owner[0] not in held)]
    false = sorted(answers.confirmed - truth)
    return [f"MISSED {person} {category}" for person, category in missed] + [f"FALSE {person} {category}" for person, category in false]


def replay(strandline: Path, folder: Path, scratch: Path) -> list[str]:
    """Judges the program on a kept case."""
    work = scratch / folder.name
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    for part in ("evidence", "snapshot", "register", "estate.toml"):
        source = folder / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, work / part)
    truth = {tuple(line.split(",", 1)) for line in (folder / "truth.csv").read_text(encoding="utf-8").splitlines()[1:]}
    try:
        pin = tomllib.loads((folder / "run.toml").read_text(encoding="utf-8"))["args"][1]
        return faults(respond(strandline, work, pin), truth)  # type: ignore[arg-type]
    except Refused as error:
        return [f"FAILED {error}"]

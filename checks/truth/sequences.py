#!/usr/bin/env python3
"""Sequences of writes and reads written by hand, on a fixed world: what the grammar does not say. Judged as truth.py judges.

usage: sequences.py [--strandline PATH] [--server postgres|mariadb] [--setting NAME] [--only SECTION]

Each sequence of `catalogue/sequences-SERVER.txt` runs with the dump before all of it and after (or where it says). Prints a line each, and every
statement of the actor by which somebody to whom a value was sent is in no tier, or somebody is confirmed for a value that was not sent.
Exit code: 0 none of these, 1 some, 2 nothing could be run.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

import servers
import session
import truth
import worlds
from shapes import Step

CATALOGUE = Path(__file__).parent / "catalogue"
DUMP = "DUMP"


def sequences(server: str) -> dict[str, list[str]]:
    """The sections of the catalogue, by name."""
    found: dict[str, list[str]] = {}
    lines = (CATALOGUE / f"sequences-{server}.txt").read_text(encoding="utf-8").splitlines()
    for line in (line for line in lines if line and not line.startswith("#")):
        if line.startswith("[") and line.endswith("]"):
            found[line[1:-1]] = []
        else:
            list(found.values())[-1].append(line)
    return found


def step(name: str, number: int, line: str) -> Step:
    """`clerk1: UPDATE …`: who, in which of his sessions, what."""
    who, sql = line.split(": ", 1)
    number_of_session = int(who[-1]) if who[-1].isdigit() else 0
    return Step(sql=sql, who=who.rstrip("0123456789"), session=number_of_session, shape=name, instance=number, moves=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strandline", type=Path, default=Path("target/release/strandline"), metavar="PATH")
    parser.add_argument("--server", choices=["postgres", "mariadb"], default="postgres")
    parser.add_argument("--setting", help="one setting of the logs, by name (default: the first)")
    parser.add_argument("--only", metavar="SECTION", help="one sequence, by its name")
    options = parser.parse_args()
    total = truth.Figures()
    with servers.Scratch() as scratch:
        server = scratch.serve(options.server)
        setting = next(setting for setting, _ in server.settings() if options.setting in (None, setting.name))
        for name, lines in sequences(options.server).items():
            if options.only not in (None, name):
                continue
            steps = [step(name, number, line) for number, line in enumerate(line for line in lines if line != DUMP)]
            for at in [lines.index(DUMP) / len(steps)] if DUMP in lines else [0.0, 1.0]:
                plan = session.random_plan(server, random.Random(1))
                plan.web, plan.busy_dump, plan.dump_at, plan.setting = False, False, at, setting
                world = worlds.FIXED["sakila"](1, server.dialect)
                figures = truth.run_script(server, world, steps, plan, scratch.folder / "world", options.strandline.resolve(), "reads")
                print(f"{name:42} dump {at:.2f}  " + ", ".join(f"{kind} {count}" for kind, count in figures.kinds.items() if count), flush=True)
                for found in figures.found:
                    print(f"  {found.kind.upper()} {found.sql[:200]!r} -> {found.said[:160]} ({found.pairs} pairs)")
                for trouble in figures.trouble:
                    print(f"  TROUBLE {trouble[:300]}")
                total.add(figures)
    return 2 if not total.judged else 1 if total.found or total.trouble else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Scores a case against the truth that record.py wrote: score.py CASE INTO. Ends with 1 if a cell is false or missed. Prints no key."""
import csv
import pathlib
import sys
import tomllib

case, into = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
estate = tomllib.loads((into / "estate.toml").read_text())
category = {f"{table['name'].split('.')[-1]}.{column}": kind for table in estate["table"] for column, kind in table["categories"].items()}
truth = {"disclosed": set(), "inferred": set()}
for row in csv.DictReader(open(into / "truth/exposures.csv")):
    truth[row["basis"]].add((row["patient"], category[row["column"]]))
every = truth["disclosed"] | truth["inferred"]
tiers = {"confirmed": set(), "likely": set(), "possible": set()}
for row in csv.DictReader(open(case / "export/exposures.csv")):
    tiers[row["certainty"]].add((row["data_subject"], row["category"]))
told = set().union(*tiers.values())
false, missed = tiers["confirmed"] - truth["disclosed"], every - told
people = lambda cells: {person for person, _ in cells}
print(f"{len(people(every))} people and {len(every)} cells in truth: {len(tiers['confirmed'] & truth['disclosed'])} of {len(truth['disclosed'])} disclosed cells confirmed, "
      f"{len(false)} confirmed but false, {len(missed)} missed; "
      f"likely or confirmed: {len(people(tiers['confirmed'] | tiers['likely']))} people, {len(people(tiers['confirmed'] | tiers['likely'])) / len(people(every)):.2f} of the truth; possible as well: {len(people(told))}")
sys.exit(bool(false or missed))

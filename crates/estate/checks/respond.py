#!/usr/bin/env python3
"""Scores a response that was made on an unedited draft, by people and columns, or categories where the truth knows no columns.
usage: respond.py CASE TRUTH REGISTER FROM TO
CASE: the folder of the case. TRUTH: exposures.csv, and sent_to_app.csv if there is one. REGISTER: the register, whose column FROM has the
draft's keys and TO the truth's. Exits 0 where no true pair is missed in every tier, nothing is confirmed that was not sent, and nobody of the
truth is told that they were not reached."""
import csv, pathlib, sys

import compare


def score(shown, confirmed, truth, wider, is_same):
    missed = [(person, name) for person, name in truth if not any(is_same(other, name) for other in shown.get(person, ()))]
    sent = {}
    for person, name in wider:
        sent.setdefault(person, set()).add(name)
    false = [(person, names) for person, names in confirmed if not any(is_same(name, other) for name in names for other in sent.get(person, ()))]
    return missed, false


def main():
    case, truth_folder, register, key, truth_key = sys.argv[1:6]
    case, truth_folder = pathlib.Path(case), pathlib.Path(truth_folder)
    names = {row[key]: row[truth_key] for row in csv.DictReader(open(register, newline="", encoding="utf-8-sig"))}
    read = lambda path: list(csv.DictReader(open(path, newline="")))
    rows = read(truth_folder / "exposures.csv")
    wide = rows + (read(truth_folder / "sent_to_app.csv") if (truth_folder / "sent_to_app.csv").exists() else [])
    # A truth that was taken from bodies alone knows no columns.
    field = "category" if {row["column"] for row in rows} == {"value"} else "column"
    subject = "staff_no" if "staff_no" in rows[0] else "data_subject"
    truth, wider = ({(row[subject], row[field]) for row in some} for some in (rows, wide))
    shown, confirmed, tiers = {}, [], {}
    for row in read(case / "export/exposures.csv"):
        person = names.get(row["data_subject"], row["data_subject"])
        told = {row["category"]} if field == "category" else {column.rsplit(".", 1)[-1] for column in row["columns"].split()}
        shown.setdefault(person, set()).update(told)
        tiers.setdefault(row["certainty"], set()).add(person)
        if row["certainty"] == "confirmed" and row["basis"] == "disclosed":
            confirmed.append((person, told))
    missed, false = score(shown, confirmed, truth, wider, compare.same)
    people = {person for person, _ in truth}
    letters = {names.get(row["data_subject"], row["data_subject"]): row["kind"] for row in (read(case / "export/letters.csv") if (case / "export/letters.csv").exists() else [])}
    reassured = {person for person in people if letters.get(person, "").replace(" ", "_") == "not_reached"}
    count = lambda pairs: ", ".join(f"{name} {sum(1 for _, other in pairs if other == name)}" for name in sorted({str(name) for _, name in pairs})) or "none"
    falsely = [(person, "/".join(sorted(told))) for person, told in false]
    print(f"{len(people)} people and {len(truth)} pairs in truth; pairs missed: {len(missed)} ({count(missed)}); people of the truth in no tier: {len(people - shown.keys())}")
    print(f"cells confirmed: {len(confirmed)}, but false: {len(false)} ({count(falsely)})")
    print("people by tier: " + ", ".join(f"{tier} {len(who)}" for tier, who in sorted(tiers.items())))
    print(f"of the truth told that they were not reached: {len(reassured)}; letters: {count([(p, k) for p, k in letters.items()])}")
    return 1 if missed or false or reassured else 0


if __name__ == "__main__":
    sys.exit(main())

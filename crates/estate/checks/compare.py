#!/usr/bin/env python3
"""Compares a draft of an estate file with one that was written by hand.
usage: compare.py DRAFT HAND [--columns]
Of each column that the hand-written file gives a category: is it in the draft, with the right category, and by a way to the right person?
Exits 0 where at least 90 % are, and the draft has at most twice as many lines."""
import sys, tomllib

# Words for the same thing. A category that says more or less than the hand-written one is not the same.
SAME = [
    {"identity_document", "identity_number"},
    {"marital_status", "family_status"},
    {"test_result", "lab_result"},
    {"document", "documents"},
    {"training", "certificate", "qualification"},
    {"next_of_kin", "family"},
]


def same(a, b):
    return a == b or any(a in words and b in words for words in SAME)


def described(estate):
    return {table["name"]: table for table in estate.get("table", [])}


def category(table, column):
    """The category of a column, and whether it is named for it."""
    if column in table.get("categories", {}):
        return table["categories"][column], True
    if "other_columns" in table and column not in table.get("without_personal_data", []):
        return table["other_columns"], False
    return None, False


def people(estate):
    """The table that has one row for each person: the one that ways end at, or else the first with a key."""
    ends = [via["table"] for table in estate.get("table", []) if (via := table.get("subject_via"))]
    keyed = [table["name"] for table in estate.get("table", []) if "subject_key" in table]
    ends = [name for name in ends if name in keyed]
    return max(keyed, key=lambda name: (ends.count(name), -keyed.index(name)), default=None)


def way(tables, name, roots):
    """The columns by which a row leads to its person, from table to table; the table of people itself is where each ends."""
    steps = []
    while name in tables and len(steps) < 20:
        table = tables[name]
        if name in roots:
            return steps + ["person"]
        if "subject_key" in table:
            return steps + [table["subject_key"], "person"]
        via = table.get("subject_via")
        if not via:
            return None
        steps.append(via["column"])
        name = via["table"]
    return steps + ["person"] if name in roots else None


def compare(draft, hand, show=False):
    ours, theirs = described(draft), described(hand)
    roots = {people(draft), people(hand)} if people(draft) and people(hand) else set()
    if people(draft) in theirs and people(draft) != people(hand):
        roots = {people(hand)}
    right, wrong, named, total = 0, [], 0, 0
    for name, table in theirs.items():
        for column, wanted in table["categories"].items():
            total += 1
            where = f"{name}.{column}"
            if name not in ours:
                wrong.append(f"{where}: its table is not described")
                continue
            got, is_named = category(ours[name], column)
            if got is None:
                wrong.append(f"{where}: not described")
            elif not same(got, wanted):
                wrong.append(f"{where}: {got}, not {wanted}")
            elif way(ours, name, roots) != way(theirs, name, roots):
                wrong.append(f"{where}: by {way(ours, name, roots)}, not {way(theirs, name, roots)}")
            else:
                right, named = right + 1, named + is_named
    if show:
        for line in wrong:
            print("  " + line)
    return right, named, total


def main():
    draft_path, hand_path = sys.argv[1:3]
    draft_text, hand_text = open(draft_path).read(), open(hand_path).read()
    right, named, total = compare(tomllib.loads(draft_text), tomllib.loads(hand_text), "--columns" in sys.argv)
    lines, most = len(draft_text.splitlines()), 2 * len(hand_text.splitlines())
    print(f"{right} of {total} columns right ({right / max(1, total):.0%}), {named} of them by name; {lines} lines, at most {most}")
    return 0 if right * 10 >= total * 9 and lines <= most else 1


if __name__ == "__main__":
    sys.exit(main())

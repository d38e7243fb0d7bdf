"""Reads every letter of a case back, with programs that are not ours, and says what is wrong with any.

    python3 read_letters.py CASE REGISTER.csv

CASE was worked on with the templates that come along, and printed (`strandline notify CASE print`). Needs pdftotext (Debian:
poppler-utils); readability is measured too where the Python package textstat (0.7.3, which needs no download) is there. For each PDF:
one page; the person's own name and code; exactly the categories and tiers of export/exposures.csv; no key, name, e-mail
address, telephone number, postal address or code of anybody else of the register. Prints no value of anybody.
"""
import collections
import concurrent.futures
import csv
import pathlib
import re
import subprocess
import sys

case, register = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
templates = pathlib.Path(__file__).resolve().parents[3] / "letters" / "default"
RANK = {"possible": 1, "likely": 2, "confirmed": 3}
problems = collections.Counter()
examples = {}


def problem(what, key):
    problems[what] += 1
    examples.setdefault(what, key)


def sections(path):
    found, name = {}, None
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("[") and line.endswith("]"):
            name = line[1:-1]
        elif name and line and not line.startswith("//"):
            found.setdefault(name, line)
    return found


def rows_expected(language, told):
    """What the table must say of each category that was reached: the word for the tier, as the sentences have it."""
    words, names = sections(templates / language / "sentences.txt"), sections(templates / language / "categories.txt")
    expected = {}
    for category, (certainty, basis) in told.items():
        section = "row-possible" if certainty == "possible" else f"row-{certainty}" + ("-inferred" if basis == "inferred" else "")
        expected[names.get(category, category)] = words[section].split("|")[0].strip()
    return expected, {words["row-not-touched"].split("|")[0].strip(), words["row-unknown"].split("|")[0].strip()}


people = {}
for row in csv.DictReader(register.open(encoding="utf-8-sig")):
    people.setdefault(next(iter(row.values())), row)

told = collections.defaultdict(dict)
for row in csv.DictReader((case / "export/exposures.csv").open()):
    rank = lambda certainty, basis: (RANK[certainty], basis == "disclosed")
    known = told[row["data_subject"]].get(row["category"])
    if known is None or rank(row["certainty"], row["basis"]) > rank(*known):
        told[row["data_subject"]][row["category"]] = (row["certainty"], row["basis"])

index = list(csv.DictReader((case / "export/letters.csv").open()))
count = collections.Counter(row["data_subject"] for row in index)
for key in people:
    if count[key] != 1:
        problem("a person of the register has no letter, or two", key)

# Values of everybody, without blanks since a line may break anywhere; found by their first characters.
STEM = 5
CODE = re.compile(r"[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){3}")
tight = lambda text: re.sub(r"\s+", "", text)
owners = collections.defaultdict(set)
for key, row in people.items():
    for column, value in row.items():
        value = tight(value or "")
        # Two Chinese characters stand in other words; a word such as `serving` is no value of a person.
        if column not in ("language", "status") and len(value) >= STEM:
            owners[value].add(key)
codes = {}
for row in index:
    text = (case / "letters" / f"{row['stem']}.txt").read_text(encoding="utf-8")
    found = set(CODE.findall(text))
    if len(found) != 1:
        problem("a letter without a code, or with two", row["data_subject"])
    for code in found:
        if codes.setdefault(code, row["data_subject"]) != row["data_subject"]:
            problem("a code that two people have", row["data_subject"])
by_stem = collections.defaultdict(list)
for value in owners:
    by_stem[value[:STEM]].append(value)


def read(row):
    key, language = row["data_subject"], row["language"]
    pdf = subprocess.run(["pdftotext", "-raw", str(case / "letters" / f"{row['stem']}.pdf"), "-"], capture_output=True, check=False)
    text = pdf.stdout.decode("utf-8", "replace")
    wrong = []
    if pdf.returncode != 0 or text.count("\f") != 1:
        wrong.append("a PDF that cannot be read, or has not one page")
    flat = tight(text)
    names = [tight(value) for column, value in people.get(key, {}).items() if "name" in column and value]
    if names and not any(name in flat for name in names):
        wrong.append("a letter without its reader's name")
    for place in range(len(flat) - STEM + 1):
        for value in by_stem.get(flat[place : place + STEM], ()):
            if flat.startswith(value, place) and key not in owners[value]:
                inside_own = any(value in own and own in flat for own in (tight(v or "") for v in people.get(key, {}).values()))
                if not inside_own:
                    wrong.append("a letter with a value of somebody else")
    if any(codes.get(code) != key for code in CODE.findall(text)):
        wrong.append("a letter with the code of somebody else")
    expected, untouched = rows_expected(language, told.get(key, {}))
    draft = (case / "letters" / f"{row['stem']}.txt").read_text(encoding="utf-8")
    rows = {}
    for line in draft.splitlines():
        match = re.match(r"- (.+?)(?:: |：)(.+?)(?:\. |。)", line)
        if match:
            rows[match[1]] = match[2]
            if tight(match[1]) not in flat or tight(match[2]) not in flat:
                wrong.append("a PDF without a row of its text")
    if {name: state for name, state in rows.items() if state not in untouched} != expected:
        wrong.append("a letter whose categories or tiers are not those of the exposures")
    return key, set(wrong)


with concurrent.futures.ThreadPoolExecutor(4) as pool:
    for key, wrong in pool.map(read, index):
        for what in wrong:
            problem(what, key)
kinds = collections.Counter((row["kind"], row["language"]) for row in index)
print(f"{len(index)} letters to {len(people)} people of the register")
for (kind, language), letters in sorted(kinds.items()):
    print(f"{letters:>8}  {kind}, {language}")
size = sorted((case / "letters" / f"{row['stem']}.pdf").stat().st_size for row in index)
print(f"PDF bytes: median {size[len(size) // 2]}, largest {size[-1]}")

try:
    import textstat
except ImportError:
    textstat = None
    print("SKIPPED: readability, since the Python package textstat is not there")
ease, mean, longest, clause = [], [], 0, 0
for row in index:
    lines = (case / "letters" / f"{row['stem']}.txt").read_text(encoding="utf-8").split("\n\n", 1)[1].splitlines()
    prose = [re.sub(r"^\d\. |[（(][^（()]*[)）]$", "", line).strip() for line in lines if line.endswith((".", "。")) or re.match(r"\d\. ", line)]
    if row["language"] == "en" and textstat:
        text = " ".join(line for line in prose if not line.startswith("- "))
        sentences = [s for s in re.split(r"(?<=[.!?])\s+", text) if s]
        ease.append(textstat.flesch_reading_ease(text))
        mean.append(len(text.split()) / len(sentences))
        longest = max(longest, *(len(s.split()) for s in sentences))
    elif row["language"] != "en":
        clause = max([clause] + [len(tight(c)) for line in prose for c in re.split("[，。；：！？]", line)])
if ease:
    print(f"English: Flesch reading ease at least {min(ease):.0f}, mean {sum(ease) / len(ease):.0f}; words a sentence at most {max(mean):.1f} in the mean of a letter, {longest} in one")
if clause:
    print(f"Chinese: longest clause {clause} characters")
for what, times in problems.most_common():
    print(f"PROBLEM: {what}: {times}, first {examples[what]}")
print(f"{sum(problems.values())} problems")
sys.exit(1 if problems else 0)

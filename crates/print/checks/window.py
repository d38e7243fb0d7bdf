#!/usr/bin/env python3
"""Says what stands in the window of the envelope on the first page of each PDF, as pdftotext reads it: a tool that knows nothing of us.

window.py WINDOW PDF|FOLDER …     e.g. window.py dl CASE/letters

It prints a line for each PDF that shows anything below the address's zone or beside it, with the number of words there and not the words, and
ends with 1 if there is one. `--show` prints the words of the first PDF, for somebody to look at.
"""
import re
import subprocess
import sys
from pathlib import Path

# What the window can show, and what it always shows: mm from the left, the top, to the right, the bottom (crates/model/src/window.rs).
WINDOWS = {
    "dl": ((10, 45, 110, 92), (20, 57, 100, 81)),
    "din5008-a": ((15, 27, 110, 72), (20, 27, 105, 72)),
    "din5008-b": ((15, 45, 110, 90), (20, 45, 105, 90)),
    "uk-dl": ((10, 46, 110, 92), (20, 57, 100, 81)),
    "hk-dl": ((10, 46, 110, 92), (20, 57, 100, 81)),
    "c5": ((1, 43.5, 110, 102), (20, 57, 91, 88.5)),
    "c5-wide": ((0, 30.5, 120, 79), (15, 44, 101, 65.5)),
    "us-10": ((0, 51.8, 136.5, 92.1), (22.2, 63.5, 111.1, 80.4)),
}
WORD = re.compile(r'xMin="([\d.-]+)" yMin="([\d.-]+)" xMax="([\d.-]+)" yMax="([\d.-]+)">(.*?)</word>')


def words(pdf):
    """(left, top, right, bottom, word) in mm. pdftotext gives the whole line's height; the letters stand in its middle."""
    html = subprocess.run(["pdftotext", "-f", "1", "-l", "1", "-bbox", str(pdf), "-"], capture_output=True, text=True, check=True).stdout
    for match in WORD.finditer(html):
        left, top, right, bottom = (float(value) * 25.4 / 72 for value in match.groups()[:4])
        slack = (bottom - top) * 0.2
        yield left, top + slack, right, bottom - slack, match.group(5)


def main():
    arguments = [a for a in sys.argv[1:] if a != "--show"]
    if len(arguments) < 2 or arguments[0] not in WINDOWS:
        sys.exit(__doc__ + "\nwindows: " + ", ".join(WINDOWS))
    zone, address = WINDOWS[arguments[0]]
    pdfs = [pdf for path in map(Path, arguments[1:]) for pdf in (sorted(path.glob("*.pdf")) if path.is_dir() else [path])]
    bad = 0
    for number, pdf in enumerate(pdfs):
        shown = [w for w in words(pdf) if w[2] > zone[0] and w[0] < zone[2] and w[3] > zone[1] and w[1] < zone[3]]
        outside = [w for w in shown if not (w[0] >= address[0] - 0.5 and w[2] <= address[2] + 0.5 and w[1] >= address[1] - 0.5 and w[3] <= address[3] + 0.5)]
        if "--show" in sys.argv and number == 0:
            print(" ".join(w[4] for w in shown))
        if outside or not shown:
            bad += 1
            print(f"{pdf.name}: {len(outside)} words stand in the window outside of the address" if shown else f"{pdf.name}: the window shows nothing")
    print(f"{len(pdfs)} PDFs, {bad} with something else than the address in the window {arguments[0]}")
    sys.exit(bool(bad))


main()

#!/usr/bin/env python3
"""What `strandline hunt` understands of collections of logs: collections.py STRANDLINE FOLDER..."""

import json
import subprocess
import sys


def figures(program: str, folder: str) -> tuple[int, ...]:
    """Files read and not read; records read, understood, refused."""
    told = subprocess.run([program, "hunt", folder, "--json", "--level", "critical"], capture_output=True, text=True, check=False)
    report = json.loads(told.stdout)
    files = report["files"]
    total = [sum(file[name] for file in files) for name in ("records", "understood", "refused")]
    return (len(files), len(report["not_scanned"]), *total)


def main() -> None:
    program, *folders = sys.argv[1:]
    print("| collection | files read, not read | records | understood | refused |")
    print("|---|---|---|---|---|")
    for folder in folders:
        read, left, records, understood, refused = figures(program, folder)
        share = 100 * understood / max(1, records + refused)
        print(f"| {folder.rstrip('/').split('/')[-1]} | {read}, {left} | {records:,} | {understood:,} ({share:.0f} %) | {refused:,} |")


main()

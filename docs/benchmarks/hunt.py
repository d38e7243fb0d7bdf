#!/usr/bin/env python3
"""Times `strandline hunt` beside other programs on the same event logs: CPU seconds, peak memory, microseconds an event.

    hunt.py --evtx FOLDER --rules FOLDER [FOLDER …] [--copies 1 6 30] [--rounds 3] [--strandline PATH] [--other 'NAME=COMMAND']

Each log is copied as often as `--copies` says, into a temporary folder that is removed afterwards. A command is any program
with its arguments, in which {logs} stands for that folder, {rules} for the first rule folder and {out} for a file to write:

    --other 'evtx_dump=for-each evtx_dump -t 1 -o jsonl {log}'    runs once for each log
    --other 'rsigma=rsigma eval -r {rules} …'

What costs CPU before the first record (loading rules) is measured on an empty log, and is taken off for the figure by event.
Rounds are interleaved, so that a busy machine is busy for all; the median of each figure is printed.
"""

import argparse
import os
import pathlib
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile


def run(command, into):
    """CPU seconds, and peak resident memory in megabytes, of one command."""
    with open(into, "wb") as out:
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        sys.exit(f"{command[0]} ended with {status}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def copies(logs, times, into):
    for log in sorted(logs.rglob("*.evtx")):
        for number in range(times):
            shutil.copyfile(log, into / f"{log.stem}-{number:02}.evtx")


def expand(words, logs, rules, out):
    """The commands of one program, with places filled in."""
    fill = lambda word, log: word.replace("{logs}", str(logs)).replace("{rules}", str(rules)).replace("{out}", str(out)).replace("{log}", str(log))
    if words[0] == "for-each":
        return [[fill(word, log) for word in words[1:]] for log in sorted(logs.glob("*.evtx"))]
    return [[fill(word, "") for word in words]]


def measure(words, logs, rules, out):
    figures = [run(command, out) for command in expand(words, logs, rules, out)]
    return sum(cpu for cpu, _ in figures), max((peak for _, peak in figures), default=0.0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--evtx", type=pathlib.Path, required=True)
    parser.add_argument("--rules", nargs="+", required=True)
    parser.add_argument("--copies", nargs="+", type=int, default=[1, 6])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--strandline", default="strandline")
    parser.add_argument("--events", type=int, required=True, help="records in one copy")
    parser.add_argument("--other", action="append", default=[])
    chosen = parser.parse_args()
    ours = [chosen.strandline, "hunt", "{logs}", "--rules", *chosen.rules, "--output", "jsonl", "--into", "{out}.hits"]
    programs = [(f"strandline, {n} thread(s)", [*ours, "--threads", str(n)]) for n in (1, 2)]
    programs += [(name, shlex.split(command)) for name, command in (other.split("=", 1) for other in chosen.other)]
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        empty = work / "empty"
        empty.mkdir()
        (empty / "empty.evtx").write_bytes(b"ElfFile\0" + bytes(4088))
        print(f"{'program':<28} {'copies':>6} {'events':>9} {'CPU s':>8} {'start s':>8} {'µs/event':>9} {'peak MB':>8}")
        for times in chosen.copies:
            logs = work / "logs"
            logs.mkdir()
            copies(chosen.evtx, times, logs)
            figures = {name: [] for name, _ in programs}
            starts = {name: [] for name, _ in programs}
            for _ in range(chosen.rounds):
                for name, words in programs:
                    try:
                        starts[name].append(measure(words, empty, chosen.rules[0], work / "out")[0])
                    except SystemExit:
                        pass  # a program that wants no empty log: its start stays in
                    figures[name].append(measure(words, logs, chosen.rules[0], work / "out"))
            for name, _ in programs:
                cpu = statistics.median(cpu for cpu, _ in figures[name])
                peak = statistics.median(peak for _, peak in figures[name])
                start = statistics.median(starts[name]) if starts[name] else 0.0
                events = chosen.events * times
                print(f"{name:<28} {times:>6} {events:>9} {cpu:>8.2f} {start:>8.2f} {(cpu - start) * 1e6 / events:>9.2f} {peak:>8.0f}")
            shutil.rmtree(logs)


if __name__ == "__main__":
    main()

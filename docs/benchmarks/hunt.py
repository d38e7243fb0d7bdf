#!/usr/bin/env python3
"""Times `strandline hunt` beside other programs on the same event logs: CPU seconds, peak memory, microseconds an event.

    hunt.py --evtx FOLDER --rules FOLDER --events N [--copies 1 6 30] [--rounds 3] [--strandline PATH] [--other 'NAME=COMMAND']

`--events` is the number of records in FOLDER. Each log is copied as often as `--copies` says, into a temporary folder that is
removed afterwards. Another program is a command in which {log} stands for a log, {flat} for all records as flat JSON lines with
Sigma's names, {rules} for the first rule folder; one with {log} runs once for each log:

    --other 'evtx_dump=evtx_dump -t 1 -o jsonl {log}'
    --other 'rsigma on JSON=rsigma engine eval -q -r {rules} -p sysmon -e @{flat}'

{flat} is made with `evtx_dump` (named by --evtx-dump), outside the measured time. What costs CPU before the first record (start,
rules) is measured on an empty log and taken off for the figure by event. Rounds are interleaved, so that a busy machine is busy
for all; the median of each figure is printed.
"""

import argparse
import json
import os
import pathlib
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile


FAILED = set()


def run(command, out):
    """CPU seconds, and peak resident memory in megabytes, of one command."""
    with open(out, "wb") as to:
        child = subprocess.Popen(command, stdout=to, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
    if status != 0 and command[0] not in FAILED:
        # Some programs end so after a damaged record, with everything else done.
        FAILED.add(command[0])
        print(f"{command[0]} ended with status {os.waitstatus_to_exitcode(status)} at least once", file=sys.stderr)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def copy(logs, times, into):
    for log in sorted(logs.rglob("*.evtx")):
        for number in range(times):
            shutil.copyfile(log, into / f"{log.stem}-{number:02}.evtx")


def flat_fields(event):
    """A record as one level of names: header, then data."""
    flat = {}
    for name, value in (event.get("System") or {}).items():
        if isinstance(value, dict):
            flat.update({f"{name}_{inner}": one for inner, one in (value.get("#attributes") or {}).items()})
            value = value.get("#text")
        if value is not None:
            flat[name] = value
    parts = [event.get("EventData")] + list((event.get("UserData") or {}).values())
    for part in parts:
        if isinstance(part, dict):
            flat.update({name.replace(" ", ""): value for name, value in part.items() if name != "#attributes"})
    return flat


def flatten(dump, logs, into):
    with open(into, "w", encoding="utf-8") as out:
        for log in sorted(logs.glob("*.evtx")):
            dumped = subprocess.run([dump, "-t", "1", "-o", "jsonl", str(log)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
            for line in dumped.stdout.splitlines():
                out.write(json.dumps(flat_fields(json.loads(line).get("Event") or {})) + "\n")


def measure(words, logs, flat, rules, out):
    """Figures of one program on the logs of a folder."""
    per_log = any("{log}" in word for word in words)
    commands = []
    for log in sorted(logs.glob("*.evtx")) if per_log else [""]:
        fill = {"{logs}": logs, "{log}": log, "{flat}": flat, "{rules}": rules, "{out}": out}
        commands.append([replace(word, fill) for word in words])
    figures = [run(command, out) for command in commands]
    return sum(cpu for cpu, _ in figures), max(peak for _, peak in figures), len(commands)


def replace(word, fill):
    for mark, value in fill.items():
        word = word.replace(mark, str(value))
    return word


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--evtx", type=pathlib.Path, required=True)
    parser.add_argument("--rules", nargs="+", required=True)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--copies", nargs="+", type=int, default=[1, 6])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--strandline", default="strandline")
    parser.add_argument("--evtx-dump", default="evtx_dump")
    parser.add_argument("--other", action="append", default=[])
    chosen = parser.parse_args()
    ours = [chosen.strandline, "hunt", "{logs}", "--rules", *chosen.rules, "--output", "jsonl", "--into", "{out}.hits"]
    programs = [(f"strandline, {n} thread{'s' * (n > 1)}", [*ours, "--threads", str(n)]) for n in (1, 2)]
    programs += [(name, shlex.split(command)) for name, command in (other.split("=", 1) for other in chosen.other)]
    needs_flat = any("{flat}" in word for _, words in programs for word in words)
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        logs, empty, flat, no_flat, out = (work / name for name in ("logs", "empty", "flat.jsonl", "none.jsonl", "out"))
        empty.mkdir()
        (empty / "empty.evtx").write_bytes(b"ElfFile\0" + bytes(4088))
        no_flat.write_text("")
        print(f"{'program':<24} {'copies':>6} {'events':>9} {'CPU s':>8} {'start s':>8} {'µs/event':>9} {'peak MB':>8}")
        for times in chosen.copies:
            logs.mkdir()
            copy(chosen.evtx, times, logs)
            if needs_flat:
                flatten(chosen.evtx_dump, logs, flat)
            figures = {name: [] for name, _ in programs}
            for _ in range(chosen.rounds):
                for name, words in programs:
                    cpu, peak, runs = measure(words, logs, flat, chosen.rules[0], out)
                    start = measure(words, empty, no_flat, chosen.rules[0], out)[0] * runs
                    figures[name].append((cpu, start, peak))
            for name, _ in programs:
                cpu, start, peak = (statistics.median(column) for column in zip(*figures[name]))
                events = chosen.events * times
                print(f"{name:<24} {times:>6} {events:>9} {cpu:>8.2f} {start:>8.2f} {(cpu - start) * 1e6 / events:>9.2f} {peak:>8.0f}", flush=True)
            shutil.rmtree(logs)


if __name__ == "__main__":
    main()

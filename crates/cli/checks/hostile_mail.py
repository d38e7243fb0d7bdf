"""Sends a case's letters, with the program itself, through a mail server that does everything a server can do wrong, kills the
program again and again, and asks who got what.

    python3 hostile_mail.py STRANDLINE CASE [KILLS]

The letters of CASE are drafted, clean, and not sent. By a letter's return path alone the server decides, the same in every run: to
take the letter; to put it off (4xx) once, at the recipient or after the letter; to refuse it (5xx); to hang up once, before or in the
letter; to refuse it for the sender; to stall once for a while; to hang up after the letter without an answer; to take it and report later that it did not arrive.
What must come out: each letter once where it was taken, none where it was refused, an uncertain one only where the answer was lost,
and every report on its person. Prints numbers and no values.
"""
import asyncio
import collections
import hashlib
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

program, case = sys.argv[1], sys.argv[2]
kills = int(sys.argv[3]) if len(sys.argv) > 3 else 3
work = pathlib.Path(tempfile.mkdtemp())
reports = work / "reports"
reports.mkdir()

# Of a thousand people: so many, what.
SHARES = [(80, "later"), (30, "later-after"), (30, "never"), (20, "never-after"), (20, "ours"), (20, "hang-up"), (20, "hang-up-inside"), (3, "stall"), (5, "lost-answer"), (20, "report")]
STALL_SECONDS = 20
# How a letter must end, and how often it must have been taken, where that is not: accepted, and once.
EXPECTED = {
    "never": [("refused", 0)],
    "never-after": [("refused", 0)],
    # The fault is the sender's: queued again by the run that ends, refused by one that was killed.
    "ours": [("queued", 0), ("refused", 0)],
    "report": [("bounced", 1)],
    "lost-answer": [("uncertain", 1)],
    # A short letter may have left whole before the program learns that nobody reads it.
    "hang-up-inside": [("accepted", 1), ("uncertain", 0)],
}
# The program's default.
CONNECTIONS = 8


def fate(letter):
    draw = int.from_bytes(hashlib.sha256(letter.encode()).digest()[:4], "big") % 1000
    for share, what in SHARES:
        if draw < share:
            return what
        draw -= share
    return "take"


class Sink:
    def __init__(self):
        self.taken = collections.Counter()
        self.met = set()
        self.bytes = 0

    def first(self, letter):
        new = letter not in self.met
        self.met.add(letter)
        return new

    def report(self, address, return_path):
        text = (
            f"From: MAILER-DAEMON@sink.example\r\nTo: <{return_path}>\r\nDelivered-To: {return_path}\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
            "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nNo such mailbox.\r\n--b\r\n"
            "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; sink.example\r\n\r\n"
            f"Final-Recipient: rfc822; {address}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
        )
        (reports / f"{len(list(reports.iterdir()))}.eml").write_text(text)

    async def talk(self, reader, writer):
        try:
            await self.conversation(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def conversation(self, reader, writer):
        def say(text):
            writer.write(text.encode() + b"\r\n")

        say("220 sink.example")
        sender = recipient = None
        while line := await reader.readline():
            word = line.decode("latin-1").strip()
            command = word[:4].upper()
            if command == "EHLO":
                say("250-sink.example\r\n250 8BITMIME")
            elif command == "MAIL":
                sender = word.split("<", 1)[1].split(">")[0]
                say("250 ok")
            elif command == "RCPT":
                recipient = word.split("<", 1)[1].split(">")[0]
                what, first = fate(sender), None
                if what in ("later", "hang-up", "stall"):
                    first = self.first(sender)
                if what == "later" and first:
                    say("451 4.2.1 later")
                elif what == "never":
                    say("550 5.1.1 nobody")
                elif what == "hang-up" and first:
                    return
                else:
                    if what == "stall" and first:
                        await asyncio.sleep(STALL_SECONDS)
                    say("250 ok")
            elif command == "DATA":
                say("354 go on")
                await writer.drain()
                if not await self.letter(reader, say, sender, recipient):
                    return
            elif command == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")
            await writer.drain()

    async def letter(self, reader, say, sender, recipient):
        what, lines = fate(sender), 0
        while (line := await reader.readline()) != b".\r\n":
            lines += 1
            self.bytes += len(line)
            if not line or (what == "hang-up-inside" and lines == 5 and self.first(sender)):
                return False
        if what == "later-after" and self.first(sender):
            say("452 4.3.1 later")
        elif what == "never-after":
            say("554 5.2.1 closed")
        elif what == "ours":
            say("554 5.7.1 no")
        else:
            self.taken[sender] += 1
            if what == "lost-answer":
                return False
            if what == "report":
                self.report(recipient, sender)
            say("250 2.0.0 taken")
        return True


def run(*arguments, ends=(0,)):
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    if done.returncode not in ends:
        print(done.stderr[-2000:])
        raise SystemExit(f"{arguments[:3]} ended with {done.returncode}")
    return done.stdout


async def main():
    sink = Sink()
    server = await asyncio.start_server(sink.talk, "127.0.0.1", 0, limit=1 << 20)
    port = server.sockets[0].getsockname()[1]
    call = [program, "notify", case, "send", "--by", "email", "--server", f"127.0.0.1:{port}", "--security", "plain"]
    call += ["--from", "notice@sender.example", "--return-path", "bounces@sender.example"]
    for by in ("A. Chan", "B. Lee"):
        await asyncio.to_thread(run, "notify", case, "approve", "--responder", by)
    waiting = json.loads(await asyncio.to_thread(run, "--json", "notify", case, "status"))["counts"]
    began = time.monotonic()
    for number in range(kills + 1):
        process = await asyncio.create_subprocess_exec(*call, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE)
        if number < kills:
            aim = sum(sink.taken.values()) + max(1, sum(waiting.values()) // (kills + 2))
            while sum(sink.taken.values()) < aim and process.returncode is None:
                await asyncio.sleep(0.005)
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
        said = (await process.communicate())[1].decode()
        print(f"run {number + 1} ended with {process.returncode}: {sum(sink.taken.values())} letters taken so far")
    if process.returncode not in (0, 3):
        print(said[-1500:])
    print(f"{time.monotonic() - began:.0f} s, {sink.bytes} bytes of letters")
    server.close()
    await asyncio.to_thread(run, "notify", case, "record", "--bounces", str(reports), "--return-path", "bounces@sender.example")
    judge(sink, json.loads(await asyncio.to_thread(run, "--json", "notify", case, "status")))


def judge(sink, status):
    problems, seen = collections.Counter(), collections.Counter()
    killed = 0
    for person in status["people"]:
        if person["channel"] != "email":
            continue
        letter, state = f"bounces+{person['reference']}@sender.example", person["state"]
        what, taken = fate(letter), sink.taken[letter]
        seen[what, state, taken] += 1
        if taken > 1:
            problems["a person got two letters"] += 1
        if (state, taken) in EXPECTED.get(what, [("accepted", 1)]):
            continue
        # A kill between the end of a letter and its answer leaves it uncertain, taken or not; nothing else may differ.
        if state == "uncertain" and taken <= 1:
            killed += 1
        else:
            problems[f"{what}: {state}, taken {taken} times"] += 1
    for (what, state, taken), people in sorted(seen.items()):
        print(f"{people:>8}  {what}: {state}, taken {taken} times")
    print(f"{killed} uncertain after {kills} kills; {sum(problems.values())} problems")
    if killed > kills * CONNECTIONS:
        problems["more are uncertain than connections were open"] += 1
    for problem, people in problems.items():
        print(f"{people:>8}  {problem}")
    raise SystemExit(1 if problems or not seen else 0)


asyncio.run(main())

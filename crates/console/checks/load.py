#!/usr/bin/env python3
"""How fast the console is, and how much memory it takes: every page one after the other, and then the home page for many people at once.

    crates/console/checks/load.py CASE [--users 50] [--seconds 30] [--program target/release/strandline]

CASE: a case folder. One of 6,800 people and a million events: `strandline drill --days 28 --into FOLDER`, then FOLDER/case.
Measured by the clock of whoever asks, on this machine, from the connection to the last byte; each visit has a connection of its own.
Ends with 1 if the home page takes longer than 100 ms at the 95th percentile, any page longer than a second, memory is over 300 MB (other
figures by --home-ms, --page-ms, --memory-mb), or any answer is not a page. Needs Python 3.8 alone.
"""

import argparse
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from urllib.parse import urlparse

PAGES = ["/", "/evidence", "/path", "/timeline", "/people", "/people?tier=confirmed", "/contain", "/clocks", "/clocks/form/gdpr-33",
         "/letters", "/desk", "/desk?all", "/drill", "/ledger", "/access", "/work"]
HOME_P95_MS, PAGE_MS, MEMORY_MB = 100, 1000, 300


class Visitor:
    """Somebody who is in: the cookie that the one-time link gave."""

    def __init__(self, link):
        self.at = urlparse(link).netloc
        reply = self._ask("POST", urlparse(link).path)
        self.cookie = (reply[1].get("Set-Cookie") or "").split(";")[0]
        if reply[0] != 303 or not self.cookie:
            sys.exit(f"the link let nobody in: {reply[0]}")

    def _ask(self, method, path):
        connection = http.client.HTTPConnection(self.at, timeout=60)
        headers = {"User-Agent": "load.py", "Accept-Language": "en"}
        if method == "POST":
            headers.update({"Origin": f"http://{self.at}", "Content-Type": "application/x-www-form-urlencoded"})
        else:
            headers["Cookie"] = self.cookie
        try:
            connection.request(method, path, headers=headers)
            reply = connection.getresponse()
            return reply.status, reply.headers, reply.read()
        finally:
            connection.close()

    def get(self, path):
        """Milliseconds, and the page."""
        began = time.perf_counter()
        status, _, body = self._ask("GET", path)
        took = (time.perf_counter() - began) * 1000
        if status != 200:
            raise RuntimeError(f"{path.split('?')[0]} answered {status}")
        return took, body.decode()


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def most_memory_mb(process):
    with open(f"/proc/{process}/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read()).group(1)) / 1000


def first(visitor, page, link):
    found = re.search(f'href="({link}[^"#]*)"', visitor.get(page)[1])
    return [found.group(1).replace("&amp;", "&")] if found else []


def every_page(visitor, times):
    """The slowest of some visits of each page, with one of each kind of page that is about something."""
    pages = list(PAGES)
    people = first(visitor, "/people?tier=confirmed", "/people/[0-9a-f]{16}")
    pages += people + [person.replace("/people/", "/letters/") for person in people]
    pages += first(visitor, "/path", "/path/L") + first(visitor, "/path", "/path/D")
    pages += first(visitor, "/path", "/lines/step/") + first(visitor, "/contain", "/contain/")
    slow = {}
    for page in pages:
        try:
            slow[page] = [visitor.get(page)[0] for _ in range(times)]
        except RuntimeError as error:
            if page != "/drill":
                raise
            print(f"  {error}: the case is no drill's")
    return slow


def at_once(visitor, users, seconds):
    """Each of so many people asks for the home page once a second."""
    took, failed, lock = [], [], threading.Lock()
    until = time.perf_counter() + seconds

    def somebody(number):
        due = time.perf_counter() + number / users
        while due < until:
            time.sleep(max(0, due - time.perf_counter()))
            due += 1
            try:
                ms = visitor.get("/")[0]
            except Exception as error:  # whatever went wrong, it is no page
                with lock:
                    failed.append(str(error))
            else:
                with lock:
                    took.append(ms)

    threads = [threading.Thread(target=somebody, args=(number,)) for number in range(users)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took, failed


def opened(server):
    """The line of JSON in which the console says its link."""
    text = ""
    for line in server.stdout:
        text += line
        try:
            return json.loads(text)
        except ValueError:
            continue
    sys.exit("the console did not open")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case")
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--program", default="target/release/strandline")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--home-ms", type=int, default=HOME_P95_MS, help="most of the home page at the 95th percentile")
    parser.add_argument("--page-ms", type=int, default=PAGE_MS, help="most of any page")
    parser.add_argument("--memory-mb", type=int, default=MEMORY_MB, help="most memory")
    told = parser.parse_args()
    command = [told.program, "--json", "--responder", "load", "serve", told.case, "--listen", f"127.0.0.1:{told.port}"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    problems = []
    try:
        visitor = Visitor(opened(server)["link"])
        print(f"load of the machine {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
        cold = visitor.get("/")[0]
        print(f"the first page reads the case: {cold:.0f} ms")
        pages = every_page(visitor, 5)
        for page, ms in sorted(pages.items(), key=lambda item: -max(item[1])):
            shown = re.sub(r"[0-9a-f]{16}", "…", page)
            print(f"  {shown:<28} first {ms[0]:7.1f} ms   median {statistics.median(ms):7.1f} ms   most {max(ms):7.1f} ms")
        slowest = max(max(ms) for ms in pages.values())
        if max(slowest, cold) > told.page_ms:
            problems.append(f"a page takes {max(slowest, cold):.0f} ms")
        took, failed = at_once(visitor, told.users, told.seconds)
        p95 = percentile(took, 0.95) if took else float("inf")
        print(f"{told.users} people, each the home page once a second for {told.seconds} s: {len(took)} pages, {len(failed)} failures; "
              f"median {statistics.median(took):.1f} ms, 95 % {p95:.1f} ms, most {max(took):.1f} ms")
        if failed:
            problems.append(f"{len(failed)} visits came to nothing: {failed[0]}")
        if p95 > told.home_ms:
            problems.append(f"the home page takes {p95:.0f} ms at the 95th percentile")
        memory = most_memory_mb(server.pid)
        print(f"most memory: {memory:.0f} MB; load of the machine {os.getloadavg()[0]:.1f}")
        if memory > told.memory_mb:
            problems.append(f"memory: {memory:.0f} MB")
    finally:
        server.terminate()
        server.wait()
    for problem in problems:
        print(f"TOO MUCH: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

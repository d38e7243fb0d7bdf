"""Runs a world's script on a real server and keeps, for every step, what went over the wire and where the log tells of it."""

from __future__ import annotations

import datetime
import random
import re
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import servers
from judge import Truth, is_derived, truth_of
from shapes import Step
from wire_postgres import Gone, Received
from world import Owner, World, creation, estate, quote, register

PAUSE_SECONDS = 0.0022
"""Between steps, so that stamps of milliseconds tell them apart."""
GROWTH_SECONDS = 0.02
QUIET_POLLS = 4
"""So many looks in a row that find no more of it: then a record is whole."""
ACTOR, VISITOR = "203.0.113.9", "198.51.100.20"
WEB_SHARE = 0.12
BUSY_DUMP_SHARE = 0.2
"""So many worlds are read through a web application."""
WEB_LOG = '$msec $remote_addr "$request" $status $body_bytes_sent $request_id'
WEB_ESTATE = f"""
[[system]]
id = "web"
name = "Web application"
addresses = ["127.0.0.1"]
roles = ["app"]

[[source]]
id = "access"
system = "web"
path = ["web/access.log"]
format = "nginx"
log_format = '{WEB_LOG}'
"""


@dataclass
class Plan:
    """Everything that decides a run besides world and script."""

    setting: servers.Setting
    dump_at: float
    """0: before the first step; 1: after the last."""
    dump_options: list[str]
    busy_dump: bool = False
    """Statements run in the very second of the dump, too."""
    web: bool = False
    """The actor comes through a web application, which writes the request's id into each statement's comment."""

    @property
    def pin(self) -> str:
        return f"address={ACTOR}" if self.web else "account=app"


@dataclass
class Done:
    """A step, done: when, where in the logs, and what it sent."""

    step: Step
    began: float
    ended: float
    offsets: dict[str, int]
    pid: int
    truth: Truth = field(default_factory=Truth)
    rows: int = 0
    failed: bool = False
    error: str = ""
    sent: bytes = b""
    judged: bool = True
    """Not where another visitor of the application asked."""


POSTGRES_DUMPS = [[], [], [], ["--inserts"], ["--column-inserts"], ["--no-owner", "--no-privileges"], ["-C"], ["--quote-all-identifiers"],
                  ["--rows-per-insert=7"], ["--encoding=UTF8", "--disable-triggers"]]
MYSQL_DUMPS = [[], [], ["--skip-extended-insert"], ["--complete-insert"], ["--hex-blob"], ["--skip-opt"], ["--routines", "--triggers"], ["--order-by-primary"]]


def random_plan(server: servers.Server, rng: random.Random) -> Plan:
    at = rng.choice([0.0, 0.0, 1.0, 1.0, rng.random(), rng.random()])
    options = rng.choice(POSTGRES_DUMPS if server.dialect == "postgresql" else MYSQL_DUMPS)
    if server.dialect == "mysql":
        options = ["--single-transaction", *options]
    else:
        options = ["--lock-wait-timeout=300", *options]
    setting, is_web = servers.pick_setting(server, rng), rng.random() < WEB_SHARE
    return Plan(setting, at, options, rng.random() < BUSY_DUMP_SHARE, is_web)


class WorldNotMade(Exception):
    """The server refused a statement that makes the world: a fault of the machine, not of Strandline."""


def make_world(server: servers.Server, world: World) -> None:
    if server.dialect == "postgresql":
        for role in ("app", "clerk"):
            server.keep(f"CREATE ROLE {role} LOGIN")
            server.keep(f"ALTER ROLE {role} SET lock_timeout = '200ms'")
            server.keep(f"ALTER ROLE {role} SET statement_timeout = '4s'")
        server.keep("GRANT app TO clerk")
        server.keep(f'DROP DATABASE IF EXISTS "{world.name}" WITH (FORCE)')
        must(server.keep(f'CREATE DATABASE "{world.name}" OWNER app'), "CREATE DATABASE")
        for variable, value in world.database_settings.items():
            must(server.keep(f'ALTER DATABASE "{world.name}" SET {variable} = {value}'), variable)
        if world.search_path != ["public"]:
            server.keep(f'ALTER DATABASE "{world.name}" SET search_path = ' + ", ".join(f'"{schema}"' for schema in world.search_path))
        keeper = server.connect("keeper", world.name)
        keeper.query("CREATE EXTENSION IF NOT EXISTS citext; CREATE EXTENSION IF NOT EXISTS pgaudit" if server.audit else "SELECT 1")
        keeper.query("SET ROLE app")
    else:
        server.keep(f"DROP DATABASE IF EXISTS `{world.name}`")
        must(server.keep(f"CREATE DATABASE `{world.name}`"), "CREATE DATABASE")
        for role in ("app", "clerk"):
            server.keep(f"CREATE USER IF NOT EXISTS {role}@localhost")
            server.keep(f"GRANT ALL ON `{world.name}`.* TO {role}@localhost")
        keeper = server.keeper
        keeper.use(world.name)
    for statement in creation(world):
        must(keeper.query(statement), statement)
    if server.dialect == "postgresql":
        keeper.close()


def must(received: Received, statement: str) -> None:
    if received.failed:
        raise WorldNotMade(f"{received.errors[0].decode(errors='replace')} in: {statement[:300]}")


def next_second() -> None:
    """Waits for the clock's next second."""
    time.sleep(1.02 - time.time() % 1)


def drop_world(server: servers.Server, world: World) -> None:
    if server.dialect == "postgresql":
        server.keep(f'DROP DATABASE IF EXISTS "{world.name}" WITH (FORCE)')
    else:
        server.keep(f"DROP DATABASE IF EXISTS `{world.name}`")


class Runner:
    """The sessions of one run."""

    def __init__(self, server: servers.Server, world: World, plan: Plan, folder: Path):
        self.server, self.world, self.plan, self.folder = server, world, plan, folder
        self.sessions: dict[tuple[str, int], object] = {}
        self.snapshot_time = ""
        self.requests: list[str] = []
        self.former: dict[str, list[Owner]] = {}

    def run(self, steps: list[Step]) -> list[Done]:
        """Makes the world, does every step, takes the dump at its moment, and writes the input of a case."""
        self.server.configure(self.plan.setting)
        make_world(self.server, self.world)
        if self.server.dialect == "mysql":
            # The general log stamps the first record of a second only.
            next_second()
        start = servers.settled(self.server, self.plan.setting)
        dump_at = round(self.plan.dump_at * len(steps))
        done: list[Done] = []
        for index, step in enumerate(steps):
            if index >= dump_at and not self.snapshot_time:
                self.dump()
            done.append(self.do(step, start))
            following = steps[index + 1] if index + 1 < len(steps) else None
            if step.fresh and (following is None or following.shape != step.shape or following.session != step.session):
                self.hang_up((step.who, step.session + 100))
        for key in list(self.sessions):
            self.hang_up(key)
        time.sleep(0.005)
        for _ in range(20):
            if self.snapshot_time:
                break
            self.dump()
        servers.settled(self.server, self.plan.setting)
        servers.cut(self.server, start, self.folder / "evidence" / "db")
        (self.folder / "register").mkdir(exist_ok=True)
        (self.folder / "register" / "people.csv").write_text(register(self.world), encoding="utf-8")
        described = estate(self.world, self.plan.setting.files, self.plan.setting.prefix, self.snapshot_time)
        if self.plan.web:
            described += WEB_ESTATE
            (self.folder / "evidence" / "web").mkdir()
            (self.folder / "evidence" / "web" / "access.log").write_text("".join(self.requests), encoding="utf-8")
        (self.folder / "estate.toml").write_text(described, encoding="utf-8")
        return done

    def dump(self) -> None:
        apart = self.server.dialect == "mysql" and not self.plan.busy_dump
        if apart:
            next_second()
        moment = datetime.datetime.now(datetime.timezone.utc).isoformat().replace("+00:00", "Z")
        (self.folder / "snapshot").mkdir(exist_ok=True)
        try:
            self.server.dump(self.world.name, self.plan.dump_options, self.folder / "snapshot" / "dump.sql")
        except servers.NoServer:
            # Somebody holds a lock; the next step's moment will do.
            return
        self.snapshot_time = moment
        if apart:
            next_second()
        else:
            time.sleep(0.002)

    def changes_holders(self, sql: str) -> bool:
        """Whether a statement writes to a table that says whose the rows of another are."""
        if not re.match(r"\s*(insert|update|delete|replace|merge|truncate|copy|with)\b", sql, re.IGNORECASE):
            return False
        through = {table.via["table"].rsplit(".", 1)[-1] for table in self.world.tables if table.via}
        return any(re.search(rf"\b{re.escape(name)}\b", sql, re.IGNORECASE) for name in through)

    def find_owners(self) -> None:
        """Asks the server whose each value is now: a step moved some."""
        held: dict[str, list[Owner]] = {}
        for table in self.world.tables:
            described = [column for column in table.columns if column.category]
            if table.role == "K" or not described:
                continue
            q = lambda name: quote(name, self.world.dialect)  # noqa: E731
            source, person = f"{q(table.schema)}.{q(table.name)} t", f"t.{q(table.subject)}"
            if table.via:
                above = next(other for other in self.world.tables if f"{other.schema}.{other.name}" == table.via["table"])
                source += f" LEFT JOIN {q(above.schema)}.{q(above.name)} u ON u.{q(table.via['to_column'])} = t.{q(table.via['column'])}"
                person = f"u.{q(above.subject)}"
            for column in described:
                text = f"t.{q(column.name)}::text" if self.world.dialect == "postgresql" else f"CAST(t.{q(column.name)} AS char)"
                answer = self.server.keep(f"SELECT coalesce(concat({person}, ''), ''), coalesce({text}, '') FROM {source}", self.world.name)
                for key, value in zip(answer.cells[::2], answer.cells[1::2]):
                    for token in self.world.owners:
                        if token.encode() in value:
                            owner = (key.decode(), column.category)
                            held.setdefault(token, [])
                            if key and owner not in held[token]:
                                held[token].append(owner)
        for token, owners in held.items():
            if owners != self.world.owners[token]:
                self.former.setdefault(token, []).extend(self.world.owners[token])
                self.world.owners[token] = owners

    def hang_up(self, key: tuple[str, int]) -> None:
        session = self.sessions.pop(key, None)
        if session:
            session.close()  # type: ignore[attr-defined]

    def do(self, step: Step, start: dict[str, int]) -> Done:
        key = (step.who, step.session + (100 if step.fresh else 0))
        sizes = offsets = {file: self.server.size(file) - size for file, size in start.items()}
        began = time.time()
        received, pid = Received(), 0
        step = self.filled(step)
        request = f"r{len(self.requests):05}a{self.world.seed}" if self.plan.web and step.who == "app" else ""
        # In front: behind, a comment of the statement's own could swallow it.
        sql = f"/* request_id='{request}' */ {step.sql}" if request else step.sql
        try:
            if key not in self.sessions:
                self.sessions[key] = self.server.connect(step.who, self.world.name, "tool" if step.who == "app" else "desk")
                # The record of the connection is no record of the statement.
                sizes = self.let_the_log_follow(sizes, start)
            session = self.sessions[key]
            pid = session.pid  # type: ignore[attr-defined]
            if step.drop:
                self.hang_up(key)
            elif step.parameters is None:
                received = session.query(sql, step.copy_in.encode())  # type: ignore[attr-defined]
            else:
                received = session.execute(sql, step.parameters, "", step.fetch)  # type: ignore[attr-defined]
        except (Gone, OSError) as error:
            received.failed = True
            received.errors.append(str(error).encode())
            self.hang_up(key)
        ended = time.time()
        self.let_the_log_follow(sizes, start)
        visitor = bool(request) and step.instance % 4 == 0
        if request:
            self.answer(request, VISITOR if visitor else ACTOR, ended, received)
        done = Done(step, began, ended, offsets, pid, rows=received.rows, failed=received.failed, sent=received.bytes())
        if (step.moves or self.changes_holders(step.sql)) and not received.failed:
            self.find_owners()
        done.judged = step.who == "app" and not visitor
        if request and (visitor or received.failed):
            # Another's request, or an error page: nothing of it went to the actor.
            done.truth.all_may = True
        elif step.who == "app":
            own_words = step.sql + " " + " ".join(value or "" for value in step.parameters or ())
            done.truth = truth_of(b"\x00".join([*received.cells, received.copied]), b"\x00".join(received.errors), own_words, self.world.owners, self.former,
                                  set(self.world.joint), step.derived or is_derived(step.sql))
        if received.failed and received.errors:
            done.error = received.errors[-1].decode(errors="replace")
        return done

    def filled(self, step: Step) -> Step:
        """The step with what its `{{queries}}` find: a value that a client read before, as a client does."""
        def found(query: re.Match[str]) -> str:
            cells = self.server.keep(query[1], self.world.name).cells
            return (cells[0] if cells else b"").decode()
        return replace(step, sql=re.sub(r"\{\{(.+?)\}\}", found, step.sql)) if "{{" in step.sql else step

    def answer(self, request: str, address: str, moment: float, received: Received) -> None:
        """The application's answer, as its web server logs it: the rows as they came, or an error page."""
        status, size = (500, 21) if received.failed else (200, len(received.bytes()) + 2)
        self.requests.append(f'{moment + 0.001:.3f} {address} "GET /page/{len(self.requests)} HTTP/1.1" {status} {size} {request}\n')

    def let_the_log_follow(self, before: dict[str, int], start: dict[str, int]) -> dict[str, int]:
        """MariaDB writes some records after the answer: waits until each file has grown and grows no more, and gives the sizes then.
        PostgreSQL's records tell by their time."""
        if self.server.dialect == "postgresql":
            time.sleep(PAUSE_SECONDS)
            return before
        deadline = time.monotonic() + GROWTH_SECONDS
        sizes, quiet = before, 0
        while time.monotonic() < deadline and quiet < QUIET_POLLS:
            time.sleep(0.0002)
            now = {file: self.server.size(file) - size for file, size in start.items()}
            grown = all(now[file] > before[file] for file in now)
            quiet = quiet + 1 if grown and now == sizes else 0
            sizes = now
        return sizes

"""Real servers in scratch folders, with their own logs in each of the settings that people have.

A server serves many worlds. Its log files only grow; a world takes the bytes that were written while it ran. The
administrator's own statements, which look at the data for the truth, are kept out of the logs.
"""

from __future__ import annotations

import os
import pwd
import random
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import wire_mysql
import wire_postgres

START_SECONDS = 60
SETTLE_SECONDS = 0.06


class NoServer(Exception):
    """A server cannot be started here; the text says why."""


@dataclass(frozen=True)
class Setting:
    """How a server logs: a name for reports, its variables, and which files are the evidence."""

    name: str
    variables: dict[str, str]
    files: tuple[str, ...]
    prefix: str = ""
    """`log_line_prefix`, where the evidence is the text log."""
    counts: bool = False
    """Whether the evidence tells how many rows each read returned."""


PREFIXES = ["%m [%p] %q%u@%d ", "%m [%p] %u@%d/%a from %r ", "%m [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h "]
NO_AUDIT = {"pgaudit.log": "none", "pgaudit.log_rows": "off", "pgaudit.log_parameter": "off", "pgaudit.log_relation": "off",
            "pgaudit.log_statement_once": "off"}
PLAIN = {"log_statement": "none", "log_duration": "off", "log_min_duration_statement": "-1", "log_error_verbosity": "default",
         "log_connections": "on", "log_disconnections": "on"}
POSTGRES_STATEMENTS = {
    "statement": {"log_statement": "all"},
    "statement+duration": {"log_statement": "all", "log_duration": "on"},
    "min-duration": {"log_min_duration_statement": "0"},
    "statement-terse": {"log_statement": "all", "log_error_verbosity": "terse"},
    "audit-rows": {"pgaudit.log": "all", "pgaudit.log_rows": "on", "pgaudit.log_parameter": "on"},
    "audit-rows-only": {"pgaudit.log": "read,write", "pgaudit.log_rows": "on", "pgaudit.log_parameter": "on"},
    "audit-no-rows": {"pgaudit.log": "all", "pgaudit.log_parameter": "on"},
    "audit-no-parameters": {"pgaudit.log": "all", "pgaudit.log_rows": "on"},
    "audit-relation-once": {"pgaudit.log": "all", "pgaudit.log_rows": "on", "pgaudit.log_parameter": "on", "pgaudit.log_relation": "on",
                            "pgaudit.log_statement_once": "on"},
    "audit+statement": {"log_statement": "all", "pgaudit.log": "all", "pgaudit.log_rows": "on", "pgaudit.log_parameter": "on"},
    "audit-read+mod": {"log_statement": "mod", "pgaudit.log": "read", "pgaudit.log_rows": "on", "pgaudit.log_parameter": "on"},
}
POSTGRES_WEIGHTS = {"statement": 4, "statement+duration": 2, "min-duration": 3, "statement-terse": 1, "audit-rows": 8, "audit-rows-only": 2,
                    "audit-no-rows": 2, "audit-no-parameters": 1, "audit-relation-once": 1, "audit+statement": 3, "audit-read+mod": 1}
DESTINATIONS = {"csvlog": "server.csv", "jsonlog": "server.json", "stderr": "server.log"}


class Postgres:
    """PostgreSQL, on loopback, in a scratch folder."""

    dialect = "postgresql"

    def __init__(self, scratch: Path):
        self.home = scratch / "postgres"
        self.port = free_port()
        self.bin = newest(Path("/usr/lib/postgresql").glob("*/bin/initdb"), "PostgreSQL (Debian: postgresql)").parent
        self.logs = self.home / "log"
        self.audit = any(Path("/usr/lib/postgresql").glob("*/lib/pgaudit.so"))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.home.mkdir(parents=True)
        user = "postgres" if has_user("postgres") else "nobody"
        self.runner = ["runuser", "-u", user, "--"] if os.getuid() == 0 else []
        if os.getuid() == 0:
            shutil.chown(self.home, user)
        run([*self.runner, str(self.bin / "initdb"), "-D", str(self.home / "data"), "-A", "trust", "-U", "keeper", "-E", "UTF8",
             "--locale=C.UTF-8", "--no-sync", "-N"])
        with (self.home / "data" / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.write(self.configuration())
        with (self.home / "server.out").open("wb") as out:
            self.process = subprocess.Popen([*self.runner, str(self.bin / "postgres"), "-D", str(self.home / "data")], stdout=out, stderr=out,
                                            stdin=subprocess.DEVNULL)
        self.keeper = patiently(lambda: wire_postgres.Connection(self.port, "keeper", "postgres"))

    def configuration(self) -> str:
        lines = [f"port = {self.port}", "listen_addresses = '127.0.0.1'", f"unix_socket_directories = '{self.home}'", "fsync = off",
                 "synchronous_commit = off", "full_page_writes = off", "autovacuum = off", "jit = off", "shared_buffers = 64MB",
                 "max_connections = 40", "max_prepared_transactions = 10", "logging_collector = on", f"log_directory = '{self.logs}'", "log_filename = 'server.log'",
                 "log_rotation_age = 0", "log_rotation_size = 0", "log_file_mode = 0644", "log_timezone = 'UTC'", "timezone = 'UTC'",
                 "max_wal_size = 4GB", "lc_messages = 'C'"]
        if self.audit:
            lines += ["shared_preload_libraries = 'pgaudit'", "pgaudit.log_catalog = on"]
        return "\n" + "\n".join(lines) + "\n"

    def settings(self) -> list[tuple[Setting, int]]:
        """Every setting, with how often it is taken."""
        found = []
        for name, variables in POSTGRES_STATEMENTS.items():
            if "audit" in name and not self.audit:
                continue
            counts = variables.get("pgaudit.log_rows") == "on"
            for destination, file in DESTINATIONS.items():
                prefixes = PREFIXES if destination == "stderr" else [""]
                for prefix in prefixes:
                    every = {**PLAIN, **(NO_AUDIT if self.audit else {}), **variables, "log_destination": destination}
                    if prefix:
                        every["log_line_prefix"] = prefix
                    weight = POSTGRES_WEIGHTS[name] * (3 if not prefix else 1)
                    found.append((Setting(f"{name}/{destination}", every, (file,), prefix, counts), weight))
        return found

    def configure(self, setting: Setting) -> None:
        for variable, value in setting.variables.items():
            self.keep(f"ALTER SYSTEM SET {variable} = '{value}'")
        self.keep("SELECT pg_reload_conf()")
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            shown = wire_postgres.Connection(self.port, "keeper", "postgres")
            wrong = [name for name, value in setting.variables.items() if shown.query(f"SHOW {name}").cells != [value.encode()]]
            shown.close()
            if not wrong or wrong == ["log_min_duration_statement"]:
                return
            time.sleep(0.01)

    def keep(self, sql: str, database: str = "") -> wire_postgres.Received:
        """The administrator's statement; it stands in no log."""
        connection = wire_postgres.Connection(self.port, "keeper", database) if database else self.keeper
        received = connection.query(sql)
        if database:
            connection.close()
        return received

    def silence(self) -> None:
        """Keeps the administrator out of the logs."""
        for variable, value in {"log_statement": "none", "log_min_duration_statement": "-1", "log_duration": "off", "log_min_messages": "fatal",
                                "log_min_error_statement": "panic", **({"pgaudit.log": "none"} if self.audit else {})}.items():
            self.keep(f"ALTER ROLE keeper SET {variable} = '{value}'")
        self.keeper = wire_postgres.Connection(self.port, "keeper", "postgres")

    def connect(self, user: str, database: str, application: str = "") -> wire_postgres.Connection:
        return wire_postgres.Connection(self.port, user, database, application)

    def dump(self, database: str, extra: list[str], into: Path) -> None:
        run([str(self.bin / "pg_dump"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "keeper", "-d", database, "-f", str(into), *extra])

    def stop(self) -> None:
        if self.process:
            # A fast shutdown; the signal goes to the server's own process, which runuser may stand before.
            pid = (self.home / "data" / "postmaster.pid").read_text(encoding="ascii").split()[0]
            os.kill(int(pid), 2)
            self.process.wait(timeout=30)

    def size(self, file: str) -> int:
        path = self.logs / file
        return path.stat().st_size if path.exists() else 0

    def path(self, file: str) -> Path:
        return self.logs / file


MARIADB_SETTINGS = [
    (Setting("general", {}, ("general.log",)), 3),
    (Setting("slow", {}, ("slow.log",), counts=True), 2),
    (Setting("general+slow", {}, ("general.log", "slow.log"), counts=True), 8),
    (Setting("audit", {"server_audit_query_log_limit": "1024"}, ("audit.log",)), 2),
    (Setting("audit-long+slow", {"server_audit_query_log_limit": "65536"}, ("audit.log", "slow.log"), counts=True), 3),
    (Setting("general+slow+audit", {"server_audit_query_log_limit": "1024"}, ("general.log", "slow.log", "audit.log"), counts=True), 2),
]


class MariaDb:
    """MariaDB, on loopback, in a scratch folder."""

    dialect = "mysql"

    def __init__(self, scratch: Path):
        self.home = scratch / "mariadb"
        self.port = free_port()
        found = shutil.which("mariadbd") or shutil.which("mysqld")
        if not found:
            raise NoServer("MariaDB (Debian: mariadb-server) is not installed")
        self.program = found
        self.logs = self.home / "log"
        self.audit = Path("/usr/lib/mysql/plugin/server_audit.so").exists()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.logs.mkdir(parents=True)
        user = "mysql" if os.getuid() == 0 and has_user("mysql") else pwd.getpwuid(os.getuid()).pw_name
        if os.getuid() == 0:
            shutil.chown(self.home, user)
            shutil.chown(self.logs, user)
        common = [f"--datadir={self.home / 'data'}", f"--user={user}"]
        run(["mariadb-install-db", "--no-defaults", *common, "--auth-root-authentication-method=normal", "--skip-test-db"])
        options = ["--bind-address=127.0.0.1", f"--port={self.port}", f"--socket={self.home / 'socket'}", f"--pid-file={self.home / 'pid'}",
                   "--general-log=1", f"--general-log-file={self.logs / 'general.log'}", "--slow-query-log=1",
                   f"--slow-query-log-file={self.logs / 'slow.log'}", "--long-query-time=0", "--log-output=FILE", "--log-queries-not-using-indexes=0",
                   "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M", "--performance-schema=0", "--sync-binlog=0",
                   "--innodb-lock-wait-timeout=1", "--lock-wait-timeout=1", "--default-time-zone=+00:00", "--character-set-server=utf8mb4",
                   "--local-infile=1"]
        if self.audit:
            options += ["--plugin-load-add=server_audit", "--server-audit-logging=ON", f"--server-audit-file-path={self.logs / 'audit.log'}",
                        "--server-audit-excl-users=root", "--server-audit-events=CONNECT,QUERY", "--server-audit-file-rotate-size=1000000000"]
        with (self.home / "server.out").open("wb") as out:
            self.process = subprocess.Popen([self.program, "--no-defaults", *common, *options], stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        self.keeper = patiently(self.keeper_connection)

    def keeper_connection(self) -> wire_mysql.Connection:
        connection = wire_mysql.Connection(self.port, "root", "mysql")
        connection.query("SET SESSION sql_log_off = 1")
        connection.query("SET SESSION slow_query_log = 0")
        return connection

    def silence(self) -> None:
        """The administrator's sessions switch their logging off themselves."""

    def settings(self) -> list[tuple[Setting, int]]:
        return [(setting, weight) for setting, weight in MARIADB_SETTINGS if self.audit or "audit" not in setting.name]

    def configure(self, setting: Setting) -> None:
        for variable, value in setting.variables.items():
            self.keep(f"SET GLOBAL {variable} = {value}")

    def keep(self, sql: str, database: str = "") -> wire_postgres.Received:
        if database:
            self.keeper.use(database)
        return self.keeper.query(sql)

    def connect(self, user: str, database: str, application: str = "") -> wire_mysql.Connection:
        return wire_mysql.Connection(self.port, user, database, application)

    def dump(self, database: str, extra: list[str], into: Path) -> None:
        with into.open("wb") as out:
            run(["mariadb-dump", "--no-defaults", "-h", "127.0.0.1", "-P", str(self.port), "-u", "root", *extra, database], out)

    def stop(self) -> None:
        if self.process:
            os.kill(int((self.home / "pid").read_text(encoding="ascii")), 15)
            self.process.wait(timeout=30)

    def size(self, file: str) -> int:
        path = self.logs / file
        return path.stat().st_size if path.exists() else 0

    def path(self, file: str) -> Path:
        return self.logs / file


Server = Postgres | MariaDb


@dataclass
class Scratch:
    """A folder for servers, gone at the end."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="strandline-truth-")))

    def __enter__(self) -> "Scratch":
        self.folder.chmod(0o755)
        self.servers: list[Server] = []
        return self

    def serve(self, which: str) -> Server:
        server: Server = Postgres(self.folder) if which == "postgres" else MariaDb(self.folder)
        self.servers.append(server)
        server.start()
        server.silence()
        return server

    def __exit__(self, *_: object) -> None:
        for server in self.servers:
            try:
                server.stop()
            except (OSError, subprocess.TimeoutExpired, ValueError):
                if server.process:
                    server.process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def pick_setting(server: Server, rng: random.Random) -> Setting:
    settings = server.settings()
    return rng.choices([setting for setting, _ in settings], [weight for _, weight in settings])[0]


def settled(server: Server, setting: Setting) -> dict[str, int]:
    """Sizes of the evidence files, once they grow no more."""
    sizes: dict[str, int] = {}
    while True:
        now = {file: server.size(file) for file in setting.files}
        if now == sizes:
            return now
        sizes = now
        time.sleep(SETTLE_SECONDS)


def cut(server: Server, sizes: dict[str, int], into: Path) -> None:
    """Copies what the logs gained since `sizes`."""
    into.mkdir(parents=True, exist_ok=True)
    for file, start in sizes.items():
        with server.path(file).open("rb") as log:
            log.seek(start)
            (into / file).write_bytes(log.read())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def newest(paths, what: str) -> Path:
    found = sorted(paths, key=lambda path: float(path.parts[4]))
    if not found:
        raise NoServer(f"{what} is not installed")
    return found[-1]


def run(command: list[str], out=subprocess.DEVNULL) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, cwd="/", check=False)
    if done.returncode:
        raise NoServer(f"{command[0]}: {done.stderr.decode(errors='replace').strip()[-400:]}")


def patiently(connect):
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return connect()
        except (OSError, wire_postgres.Gone) as error:
            if time.monotonic() > deadline:
                raise NoServer(f"the server does not answer: {error}") from error
            time.sleep(0.1)

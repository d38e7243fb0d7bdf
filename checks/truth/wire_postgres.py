"""PostgreSQL's protocol, version 3, as little of it as an intruder's client needs.

What it gives is what was received: the bytes of every cell, of COPY and of error messages. It converts nothing.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field

PATIENCE_SECONDS = 20
TEXT, BINARY = 0, 1


class Gone(Exception):
    """The server closed the connection."""


@dataclass
class Received:
    """What one exchange brought to the client."""

    cells: list[bytes] = field(default_factory=list)
    rows: int = 0
    copied: bytes = b""
    errors: list[bytes] = field(default_factory=list)
    """Texts of errors and notices: they can quote a value."""
    failed: bool = False
    tags: list[str] = field(default_factory=list)
    suspended: bool = False

    def bytes(self) -> bytes:
        """Everything that was sent, cells apart from one another."""
        return b"\x00".join([*self.cells, self.copied, *self.errors])


class Connection:
    """One session; `pid` is the server process's number, which stands in its log."""

    def __init__(self, port: int, user: str, database: str, application: str = ""):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.pid = 0
        words = ["user", user, "database", database, "client_encoding", "UTF8"]
        if application:
            words += ["application_name", application]
        body = struct.pack("!i", 196608) + b"".join(word.encode() + b"\x00" for word in words) + b"\x00"
        self.socket.sendall(struct.pack("!i", len(body) + 4) + body)
        failed = self._until_ready(Received())
        if failed.failed:
            raise Gone(failed.errors[0].decode(errors="replace"))

    def query(self, sql: str, copy_in: bytes = b"") -> Received:
        """The simple protocol: one text, which may hold several statements."""
        self._send(b"Q", sql.encode() + b"\x00")
        return self._until_ready(Received(), copy_in)

    def execute(self, sql: str, parameters: list[str | None], name: str = "", fetch: int = 0) -> Received:
        """The extended protocol; parameters as text. `fetch` takes that many rows from the portal and leaves the rest."""
        self.parse(sql, name)
        return self.execute_named(name, parameters, fetch)

    def parse(self, sql: str, name: str) -> None:
        self._send(b"P", name.encode() + b"\x00" + sql.encode() + b"\x00" + struct.pack("!h", 0))

    def execute_named(self, name: str, parameters: list[str | None], fetch: int = 0) -> Received:
        """Executes what was parsed under `name`."""
        bind = [b"\x00", name.encode(), b"\x00", struct.pack("!hh", 0, len(parameters))]
        for value in parameters:
            raw = None if value is None else value.encode()
            bind.append(struct.pack("!i", -1) if raw is None else struct.pack("!i", len(raw)) + raw)
        bind.append(struct.pack("!h", 0))
        self._send(b"B", b"".join(bind))
        self._send(b"D", b"P\x00")
        self._send(b"E", b"\x00" + struct.pack("!i", fetch))
        self._send(b"S", b"")
        return self._until_ready(Received())

    def close(self) -> None:
        try:
            self._send(b"X", b"")
            self.socket.close()
        except OSError:
            pass

    def _send(self, kind: bytes, body: bytes) -> None:
        self.socket.sendall(kind + struct.pack("!i", len(body) + 4) + body)

    def _message(self) -> tuple[bytes, bytes]:
        head = self._take(5)
        return head[:1], self._take(struct.unpack("!i", head[1:])[0] - 4)

    def _take(self, count: int) -> bytes:
        while len(self.buffer) < count:
            more = self.socket.recv(1 << 16)
            if not more:
                raise Gone("the server closed the connection")
            self.buffer += more
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def _until_ready(self, received: Received, copy_in: bytes = b"") -> Received:
        while True:
            kind, body = self._message()
            if kind == b"D":
                received.rows += 1
                received.cells.extend(cells_of(body))
            elif kind == b"d":
                received.copied += body
            elif kind in b"EN":
                fields = fields_of(body)
                received.errors.append(b" ".join(fields[key] for key in (b"M", b"D", b"H", b"W") if key in fields))
                received.failed = received.failed or kind == b"E"
            elif kind == b"C":
                received.tags.append(body.rstrip(b"\x00").decode())
            elif kind == b"s":
                received.suspended = True
            elif kind == b"G":
                self._send(b"d", copy_in)
                self._send(b"c", b"")
            elif kind == b"R" and struct.unpack("!i", body[:4])[0] != 0:
                raise Gone("the server asks for a password")
            elif kind == b"K":
                self.pid = struct.unpack("!i", body[:4])[0]
            elif kind == b"Z":
                return received
            if kind == b"E" and self.pid == 0:
                return received


def cells_of(body: bytes) -> list[bytes]:
    """The cells of a DataRow that are not NULL."""
    cells, at = [], 2
    for _ in range(struct.unpack("!h", body[:2])[0]):
        length = struct.unpack("!i", body[at : at + 4])[0]
        at += 4
        if length >= 0:
            cells.append(body[at : at + length])
            at += length
    return cells


def fields_of(body: bytes) -> dict[bytes, bytes]:
    return {part[:1]: part[1:] for part in body.split(b"\x00") if part}

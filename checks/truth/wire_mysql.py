"""The protocol of MySQL and MariaDB, as little of it as an intruder's client needs: text queries and prepared statements.

What it gives is what was received. Numbers and times of prepared statements come in binary; they are written out as the
text protocol would write them, so that one judge can read both.
"""

from __future__ import annotations

import socket
import struct

from wire_postgres import Gone, Received

CAPABILITIES = (
    0x1 | 0x2 | 0x4 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x10000 | 0x20000 | 0x80000
)  # long password, found rows, long flag, connect with db, 4.1, transactions, secure connection, multi statements and results, plug-in
UTF8MB4 = 45
PATIENCE_SECONDS = 20
MORE_RESULTS = 0x8
CURSOR_READ_ONLY = 1


class Connection:
    """One session; `pid` is the thread id, which stands in the server's logs."""

    def __init__(self, port: int, user: str, database: str, application: str = ""):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.statements: dict[str, tuple[int, int]] = {}
        greeting = self._packet()
        if greeting[:1] == b"\xff":
            raise Gone(greeting[9:].decode(errors="replace"))
        version_end = greeting.index(b"\x00", 1)
        self.pid = struct.unpack("<I", greeting[version_end + 1 : version_end + 5])[0]
        answer = struct.pack("<IIB23x", CAPABILITIES, 1 << 24, UTF8MB4) + user.encode() + b"\x00" + b"\x00"
        self._send(answer + database.encode() + b"\x00" + b"mysql_native_password\x00", 1)
        reply = self._packet()
        if reply[:1] == b"\xfe":
            self._send(b"", 3)
            reply = self._packet()
        if reply[:1] == b"\xff":
            raise Gone(reply[9:].decode(errors="replace"))

    def query(self, sql: str, copy_in: bytes = b"") -> Received:
        self._send(b"\x03" + sql.encode(), 0)
        return self._results(Received(), binary=False)

    def use(self, database: str) -> Received:
        self._send(b"\x02" + database.encode(), 0)
        return self._results(Received(), binary=False)

    def execute(self, sql: str, parameters: list[str | None], name: str = "", fetch: int = 0) -> Received:
        """Prepares, executes and closes; parameters as text."""
        received = Received()
        self._send(b"\x16" + sql.encode(), 0)
        reply = self._packet()
        if reply[:1] == b"\xff":
            return failed(received, reply)
        number, columns, wanted = struct.unpack("<IHH", reply[1:9])
        for count in (wanted, columns):
            if count:
                for _ in range(count + 1):
                    self._packet()
        if wanted != len(parameters):
            parameters = (parameters + [None] * wanted)[:wanted]
        nulls = bytearray((wanted + 7) // 8)
        values = b""
        for index, value in enumerate(parameters):
            if value is None:
                nulls[index // 8] |= 1 << (index % 8)
            else:
                values += length_encoded(value.encode())
        body = b"\x17" + struct.pack("<IBI", number, 0, 1)
        if wanted:
            body += bytes(nulls) + b"\x01" + b"\xfd\x00" * wanted + values
        self._send(body, 0)
        received = self._results(received, binary=True)
        self._send(b"\x19" + struct.pack("<I", number), 0)
        return received

    def close(self) -> None:
        try:
            self._send(b"\x01", 0)
            self.socket.close()
        except OSError:
            pass

    def _send(self, body: bytes, sequence: int) -> None:
        self.socket.sendall(struct.pack("<I", len(body))[:3] + bytes([sequence]) + body)

    def _packet(self) -> bytes:
        head = self._take(4)
        return self._take(head[0] | head[1] << 8 | head[2] << 16)

    def _take(self, count: int) -> bytes:
        while len(self.buffer) < count:
            more = self.socket.recv(1 << 16)
            if not more:
                raise Gone("the server closed the connection")
            self.buffer += more
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def _results(self, received: Received, binary: bool) -> Received:
        while True:
            head = self._packet()
            if head[:1] == b"\xff":
                return failed(received, head)
            if head[:1] == b"\x00":
                if not status_of_ok(head) & MORE_RESULTS:
                    return received
                continue
            if head[:1] == b"\xfb":
                self._send(b"", 2)
                continue
            count, _ = length_of(head, 0)
            types = [column_type(self._packet()) for _ in range(count)]
            self._packet()
            status = self._rows(received, types, binary)
            if status is None:
                return received
            if not status & MORE_RESULTS:
                return received

    def _rows(self, received: Received, types: list[tuple[int, int]], binary: bool) -> int | None:
        while True:
            packet = self._packet()
            if packet[:1] == b"\xfe" and len(packet) < 9:
                return struct.unpack("<H", packet[3:5])[0]
            if packet[:1] == b"\xff":
                failed(received, packet)
                return None
            received.rows += 1
            received.cells.extend(binary_cells(packet, types) if binary else text_cells(packet))


def failed(received: Received, packet: bytes) -> Received:
    received.failed = True
    received.errors.append(packet[9:])
    return received


def status_of_ok(packet: bytes) -> int:
    _, at = length_of(packet, 1)
    _, at = length_of(packet, at)
    return struct.unpack("<H", packet[at : at + 2])[0]


def length_of(packet: bytes, at: int) -> tuple[int, int]:
    first = packet[at]
    if first < 0xFB:
        return first, at + 1
    size = {0xFC: 2, 0xFD: 3, 0xFE: 8}[first]
    return int.from_bytes(packet[at + 1 : at + 1 + size], "little"), at + 1 + size


def length_encoded(value: bytes) -> bytes:
    if len(value) < 0xFB:
        return bytes([len(value)]) + value
    return b"\xfd" + struct.pack("<I", len(value))[:3] + value


def text_cells(packet: bytes) -> list[bytes]:
    cells, at = [], 0
    while at < len(packet):
        if packet[at] == 0xFB:
            at += 1
            continue
        length, at = length_of(packet, at)
        cells.append(packet[at : at + length])
        at += length
    return cells


def column_type(packet: bytes) -> tuple[int, int]:
    """Type and flags of a column definition."""
    at = 0
    for _ in range(6):
        length, at = length_of(packet, at)
        at += length
    _, at = length_of(packet, at)
    return packet[at + 6], struct.unpack("<H", packet[at + 7 : at + 9])[0]


INTEGERS = {1: "b", 2: "h", 13: "h", 3: "i", 9: "i", 8: "q"}
UNSIGNED = 0x20


def binary_cells(packet: bytes, types: list[tuple[int, int]]) -> list[bytes]:
    nulls = packet[1 : 1 + (len(types) + 9) // 8]
    cells, at = [], 1 + len(nulls)
    for index, (kind, flags) in enumerate(types):
        if nulls[(index + 2) // 8] >> ((index + 2) % 8) & 1:
            continue
        cell, at = binary_cell(packet, at, kind, flags)
        cells.append(cell)
    return cells


def binary_cell(packet: bytes, at: int, kind: int, flags: int) -> tuple[bytes, int]:
    if kind in INTEGERS:
        code = INTEGERS[kind].upper() if flags & UNSIGNED else INTEGERS[kind]
        size = struct.calcsize(code)
        return str(struct.unpack("<" + code, packet[at : at + size])[0]).encode(), at + size
    if kind in (4, 5):
        size = 4 if kind == 4 else 8
        return repr(struct.unpack("<f" if kind == 4 else "<d", packet[at : at + size])[0]).encode(), at + size
    if kind in (7, 10, 12):
        return date_time(packet[at + 1 : at + 1 + packet[at]], kind), at + 1 + packet[at]
    if kind == 11:
        return span(packet[at + 1 : at + 1 + packet[at]]), at + 1 + packet[at]
    length, at = length_of(packet, at)
    return packet[at : at + length], at + length


def date_time(raw: bytes, kind: int) -> bytes:
    if not raw:
        return b"0000-00-00"
    year, month, day = struct.unpack("<HBB", raw[:4])
    text = f"{year:04}-{month:02}-{day:02}"
    if kind != 10:
        hours = struct.unpack("<BBB", raw[4:7]) if len(raw) > 4 else (0, 0, 0)
        text += " {:02}:{:02}:{:02}".format(*hours)
        if len(raw) > 7:
            text += f".{struct.unpack('<I', raw[7:11])[0]:06}"
    return text.encode()


def span(raw: bytes) -> bytes:
    if not raw:
        return b"00:00:00"
    negative, days, hours, minutes, seconds = struct.unpack("<BIBBB", raw[:8])
    return f"{'-' if negative else ''}{days * 24 + hours:02}:{minutes:02}:{seconds:02}".encode()

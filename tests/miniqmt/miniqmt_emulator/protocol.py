"""JSON lines over loopback TCP.

The first line of a connection is a greeting that names its role::

    {"role": "trade", "session": 101, "name": "xtquant"}
    {"role": "quote", "port": 58610}
    {"role": "control"}

The terminal replies ``{"result": 0, ...}``, or ``{"result": -1, "reason": "..."}`` and closes.
After that every line is one message:

========  =====================================  ============================================
role      request                                reply and push
========  =====================================  ============================================
trade     {"op", "seq", ...}                     {"answer": kind, "seq", "value"}
                                                 {"push": kind, "value"}
                                                 {"chatter": text}
quote     {"op", "id", ...}                      {"id", "value"} or {"id", "error"}
                                                 {"subscription", "data"}
control   {"op", "id", "args": {...}}            {"id", "value"} or {"id", "error"}
========  =====================================  ============================================

Native objects travel as ``{"class": name, "fields": {...}}``.  Text that was cut inside a UTF-8
character is carried with ``surrogateescape``, so no byte is lost.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from pathlib import Path
from typing import Any

Message = dict[str, Any]

HOST = "127.0.0.1"
PORT_FILE = "emulator.port"
USERDATA_VARIABLE = "MINIQMT_EMULATOR_USERDATA"
MAX_LINE = 64 * 1024 * 1024


def encode(message: Message) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def decode(line: bytes) -> Message:
    message: Message = json.loads(line)
    return message


def to_text(raw: bytes) -> str:
    """Bytes of a C string as wire text, reversible even when they are not valid UTF-8."""
    return raw.decode("utf-8", "surrogateescape")


def to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def read_port(userdata: str | os.PathLike[str]) -> int | None:
    """Port of the terminal that serves this userdata folder, or None."""
    try:
        return int((Path(userdata) / PORT_FILE).read_text("ascii"))
    except (OSError, ValueError):
        return None


def write_port(userdata: Path, port: int) -> None:
    scratch = userdata / (PORT_FILE + ".tmp")
    scratch.write_text(str(port), "ascii")
    scratch.replace(userdata / PORT_FILE)


class LineSocket:
    """A blocking JSON-lines connection to the terminal.

    Any thread may send; one thread at a time may receive.
    """

    def __init__(self, port: int, timeout: float) -> None:
        self._socket = socket.create_connection((HOST, port), timeout=timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(None)
        self._send_lock = threading.Lock()
        self._buffer = bytearray()

    def send(self, message: Message) -> None:
        with self._send_lock:
            self._socket.sendall(encode(message))

    def receive(self, timeout: float | None = None) -> Message | None:
        """The next message; None when the other side has gone, or this one was closed."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            try:
                self._socket.settimeout(timeout)
                chunk = self._socket.recv(65536)
            except TimeoutError:
                raise
            except OSError:
                return None
            if not chunk:
                return None
            self._buffer += chunk
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return decode(line)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

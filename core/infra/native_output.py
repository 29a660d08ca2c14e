"""Sends what native libraries write to the process's output to the log instead of the screen.

The SDK's binary modules write to the console below Python's streams: their lines would appear anywhere on a screen, or
inside a document that a script reads. Python's own streams still go to the terminal.
"""

import contextlib
import io
import logging
import os
import sys
import threading
from collections.abc import Generator
from typing import TextIO

log = logging.getLogger(__name__)

_OUT, _ERR = 1, 2


@contextlib.contextmanager
def kept_off_the_screen() -> Generator[None]:
    """Inside, file descriptors 1 and 2 end in the log, line by line; `sys.stdout` and `sys.stderr` do not change."""
    python = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    kept = _same_place(sys.stdout, _OUT), _same_place(sys.stderr, _ERR)
    reading, writing = os.pipe()
    for descriptor in (_OUT, _ERR):
        _redirect(writing, descriptor)
    os.close(writing)
    reader = threading.Thread(target=_log_lines, args=(reading,), name="native-output", daemon=True)
    reader.start()
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__ = kept  # type: ignore[misc]
    try:
        yield
    finally:
        for stream, descriptor in zip(kept, (_OUT, _ERR), strict=True):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
            _redirect(stream.fileno(), descriptor)
        sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__ = python  # type: ignore[misc]
        reader.join(1.0)
        for stream in kept:
            with contextlib.suppress(OSError, ValueError):
                stream.close()


def _same_place(stream: TextIO, descriptor: int) -> TextIO:
    """A stream to the present target of `descriptor`, with the encoding and buffering of `stream`."""
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(io.FileIO(os.dup(descriptor), "w")),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=True,
    )


def _redirect(source: int, descriptor: int) -> None:
    """Point `descriptor` at the target of `source`. On Windows the console keeps its handle, for drawing."""
    if sys.platform != "win32":
        os.dup2(source, descriptor)
        return
    import ctypes

    number = {_OUT: -11, _ERR: -12}[descriptor]
    handle = ctypes.windll.kernel32.GetStdHandle(number)
    os.dup2(source, descriptor)
    ctypes.windll.kernel32.SetStdHandle(number, handle)


def _log_lines(reading: int) -> None:
    with os.fdopen(reading, "rb") as stream:
        for line in stream:
            text = _decoded(line).strip()
            if text:
                log.info("the SDK writes: %s", text)


def _decoded(line: bytes) -> str:
    """UTF-8, else what a Chinese Windows writes."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("gb18030", errors="replace")

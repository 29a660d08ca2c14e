"""What an engine and a viewer say to each other first, and which commands only look."""

import json
from dataclasses import dataclass
from typing import Any, cast

from core.model.command import (
    CheckSetting,
    Command,
    Examine,
    FindInLog,
    ListRecords,
    ListStrategies,
    ReadLog,
    ReadOrders,
    ReadReport,
    ReadSettings,
    ShowBond,
    ShowRecord,
)

PROTOCOL = 2
"""Grows when what goes over the wire changes: engine and viewer have to speak the same."""

ONLY_LOOKS: tuple[type[Command[Any]], ...] = (
    CheckSetting,
    Examine,
    FindInLog,
    ListRecords,
    ListStrategies,
    ReadLog,
    ReadOrders,
    ReadReport,
    ReadSettings,
    ShowBond,
    ShowRecord,
)
"""What a viewer that only watches may ask. No plan: a newer one would take the place of the one that somebody is about
to carry out."""


class NoGreeting(ValueError):
    """What came first is no greeting."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """A viewer's first line. `watch`: it only looks."""

    key: str
    protocol: int
    version: str
    watch: bool = False

    def line(self) -> bytes:
        told = {"key": self.key, "protocol": self.protocol, "version": self.version, "watch": self.watch}
        return json.dumps(told).encode("ascii") + b"\n"


@dataclass(frozen=True, slots=True)
class Welcome:
    """The engine's first line: who it is, or, in `refused`, why this viewer is let in to nothing."""

    version: str
    protocol: int
    pid: int
    since: str
    refused: str = ""

    def line(self) -> bytes:
        told = {name: getattr(self, name) for name in ("version", "protocol", "pid", "since", "refused")}
        return json.dumps(told).encode("ascii") + b"\n"


def read_greeting(line: bytes) -> Greeting:
    """Raises `NoGreeting`."""
    told = _object(line)
    try:
        return Greeting(str(told["key"]), int(told["protocol"]), str(told["version"]), bool(told.get("watch", False)))
    except (KeyError, TypeError, ValueError):
        raise NoGreeting("it is no greeting") from None


def read_welcome(line: bytes) -> Welcome:
    """Raises `NoGreeting`."""
    told = _object(line)
    try:
        return Welcome(
            str(told["version"]), int(told["protocol"]), int(told["pid"]), str(told["since"]), str(told["refused"])
        )
    except (KeyError, TypeError, ValueError):
        raise NoGreeting("it is no welcome") from None


def _object(line: bytes) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        raise NoGreeting("it is no JSON") from None
    if not isinstance(told, dict):
        raise NoGreeting("it is no object")
    return cast("dict[str, Any]", told)

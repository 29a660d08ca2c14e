"""The interface to an engine, in this process or another one, for screens and commands."""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

from core.model.command import Command, Reply
from core.model.snapshot import Snapshot

log = logging.getLogger(__name__)

T = TypeVar("T")
SnapshotListener = Callable[[Snapshot], None]


class EngineLink(Protocol):
    """Snapshots out, commands in.

    Listeners are called on a thread of the engine or the connection and must not block. `subscribe` returns a function
    that ends the subscription. A command's future always ends in a `Reply`, never in an exception.
    """

    def subscribe(self, listener: SnapshotListener) -> Callable[[], None]: ...

    def send(self, command: Command[T]) -> "Future[Reply[T]]": ...

    @property
    def trouble(self) -> str | None:
        """Why the engine cannot be reached or does not work, as a sentence; None if all is well."""
        ...

    @property
    def latest(self) -> Snapshot | None: ...


class SnapshotSource:
    """The half of an `EngineLink` that passes snapshots on."""

    def __init__(self) -> None:
        self._listeners: list[SnapshotListener] = []
        self.latest: Snapshot | None = None

    def subscribe(self, listener: SnapshotListener) -> Callable[[], None]:
        self._listeners.append(listener)
        if self.latest is not None:
            listener(self.latest)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def _publish(self, snapshot: Snapshot) -> None:
        self.latest = snapshot
        for listener in tuple(self._listeners):
            try:
                listener(snapshot)
            except Exception:  # a failing listener must not keep the snapshot from the others
                log.exception("a listener failed")

"""The interface to an engine, in this process or another one, for screens and commands."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

from core.model.command import Command, Reply
from core.model.snapshot import Snapshot

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

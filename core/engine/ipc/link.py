"""How a screen or a script reaches an engine, wherever that engine runs."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

from core.model.command import Command, Reply
from core.model.snapshot import Snapshot

T = TypeVar("T")
SnapshotListener = Callable[[Snapshot], None]


class EngineLink(Protocol):
    """Snapshots out, commands in.

    Listeners are called on the engine's thread: they hand over and return, never wait. `subscribe` answers with a
    function that ends the subscription. A command's future always ends in a `Reply`, never in an exception.
    """

    def subscribe(self, listener: SnapshotListener) -> Callable[[], None]: ...

    def send(self, command: Command[T]) -> "Future[Reply[T]]": ...

    @property
    def trouble(self) -> str | None:
        """Why nothing comes of the engine, or what is wrong with it, in words; None where all is well."""
        ...

    @property
    def latest(self) -> Snapshot | None: ...

"""Messages between the engine's thread and the app."""

from textual.message import Message

from core.model.snapshot import Snapshot


class SnapshotArrived(Message, bubble=False):
    """A newer picture of the engine; one still queued is replaced, so a slow screen gets the newest."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, SnapshotArrived)

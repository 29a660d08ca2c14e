"""What the six screens have in common."""

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar, cast

from textual.containers import Vertical
from textual.screen import Screen
from textual.widget import Widget

from core.model.command import Command, Reply
from core.model.snapshot import Snapshot
from tui.widgets.table import LiveTable

T = TypeVar("T")


class Host(Protocol):
    """What a pane needs of the app."""

    @property
    def snapshot(self) -> Snapshot | None: ...

    @property
    def stale(self) -> bool:
        """Whether the picture is too old to act on."""
        ...

    async def ask(self, command: Command[T]) -> Reply[T]: ...

    async def push_screen_wait(self, screen: Screen[T]) -> T: ...

    def push_screen(self, screen: Screen[Any]) -> object: ...

    def tell(self, text: str, *, failed: bool = False) -> None:
        """A toast: the outcome of an action."""
        ...

    def open_login(self) -> None: ...

    def make_plan(self) -> None:
        """Go to the plan and make one now."""
        ...

    def refresh_keys(self) -> None:
        """Keys came or went: show the footer again."""
        ...


class Pane(Vertical):
    """One of the screens behind the digits.

    Panes live as long as the app, so a request that one of them started is not dropped when the user looks elsewhere.
    Each action of the registry calls `do_<name>`, unless `why_not` gives a reason.
    """

    def __init__(self, name: str) -> None:
        super().__init__(id=name)

    @property
    def host(self) -> Host:
        return cast(Host, self.app)

    def show(self, snapshot: Snapshot) -> None:
        """A new picture; called only while this pane is looked at, and when it is opened."""

    def opened(self) -> None:
        """The user came here."""

    def beat(self) -> None:
        """One second passed while this pane is looked at."""

    def focus_target(self) -> Widget:
        """Where the keyboard goes when this pane is opened: the pane itself, if it does not say otherwise."""
        return self

    def relabel(self) -> None:
        """The language or the colours have changed: show everything anew."""
        for table in self.query(LiveTable):
            table.repaint()
        if self.host.snapshot is not None:
            self.show(self.host.snapshot)

    def copied(self) -> str:
        """What `y` copies: the row under the cursor as text."""
        return ""

    def why_not(self, action: str) -> str:
        """Why the action does nothing now; empty where it does something."""
        return ""

    def action_act(self, action: str) -> None:
        if reason := self.why_not(action):
            self.host.tell(reason)
            return
        do: Callable[[], None] = getattr(self, f"do_{action}")
        do()

    def start(self, work: Coroutine[Any, Any, None], group: str) -> None:
        """Run a request; a newer one of the same group takes its place."""
        self.run_worker(
            work, name=group, group=f"{self.id}.{group}", description=group, exclusive=True, exit_on_error=False
        )

"""Asks the engine for what a screen shows of the row under its cursor: one request at a time, the newest wish first."""

import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from textual.timer import Timer

from core.model.command import Command, Done, Failed, Reply

T = TypeVar("T")

PAUSE = 0.15
"""Seconds that the cursor has to rest before the engine is asked."""

_RETRY = 5.0
"""Seconds after which a request that failed is sent again when its row is visited again."""


class Owner(Protocol):
    """What is needed of the pane."""

    def ask_engine(self, command: Command[T]) -> Coroutine[Any, Any, Reply[T]]: ...

    def start(self, work: Callable[[], Coroutine[Any, Any, None]], group: str) -> None: ...

    def set_timer(self, delay: float, callback: Callable[[], None]) -> Timer: ...


class _Kept(NamedTuple, Generic[T]):
    reply: Reply[T]
    at: float


class RequestLane(Generic[T]):
    """Keeps the replies by command, at most `most` of them, and has at most one request on its way.

    A kept reply older than `fresh` seconds is shown and asked for again. A reply is only ever given out for its own
    command, so one that comes late is not taken for another row's.
    """

    def __init__(self, owner: Owner, name: str, arrived: Callable[[], None], *, fresh: float, most: int) -> None:
        self._owner = owner
        self._name = name
        self._arrived = arrived
        self._fresh = fresh
        self._most = most
        self._kept: OrderedDict[Command[T], _Kept[T]] = OrderedDict()
        self._wanted: tuple[Command[T], ...] = ()
        self._timer: Timer | None = None
        self._asking: Command[T] | None = None
        self._since = 0.0
        self._void = False

    def get(self, command: Command[T]) -> Reply[T] | None:
        """The reply to this very command, None until it came."""
        kept = self._kept.get(command)
        return None if kept is None else kept.reply

    def waited(self, command: Command[T]) -> int | None:
        """For how many whole seconds this reply has been awaited; None where it is not wanted."""
        if command not in self._wanted or self._is_fresh(command):
            return None
        return int(time.monotonic() - self._since) if command == self._asking else 0

    @property
    def at_rest(self) -> bool:
        """Whether nothing is on its way, and nothing will be asked for when the cursor rests."""
        return self._asking is None and self._timer is None

    def want(self, commands: Sequence[Command[T]], *, at_once: bool = False) -> None:
        """Ask for these replies, the first one first, and for nothing that was wanted before."""
        self._wanted = tuple(commands)
        for command in self._wanted:
            kept = self._kept.get(command)
            if kept is not None and isinstance(kept.reply, Failed) and time.monotonic() - kept.at > _RETRY:
                del self._kept[command]
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self._missing() is None:
            return
        if at_once:
            self._go_on()
        else:
            self._timer = self._owner.set_timer(PAUSE, self._rested)

    def forget(self, which: Callable[[Any], bool] = lambda _: True) -> None:
        """Drop the kept replies to these commands, and the one that is on its way."""
        for command in [command for command in self._kept if which(command)]:
            del self._kept[command]
        if self._asking is not None and which(self._asking):
            self._void = True

    def forget_failures(self) -> None:
        """Ask once more for what failed."""
        self.forget(lambda command: isinstance(self.get(command), Failed))

    def _rested(self) -> None:
        self._timer = None
        self._go_on()

    def _go_on(self) -> None:
        if self._asking is None and (command := self._missing()) is not None:
            self._asking, self._since = command, time.monotonic()
            self._owner.start(partial(self._ask, command), self._name)

    async def _ask(self, command: Command[T]) -> None:
        """This one, and then the next as long as one is wanted and the cursor rests."""
        following: Command[T] | None = command
        try:
            while following is not None:
                self._asking, self._since, self._void = following, time.monotonic(), False
                reply = await self._owner.ask_engine(following)
                if not self._void:
                    self._keep(following, reply)
                    self._arrived()
                following = self._missing() if self._timer is None else None
        finally:
            self._asking = None

    def _keep(self, command: Command[T], reply: Reply[T]) -> None:
        self._kept[command] = _Kept(reply, time.monotonic())
        self._kept.move_to_end(command)
        while len(self._kept) > self._most:
            oldest = next((each for each in self._kept if each not in self._wanted), None)
            if oldest is None:
                return
            del self._kept[oldest]

    def _missing(self) -> Command[T] | None:
        return next((command for command in self._wanted if not self._is_fresh(command)), None)

    def _is_fresh(self, command: Command[T]) -> bool:
        kept = self._kept.get(command)
        if kept is None:
            return False
        return isinstance(kept.reply, Failed) or time.monotonic() - kept.at < self._fresh


class Loaded(NamedTuple, Generic[T]):
    """A list of the platform as far as its pages have come: the first `pages` of `of`.

    `total` counts all items, `of` and `total` are 0 before the first page came; `failure` says why the next page did
    not come.
    """

    items: tuple[T, ...]
    pages: int
    of: int
    total: int
    failure: str = ""

    @property
    def whole(self) -> bool:
        return self.pages > 0 and self.pages >= self.of


class _Numbered(Protocol):
    @property
    def id(self) -> int: ...


N = TypeVar("N", bound=_Numbered)


def loaded(lane: "RequestLane[Any]", page_of: Callable[[int], Command[Any]], kind: type[N]) -> Loaded[N]:
    """The pages that `lane` has, from the first on without a gap; an item that moved to a later page counts once."""
    found: dict[int, N] = {}
    pages = of = total = 0
    while True:
        reply = lane.get(page_of(pages + 1))
        if isinstance(reply, Failed):
            return Loaded(tuple(found.values()), pages, of, total, reply.text)
        if not isinstance(reply, Done):
            break
        page = reply.value
        found.update((item.id, item) for item in page.items if item.id not in found)
        pages, of, total = pages + 1, max(1, page.total_pages), page.total_count
        if pages >= of:
            break
    return Loaded(tuple(found.values()), pages, of, total)

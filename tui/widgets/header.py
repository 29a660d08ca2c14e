"""The two lines above every screen: who and how, and where."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.message import Message

from core.model.snapshot import Health, Level, Rebalance, Snapshot
from tui import format as fmt
from tui.actions import PANES
from tui.day import job_texts
from tui.widgets.palette import LEVEL_TONES, LOUD, MODE_STYLES, STYLES, Tone, words
from tui.widgets.words import Words

_SEEN_LEVELS = frozenset({Level.WARNING, Level.ERROR})
_HEALTH_CELLS = 16
# While all is well with these, they take no room up here: Home names them.
_QUIET = frozenset({"clock", "disk", "engine"})


def fit_segments(segments: Sequence[tuple[int, Text]], width: int) -> Text:
    """Join what fits: first the space between shrinks, then the highest rank goes."""
    shown = list(segments)
    for gap in (2, 1):
        if sum(text.cell_len for _, text in shown) + gap * (len(shown) - 1) <= width:
            break
    while len(shown) > 1 and sum(text.cell_len for _, text in shown) + gap * (len(shown) - 1) > width:
        _, _, last = max((rank, index, index) for index, (rank, _) in enumerate(shown))
        shown.pop(last)
    return Text(" " * gap).join(text for _, text in shown)


class TopBar(Words):
    """`rotor  SANDBOX  account  14:49:32 open  QMT 12ms  quotes 0.4s  FactorCat ok`."""

    def __init__(self) -> None:
        super().__init__(id="top-bar")
        self._snapshot: Snapshot | None = None

    def show(self, snapshot: Snapshot | None) -> None:
        self._snapshot = snapshot
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        snapshot = self._snapshot
        if snapshot is None:
            self.put(words(("rotor", Tone.STRONG), ("  waiting for the engine", Tone.DIM)))
            return
        mode = Text(f" {snapshot.mode.upper()} ", MODE_STYLES.get(snapshot.mode, LOUD))
        segments = [
            (9, words(("rotor", Tone.STRONG))),
            (0, mode),
            (4, words((snapshot.account or "no account", Tone.TEXT))),
            (3, words((f"{fmt.in_shanghai(snapshot.at):%m-%d}", Tone.TEXT))),
            (0, words((fmt.clock(snapshot.at), Tone.STRONG), f" {snapshot.session}")),
        ]
        segments += [(0, Text(f" {control.upper()} ", LOUD)) for control in snapshot.controls]
        segments += [_health_segment(health) for health in snapshot.health if _is_news(health)]
        self.put(fit_segments(segments, self.size.width))


def _is_news(health: Health) -> bool:
    return health.name not in _QUIET or health.level is not Level.GOOD


def _health_segment(health: Health) -> tuple[int, Text]:
    text = fmt.one_line(health.text)
    if cell_len(text) > _HEALTH_CELLS:
        text = fmt.fit(text, _HEALTH_CELLS).rstrip()
    if health.level in _SEEN_LEVELS:
        rank = 1 if health.level is Level.ERROR else 2
        return rank, words((f"! {health.name} {text}", LEVEL_TONES[health.level]))
    return 5, words((f"{health.name} ", Tone.DIM), (text, Tone.GOOD))


class TabBar(Words):
    """The screens with their digits; the current one in brackets. At the right, what runs or comes next."""

    class Picked(Message):
        def __init__(self, pane: str) -> None:
            super().__init__()
            self.pane = pane

    def __init__(self) -> None:
        super().__init__(id="tab-bar")
        self._current = PANES[0].id
        self._snapshot: Snapshot | None = None
        self._seen = 0
        self._spans: list[tuple[int, int, str]] = []

    def show(self, current: str, snapshot: Snapshot | None) -> None:
        self._current, self._snapshot = current, snapshot
        if current == "home" and snapshot is not None and snapshot.events:
            self._seen = max(event.number for event in snapshot.events)
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        for start, end, pane in self._spans:
            if offset is not None and start <= offset.x < end:
                self.post_message(self.Picked(pane))

    def _draw(self) -> None:
        bar = Text(style=STYLES[Tone.DIM])
        self._spans.clear()
        for pane in PANES:
            start = bar.cell_len
            mark = self._mark(pane.id)
            if pane.id == self._current:
                bar.append(f"[{pane.key} {pane.title}{mark}]", STYLES[Tone.STRONG] + STYLES[Tone.TITLE])
            else:
                bar.append(f" {pane.key} {pane.title}", STYLES[Tone.DIM])
                bar.append(f"{mark} ", STYLES[Tone.WARN])
            self._spans.append((start, bar.cell_len, pane.id))
        room = self.size.width - bar.cell_len
        texts, tone = self._right()
        right = next((text for text in texts if cell_len(text) < room), "")
        bar.append(" " * max(0, room - cell_len(right)))
        bar.append(right, STYLES[tone])
        self.put(bar)

    def _mark(self, pane: str) -> str:
        """What waits on a screen that is not looked at: unread warnings, unfinished orders."""
        snapshot = self._snapshot
        if snapshot is None:
            return ""
        if pane == "home":
            unread = any(event.level in _SEEN_LEVELS and event.number > self._seen for event in snapshot.events)
            return "!" if unread else ""
        if pane == "orders":
            open_orders = sum(not order.done for order in snapshot.orders)
            return f"({open_orders})" if open_orders else ""
        return ""

    def _right(self) -> tuple[tuple[str, ...], Tone]:
        """What runs or comes next: the longest text that fits is shown."""
        snapshot = self._snapshot
        if snapshot is None:
            return (), Tone.DIM
        if snapshot.rebalance is not None and snapshot.rebalance.running:
            running = running_text(snapshot.rebalance)
            return (f"{snapshot.rebalance.origin} {running}", running), Tone.WARN
        if not snapshot.jobs:
            return (), Tone.DIM
        full, named, bare = job_texts(snapshot.jobs[0], snapshot)
        return (f"next {full}", f"next {named}", named, f"next {bare}", bare), Tone.DIM


def running_text(rebalance: Rebalance) -> str:
    filled = sum(leg.filled_volume >= leg.volume for leg in rebalance.legs)
    return f"running {filled}/{len(rebalance.legs)}"

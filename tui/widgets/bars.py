"""The bars of every screen: the top bar, the tabs, the keys and the status line."""

import time
from collections.abc import Callable, Sequence

from rich.cells import cell_len
from rich.text import Text
from textual.geometry import Size
from textual.message import Message

from core.i18n import say
from core.model.quote import SessionPhase
from core.model.snapshot import Health, Level, Rebalance, Snapshot
from tui import format as fmt
from tui.actions import PANES, Action
from tui.format import job_texts
from tui.widgets.steady import LaidOutOnce
from tui.widgets.text import ClickableText, FittedText, TextBlock
from tui.widgets.theme import LEVEL_TONES, MODE_TONES, STYLES, Tone, styled

_ALERT_LEVELS = frozenset({Level.WARNING, Level.ERROR})
_HEALTH_CELLS = 16
TRADING_PHASES = frozenset(
    {SessionPhase.PRE_OPEN, SessionPhase.OPENING_CALL, SessionPhase.OPEN, SessionPhase.CLOSING_CALL}
)
"""Phases in which the clock shows seconds."""
# Segments of this rank or a higher one may be dropped to make room for the next job.
_OPTIONAL = 6
# Shown here only while something is wrong with them; Home always lists them.
FULL_SIZE = Size(80, 24)
"""A terminal of this size shows everything."""
LOW = 16
"""Below so many lines the table has those of the details too."""
_QUIET = frozenset({"clock", "disk", "engine", "news"})


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


class TopBar(FittedText):
    """`rotor  SANDBOX  account  14:49:32 open  QMT 12ms  quotes 0.4s  FactorCat ok`."""

    def __init__(self, *, watch: bool = False) -> None:
        """`watch`: this view cannot act, and the bar shows that."""
        super().__init__(id="top-bar")
        self._watch = watch
        self._snapshot: Snapshot | None = None

    def show(self, snapshot: Snapshot | None) -> None:
        self._snapshot = snapshot
        self.refresh_text()

    def refresh_text(self) -> None:
        snapshot = self._snapshot
        if snapshot is None:
            self.set_text(styled(("rotor  ", Tone.STRONG), (say("waiting for the engine"), Tone.DIM)))
            return
        mode = Text(f" {say(snapshot.mode).upper()} ", STYLES[MODE_TONES.get(snapshot.mode, Tone.LOUD)])
        segments = [
            (9, styled(("rotor", Tone.STRONG))),
            (0, mode),
            *([(0, styled((say("WATCHING"), Tone.WARN)))] if self._watch else []),
            (4, styled((snapshot.account or say("no account"), Tone.TEXT))),
            (6, styled((f"{fmt.in_shanghai(snapshot.at):%m-%d}", Tone.TEXT))),
            (0, styled((_time(snapshot), Tone.STRONG), f" {say(snapshot.session)}")),
        ]
        segments += [(0, Text(f" {say(control).upper()} ", STYLES[Tone.LOUD])) for control in snapshot.controls]
        segments += [_health_segment(health) for health in snapshot.health if _shown_in_header(health)]
        self.set_text(_with_next_job(segments, snapshot, self.size.width))


def _with_next_job(segments: list[tuple[int, Text]], snapshot: Snapshot, width: int) -> Text:
    """Add what runs or comes next, in the longest text that pushes no other segment out."""
    texts, tone = _what_next(snapshot)
    for text in texts:
        every = [*segments, (3, Text(text, STYLES[tone]))]
        if sum(part.cell_len for rank, part in every if rank < _OPTIONAL) + len(every) - 1 <= width:
            return fit_segments(every, width)
    return fit_segments([*segments, (3, Text(texts[-1], STYLES[tone]))] if texts else segments, width)


def _time(snapshot: Snapshot) -> str:
    """To the second in trading hours, else to the minute, so that an idle screen writes nothing."""
    clock = fmt.clock(snapshot.at)
    return clock if snapshot.session in TRADING_PHASES else clock[:5]


def _shown_in_header(health: Health) -> bool:
    return health.name not in _QUIET or health.level is not Level.GOOD


def _health_segment(health: Health) -> tuple[int, Text]:
    text, name = fmt.one_line(health.text), say(health.name, context="health")
    if cell_len(text) > _HEALTH_CELLS:
        text = fmt.fit(text, _HEALTH_CELLS).rstrip()
    if health.level in _ALERT_LEVELS:
        rank = 1 if health.level is Level.ERROR else 2
        return rank, styled((f"! {name} {text}", LEVEL_TONES[health.level]))
    return 5, styled((f"{name} ", Tone.DIM), (text, Tone.GOOD))


class TabBar(ClickableText[str], FittedText):
    """The screens with their digits; the current one in brackets."""

    class PanePicked(Message):
        def __init__(self, pane: str) -> None:
            super().__init__()
            self.pane = pane

    def __init__(self) -> None:
        super().__init__(id="tab-bar")
        self._current = PANES[0].id
        self._snapshot: Snapshot | None = None
        self._seen = 0

    def show(self, current: str, snapshot: Snapshot | None) -> None:
        self._current, self._snapshot = current, snapshot
        if current == "home" and snapshot is not None and snapshot.events:
            self._seen = max(event.number for event in snapshot.events)
        self.refresh_text()

    def clicked(self, link: str) -> None:
        self.post_message(self.PanePicked(link))

    def refresh_text(self) -> None:
        texts = [f"{pane.key} {say(pane.title)}{self._mark(pane.id)}" for pane in PANES]
        if sum(cell_len(text) + 1 for text in texts) > self.size.width:
            short = [pane.key + self._mark(pane.id) for pane in PANES]
            texts = [
                text if pane.id == self._current else short[place]
                for place, (pane, text) in enumerate(zip(PANES, texts, strict=True))
            ]
        # With a cell less around each tab they fit on a small screen.
        small = self.size.width < FULL_SIZE.width - 2
        gap = 1 if sum(cell_len(text) + 2 for text in texts) <= self.size.width and not small else 0
        bar = Text(style=STYLES[Tone.DIM])
        self._links.clear()
        for pane, text in zip(PANES, texts, strict=True):
            start = bar.cell_len
            current = pane.id == self._current
            bar.append("[" if current else " " * (gap or not bar.plain.endswith("]")))
            if current:
                bar.append(text, STYLES[Tone.STRONG] + STYLES[Tone.TITLE])
            else:
                mark = self._mark(pane.id)
                bar.append(text.removesuffix(mark) if mark else text, STYLES[Tone.DIM])
                bar.append(mark, STYLES[Tone.WARN])
            bar.append("]" if current else " " * gap)
            self._links.append((start, bar.cell_len, pane.id))
        self.set_text(self._with_hint(bar))

    def _with_hint(self, bar: Text) -> Text:
        """On a small terminal, with the size that shows all, as long as there is room for it."""
        if self.app.size.width >= FULL_SIZE.width and self.app.size.height >= FULL_SIZE.height:
            return bar
        size = f"{FULL_SIZE.width}x{FULL_SIZE.height}"
        for hint in (say("{size} shows all", size=size), size):
            room = self.size.width - bar.cell_len - cell_len(hint) - 1
            if room >= 0:
                return bar.append(" " * (room + 1) + hint, STYLES[Tone.WARN])
        return bar

    def _mark(self, pane: str) -> str:
        """The mark of a tab: unread warnings, open orders."""
        snapshot = self._snapshot
        if snapshot is None:
            return ""
        if pane == "home":
            unread = any(event.level in _ALERT_LEVELS and event.number > self._seen for event in snapshot.events)
            return "!" if unread else ""
        if pane == "orders":
            open_orders = sum(not order.done for order in snapshot.orders)
            return f"({open_orders})" if open_orders else ""
        return ""


def _what_next(snapshot: Snapshot) -> tuple[tuple[str, ...], Tone]:
    """What runs or comes next: the longest text that fits is shown."""
    if snapshot.rebalance is not None and snapshot.rebalance.running:
        running = running_text(snapshot.rebalance)
        return (f"{say(snapshot.rebalance.origin)} {running}", running), Tone.WARN
    if not snapshot.jobs:
        return (), Tone.DIM
    full, named, bare = job_texts(snapshot.jobs[0], snapshot)
    return (
        say("next {job}", job=full),
        say("next {job}", job=named),
        say("next {job}", job=bare),
        f"-> {bare}",
    ), Tone.DIM


def running_text(rebalance: Rebalance) -> str:
    filled = sum(leg.filled_volume >= leg.volume for leg in rebalance.legs)
    return say("running {filled}/{all}", filled=filled, all=len(rebalance.legs))


Reason = Callable[[Action], str]


class KeyBar(ClickableText[Action], FittedText):
    """`r Make a plan   e Execute   ? Help   q Quit`."""

    class ActionPicked(Message):
        def __init__(self, action: Action) -> None:
            super().__init__()
            self.action = action

    def __init__(self) -> None:
        super().__init__(id="key-bar")
        self._actions: tuple[Action, ...] = ()
        self._why_not: Reason = lambda _: ""

    def show(self, actions: tuple[Action, ...], why_not: Reason) -> None:
        """`why_not` answers with the reason why an action does nothing now, or nothing."""
        self._actions = tuple(action for action in actions if action.footer)
        self._why_not = why_not
        self.refresh_text()

    def clicked(self, link: Action) -> None:
        self.post_message(self.ActionPicked(link))

    def refresh_text(self) -> None:
        width = self.size.width
        actions = _that_fit(self._actions, width)
        needed = _cells(actions)
        gap = next((gap for gap in (3, 2) if needed + gap * (len(actions) - 1) <= width), 1)
        bar = Text(style=STYLES[Tone.DIM])
        self._links.clear()
        for action in actions:
            start = bar.cell_len
            off = bool(self._why_not(action))
            bar.append(action.key_text, STYLES[Tone.DIM] if off else STYLES[Tone.KEY])
            bar.append(f" {say(action.label)}", STYLES[Tone.DIM] if off else STYLES[Tone.TEXT])
            self._links.append((start, bar.cell_len, action))
            bar.append(" " * gap)
        self.set_text(bar)


def _cells(actions: Sequence[Action]) -> int:
    return sum(cell_len(f"{action.key_text} {say(action.label)}") for action in actions)


def _that_fit(actions: Sequence[Action], width: int) -> list[Action]:
    """Without the last ones of the screen's own where the width is short: help and quit stay in sight."""
    shown = list(actions)
    while _cells(shown) + len(shown) - 1 > width:
        own = [action for action in shown if action.pane != "app"]
        if not own:
            break
        shown.remove(own[-1])
    return shown


_SECONDS, _FAILED_SECONDS = 6.0, 15.0


class StatusBar(TextBlock, LaidOutOnce):
    """Shows the newest message over the last lines of the panels; a failure stays longer.

    It is part of the screen also while it has no lines: one more widget would paint all others again.
    """

    def __init__(self) -> None:
        super().__init__(id="status-bar")
        self._until = 0.0

    @property
    def shown(self) -> bool:
        return self.has_class("-shown")

    def show_message(self, text: str, *, failed: bool = False) -> None:
        self.set_text(styled(("! ", Tone.BAD) if failed else "", (text, Tone.BAD if failed else Tone.STRONG)))
        self._until = time.monotonic() + (_FAILED_SECONDS if failed else _SECONDS)
        self.add_class("-shown")

    def tick(self) -> None:
        """Hide the message when its time is over."""
        if self.shown and time.monotonic() >= self._until:
            self.clear()

    def clear(self) -> None:
        self.remove_class("-shown")
        self.set_text("")

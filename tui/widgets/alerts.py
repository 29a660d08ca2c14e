"""The lines under the tabs: what the user must not overlook."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from core.i18n import say
from core.model.snapshot import Control, Need, Snapshot
from tui import format as fmt
from tui.format import missed_text
from tui.widgets.text import FittedText
from tui.widgets.theme import STYLES, Tone

_MOST_LINES, _SHARE = 4, 6
_MOST_NOTICES = 2
_LEAST_CELLS = 8


@dataclass(frozen=True, slots=True)
class Alert:
    """`how` says what to press; `briefly` says it where the text must be cut."""

    word: str
    text: str
    how: str = ""
    briefly: str = ""
    loud: bool = False

    def drawn(self, text: str, how: str) -> Text:
        word = (f" {self.word} ", STYLES[Tone.LOUD]) if self.loud else (self.word, STYLES[Tone.WARN])
        tail = f"  {how}" if how else ""
        return Text.assemble(word, (f"  {text}{tail}", STYLES[Tone.BAD if self.loud else Tone.TEXT]))

    def lines(self, width: int, most: int, more: str, console: Console) -> list[Text]:
        """The alert in at most so many lines, cut where it is longer; `more` ends it."""
        full = self.drawn(self.text, _joined(self.how, more)).wrap(console, width)
        if len(full) <= most:
            return list(full)
        for how in (_joined(self.briefly or self.how, more), more, ""):
            # A line that is wrapped at a word may be shorter than the width: cut on until the words fit.
            for cells in range(width * most - self.drawn("", how).cell_len, _LEAST_CELLS, -1):
                cut = self.drawn(fmt.fit(self.text, cells).rstrip(), how).wrap(console, width)
                if len(cut) <= most:
                    return list(cut)
        return list(full)[:most]


class AlertBar(FittedText):
    """Trading is off, the snapshot is stale, trading is halted, a run was missed: at most a sixth of the screen."""

    def __init__(self) -> None:
        super().__init__(id="alert-bar")
        self._alerts: list[Alert] = []
        self._unseen = 0

    def show(
        self, snapshot: Snapshot | None, silent_for: float | None, trouble: str | None = None, *, listed: bool = False
    ) -> None:
        """`silent_for`: seconds without a snapshot if that is too long, else None. `trouble`: the link's failure.

        `listed`: the screen below lists the reasons why trading is off, the missed run and what wants attention in
        full, so they are not repeated here.
        """
        self._alerts, self._unseen = _of_link(snapshot, silent_for, trouble), 0
        if snapshot is not None:
            self._alerts += [*_not_trading(snapshot, listed=listed), *_controls(snapshot), *_not_complete(snapshot)]
        if snapshot is not None and not listed:
            self._alerts += _wanting_attention(snapshot)
            self._unseen = max(0, len(snapshot.notices) + len(snapshot.dangers) - _MOST_NOTICES)
        self.refresh_text()

    def refresh_text(self) -> None:
        self.display = bool(self._alerts)
        width, height = max(1, self.app.size.width - 2), self.app.size.height
        most = max(1, min(_MOST_LINES, height // _SHARE))
        self.set_text(Text("\n").join(_fitted(self._alerts, self._unseen, width, most, self.app.console)))


def _fitted(alerts: Sequence[Alert], unseen: int, width: int, most: int, console: Console) -> list[Text]:
    """One line for each; what is left of `most` goes to those that need more, the first ones first."""
    shown = alerts[:most]
    unseen += len(alerts) - len(shown)
    spare = most - len(shown)
    found: list[Text] = []
    for number, alert in enumerate(shown, 1):
        more = say("(+{unseen} more on Home)", unseen=unseen) if unseen and number == len(shown) else ""
        lines = alert.lines(width, 1 + spare, more, console)
        spare -= len(lines) - 1
        found += lines
    return found


def _of_link(snapshot: Snapshot | None, silent_for: float | None, trouble: str | None) -> list[Alert]:
    if trouble is not None:
        return [Alert(say("NO ENGINE"), trouble, loud=True)]
    if silent_for is None:
        return []
    seconds = say("no update from the engine for {silent_for} s", silent_for=int(silent_for))
    old = seconds if snapshot is None else say("{seconds}: everything below is old", seconds=seconds)
    return [Alert(say("STALE"), old, loud=True)]


def _not_trading(snapshot: Snapshot, *, listed: bool) -> list[Alert]:
    """Why no orders are sent, apart from the trading controls."""
    if snapshot.blockers and not listed:
        first, *others = snapshot.blockers
        more = say("(+{others} more on Home)", others=len(others)) if others else ""
        return [Alert(say("TRADING OFF"), fmt.one_line(first.text), more, loud=True)]
    if snapshot.blockers or snapshot.ready:
        return []
    return [Alert(say("NOT READY"), say("the engine is still starting; nothing is sent until it is ready"), loud=True)]


def _controls(snapshot: Snapshot) -> list[Alert]:
    found: list[Alert] = []
    if Control.HALTED in snapshot.controls:
        halted = say("orders are blocked, stops included")
        found.append(Alert(say("HALTED"), halted, say("press R on Home to resume"), say("(1, then R)"), loud=True))
    if Control.TRIPPED in snapshot.controls:
        tripped = say("too many orders were rejected in a row: only stops and manual sells are sent")
        look = say("see the reasons on Orders (5), then press R on Home")
        found.append(Alert(say("BREAKER"), tripped, look, say("(5, then 1, R)"), loud=True))
    return found


def _not_complete(snapshot: Snapshot) -> list[Alert]:
    """What the user has to do before rotor can trade by itself."""
    found: list[Alert] = []
    if snapshot.needs:
        both = say("consent and self-test needed first: execute a plan (3), or rotor consent")
        one = {
            Need.CONSENT: say("consent needed first: execute a plan (3), or rotor consent"),
            Need.SELF_TEST: say("self-test needed first: execute a plan (3), or rotor self-test"),
        }
        how = both if len(snapshot.needs) > 1 else one[next(iter(snapshot.needs))]
        found.append(Alert(say("NO LIVE ORDERS YET"), how))
    if snapshot.mode != "sandbox" and snapshot.platform_user is None and snapshot.health:
        found.append(Alert(say("NOT LOGGED IN"), say("to Factor Cat: press l on Home")))
    return found


def _wanting_attention(snapshot: Snapshot) -> list[Alert]:
    """The missed run and the first notices; Home lists all."""
    found: list[Alert] = []
    if snapshot.missed is not None:
        missed = fmt.one_line(missed_text(snapshot.missed, snapshot))
        found.append(
            Alert(say("MISSED RUN"), missed, say("on Home: m shows the plan, d drops it"), say("(1, then m or d)"))
        )
    notices = (*snapshot.dangers, *snapshot.notices)
    return [*found, *(Alert("!", fmt.one_line(notice)) for notice in notices[:_MOST_NOTICES])]


def _joined(*parts: str) -> str:
    return "  ".join(part for part in parts if part)

"""What stands on Plan, Positions and Orders while they have no rows: what would be here, which keys lead there, what
comes next, and what there is to trade with."""

from collections.abc import Sequence

from rich.text import Text

from core.i18n import say
from core.model.known import Unknown
from core.model.snapshot import Snapshot
from tui import format as fmt
from tui.screens.dialogs import Fact
from tui.screens.home_text import next_rows, strategy_row
from tui.widgets.text import facts
from tui.widgets.theme import Tone, styled

Key = tuple[str, str]
"""A key and what it does."""

_LABELS = 14
"""Cells of the longest label."""


def empty_state(sentence: str, keys: Sequence[Key], snapshot: Snapshot | None, width: int) -> Text:
    """`width` is that of a line, in cells."""
    lines = [styled(sentence, "\n"), *(styled((key, Tone.KEY), f"  {text}") for key, text in keys)]
    if snapshot is not None:
        lines += [Text(), facts([*_coming_rows(snapshot, width - _LABELS), *_money_rows(snapshot)])]
    return Text("\n").join(lines)


def strategy_key(snapshot: Snapshot | None) -> Key:
    if snapshot is not None and snapshot.followed is not None:
        return "2", say("choose another strategy")
    return "2", say("choose a strategy: open a record and press u")


def _coming_rows(snapshot: Snapshot, width: int) -> list[Fact]:
    rows, followed = [*next_rows(snapshot, width), strategy_row(snapshot)], snapshot.followed
    if followed is not None:
        rows.append((say("Record"), str(followed.history_id), Tone.TEXT))
        if followed.rule is not None:
            rows.append((say("Rule"), fmt.rule_text(followed.rule), Tone.TEXT))
    return rows


def _money_rows(snapshot: Snapshot) -> list[Fact]:
    asset, positions = snapshot.asset, snapshot.positions
    if isinstance(asset, Unknown):
        return [(say("Money"), say("not known: {reason}", reason=say(asset.reason)), Tone.WARN)]
    rows: list[Fact] = [
        (say("Cash"), fmt.cny(fmt.money(asset.value.cash)), Tone.STRONG),
        (say("Market value"), fmt.cny(fmt.money(asset.value.market_value)), Tone.TEXT),
    ]
    if isinstance(positions, Unknown):
        return [*rows, (say("Positions"), say("not known: {reason}", reason=say(positions.reason)), Tone.WARN)]
    ours, count = len(fmt.ours(snapshot)), len(positions.value)
    held = say("{ours} of {rows} ours", ours=ours, rows=count) if count else say("none")
    return [*rows, (say("Positions"), held, Tone.TEXT)]

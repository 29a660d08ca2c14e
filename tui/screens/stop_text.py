"""What guards a holding, in a word, in a sentence and in full."""

from decimal import Decimal

from rich.cells import cell_len
from rich.text import Text

from core.i18n import say
from core.model.order import Origin
from core.model.snapshot import PositionRow, StopRow, StopStatus
from tui import format as fmt
from tui.screens.dialogs import Fact
from tui.widgets.columns import Cell, cell
from tui.widgets.gauge import GaugeLevels, long_gauge, short_gauge
from tui.widgets.theme import Tone, styled

_WORD_CELLS, _ENOUGH = 9, 5


def state_cell(row: PositionRow) -> Cell:
    """`armed`, `selling`, `waits` (through its level or not, it cannot sell now), `off`, or why it is not armed."""
    stop = row.stop
    if stop is None:
        return cell(say("none"), Tone.WARN) if row.ours else cell(say("yours"), Tone.DIM)
    return cell(_word(stop), _tone(stop))


def distance_cell(row: PositionRow) -> Cell:
    """How far the nearest level is: negative where that lies below the price. Sorted by nearness, whichever side."""
    nearness = None if row.stop_distance is None else -abs(row.stop_distance)
    if row.stop is None:
        return cell("", value=nearness)
    if through(row):
        return cell(say("through"), Tone.WARN, nearness)
    return cell(fmt.ratio(row.stop_distance), value=nearness)


def gauge(row: PositionRow) -> str:
    """Where the last price stands between stop-loss (left) and take-profit; empty where one of them is not known."""
    known = _levels_and_last(row)
    return short_gauge(*known) if known is not None else ""


def gauge_text(row: PositionRow, width: int) -> Text:
    """Whether the stops are armed, in words, and below it the levels with cost and last price between them."""
    text = styled((say("Stops"), Tone.TITLE), "  ")
    stop = row.stop
    if stop is None:
        return text.append_text(styled(_unmanaged(row)))
    text.append_text(styled((_full_state(stop), _tone(stop))))
    if stop.loss is None and stop.profit is None:
        return text
    no_loss, no_profit = (
        say("not set") if origin in stop.not_set else "" for origin in (Origin.STOP_LOSS, Origin.TAKE_PROFIT)
    )
    levels = GaugeLevels(stop.loss, stop.profit, row.cost, row.last, no_loss, no_profit, stop.armed)
    return text.append("\n").append_text(long_gauge(levels, width))


def _levels_and_last(row: PositionRow) -> tuple[Decimal, Decimal, Decimal] | None:
    stop = row.stop
    if stop is None or row.last is None or stop.loss is None or stop.profit is None or stop.profit <= stop.loss:
        return None
    return stop.loss, stop.profit, row.last


def level_cells(row: PositionRow) -> tuple[Cell, Cell]:
    """The stop-loss and the take-profit level."""
    stop = row.stop
    if stop is None:
        return cell(""), cell("")
    tone = Tone.TEXT if stop.armed else Tone.DIM
    loss, profit = (_level(stop, origin) for origin in (Origin.STOP_LOSS, Origin.TAKE_PROFIT))
    return cell(loss, tone, stop.loss), cell(profit, tone, stop.profit)


def _level(stop: StopRow, origin: Origin) -> str:
    """The price of a level; `--` where it is not known, which is not the same as a stop that is not set."""
    if origin in stop.not_set:
        return say("not set")
    return fmt.price(stop.loss if origin is Origin.STOP_LOSS else stop.profit)


def _priced(stop: StopRow, origin: Origin) -> str:
    level = stop.loss if origin is Origin.STOP_LOSS else stop.profit
    return _level(stop, origin) if level is None else fmt.cny(fmt.price(level))


def through(row: PositionRow) -> bool:
    """Whether the last price has reached a level."""
    if row.stop is None or row.last is None:
        return False
    loss, profit = row.stop.loss, row.stop.profit
    return (loss is not None and row.last <= loss) or (profit is not None and row.last >= profit)


def stop_line(row: PositionRow) -> Text:
    """The levels, what they are measured against, the state in full and the age of the check."""
    stop = row.stop
    if stop is None:
        return styled(_unmanaged(row))
    if stop.loss is None and stop.profit is None:
        return styled((say("no stop levels"), _tone(stop)), ("  ", Tone.DIM), (stop.state, _tone(stop)))
    return styled(
        (say("SL") + " ", Tone.DIM),
        _level(stop, Origin.STOP_LOSS),
        ("  " + say("TP") + " ", Tone.DIM),
        _level(stop, Origin.TAKE_PROFIT),
        (say("  of {basis}", basis=stop.basis) if stop.basis else "", Tone.DIM),
        ("  ", Tone.DIM),
        (_full_state(stop), _tone(stop)),
        (
            say(", checked {checked_at}", checked_at=fmt.clock(stop.checked_at))
            if stop.checked_at
            else say(", not checked yet"),
            Tone.DIM,
        ),
    )


def stop_rows(row: PositionRow) -> list[Fact]:
    """The same as lines of a card."""
    stop = row.stop
    if stop is None:
        return [(say("Guard"), *_unmanaged(row))]
    checked = fmt.clock(stop.checked_at) if stop.checked_at else say("not yet: no price was compared with the levels")
    return [
        (say("Stop-loss"), _priced(stop, Origin.STOP_LOSS), Tone.STRONG),
        (say("Take-profit"), _priced(stop, Origin.TAKE_PROFIT), Tone.STRONG),
        (say("Measured on"), stop.basis or fmt.NOT_KNOWN, Tone.TEXT),
        (say("Nearest"), _distance_text(row), Tone.WARN if through(row) else Tone.TEXT),
        (say("Guard"), _full_state(stop), _tone(stop)),
        (say("Checked"), checked, Tone.TEXT if stop.checked_at else Tone.WARN),
    ]


def _distance_text(row: PositionRow) -> str:
    if through(row):
        return say("reached: the price is beyond it")
    return (
        say("not known")
        if row.stop_distance is None
        else say("{stop_distance} from the last price", stop_distance=fmt.ratio(row.stop_distance))
    )


def _word(stop: StopRow) -> str:
    """The status in a word; for a blocked stop the first words of its reason."""
    if stop.status is StopStatus.BLOCKED and stop.state:
        return _first_words(stop.state.partition(":")[0])
    return say(stop.status)


def _first_words(text: str) -> str:
    """As many whole words as the column has room for; the text cut where these say too little."""
    short = text
    while cell_len(short) > _WORD_CELLS:
        short = short.rpartition(" ")[0]
    return short if cell_len(short) >= min(_ENOUGH, cell_len(text)) else fmt.fit(text, _WORD_CELLS).rstrip()


def _full_state(stop: StopRow) -> str:
    """Whether the stop is armed, and the sentence."""
    if stop.status is StopStatus.NOT_SET:
        return stop.state
    if not stop.armed:
        return say("NOT armed: {state}", state=stop.state) if stop.state else say("NOT armed")
    if stop.status is StopStatus.ARMED:
        return stop.state or say("armed")
    return say("armed, {state}", state=stop.state)


def _tone(stop: StopRow) -> Tone:
    if stop.status is StopStatus.NOT_SET:
        return Tone.DIM
    return Tone.GOOD if stop.status is StopStatus.ARMED else Tone.WARN


def _unmanaged(row: PositionRow) -> tuple[str, Tone]:
    if row.ours:
        return say("NOT guarded: the stop monitor does not watch it"), Tone.WARN
    return say("yours: no stop sells it"), Tone.DIM

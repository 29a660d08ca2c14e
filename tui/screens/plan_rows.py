"""A plan and a rebalance as rows and sentences."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from rich.text import Text

from core.i18n import listed, mark, noted, say
from core.model.bond import BondCode
from core.model.bond_metrics import BondMetrics
from core.model.order import Origin, Side
from core.model.plan import Blocked, Kept, Leg, Plan
from core.model.snapshot import LegProgress, Rebalance, Snapshot
from tui import format as fmt
from tui.screens.metrics_text import metric_cells, metric_columns
from tui.widgets.columns import Cell, Column, TableRow, cell, heading
from tui.widgets.sparkline import SPARK_CELLS, Values, spark_cell
from tui.widgets.text import facts
from tui.widgets.theme import SIDE_TONES, STYLES, Tone, styled

_INTRADAY = Column(mark("Intraday"), SPARK_CELLS, rank=5)
_METRIC_RANKS = (2, 3, 4, 8, 7, 10, 9, 11)

PLAN_COLUMNS = (
    Column("", 5),
    Column(mark("Code"), 9),
    Column(mark("Name"), 8, most=12),
    Column(mark("Volume"), 6, right=True),
    Column(mark("Price"), 7, right=True),
    Column(mark("Amount"), 10, right=True),
    Column(mark("Fee"), 5, right=True, rank=6),
    _INTRADAY,
    *metric_columns(_METRIC_RANKS),
    Column(mark("Reason"), 24, flex=True),
)
PROGRESS_COLUMNS = (
    Column("", 5),
    Column(mark("Code"), 9),
    Column(mark("Name"), 8, most=12),
    Column(mark("Filled"), 6, right=True),
    Column(mark("Volume"), 6, right=True),
    Column(mark("Price"), 7, right=True, rank=2),
    Column(mark("Average"), 7, right=True),
    Column(mark("Fee"), 5, right=True, rank=6),
    _INTRADAY,
    *metric_columns(_METRIC_RANKS),
    Column(mark("Status"), 32, flex=True),
)
_EMPTY = cell("", value=None)

PlanItem = Leg | LegProgress | Kept | Blocked


class Market(NamedTuple):
    """What is known of each bond beside the plan: its figures and its small day line."""

    metrics: Mapping[BondCode, BondMetrics]
    sparks: Mapping[BondCode, Values]

    def cells(self, code: BondCode) -> tuple[Cell, ...]:
        return (spark_cell(self.sparks.get(code, ())), *metric_cells(self.metrics.get(code)))


def market_of(snapshot: Snapshot | None) -> Market:
    if snapshot is None:
        return Market({}, {})
    return Market(snapshot.metrics(), {spark.code: spark.prices for spark in snapshot.sparks})


def plan_items(plan: Plan) -> dict[str, PlanItem]:
    """What the plan has a row for, by the row's key, in the order in which it is sent."""
    legs = {f"{leg.side}-{leg.code}": leg for leg in (*plan.sells, *plan.buys)}
    return legs | _untraded(plan)


def progress_items(rebalance: Rebalance, plan: Plan | None) -> dict[str, PlanItem]:
    """The orders of a rebalance, and what its plan, None where it is not known any more, left alone."""
    legs = {f"{number}-{leg.code}": leg for number, leg in enumerate(rebalance.legs)}
    return legs | ({} if plan is None else _untraded(plan))


def _untraded(plan: Plan) -> dict[str, PlanItem]:
    blocked = {f"blocked-{item.side}-{item.code}": item for item in plan.blocked}
    return {**blocked, **{f"kept-{item.ours}-{item.code}": item for item in plan.kept}}


def plan_rows(plan: Plan, market: Market) -> list[TableRow]:
    """Sells, buys, blocked and kept, each under a heading with its totals."""
    rows: list[TableRow] = []
    groups: set[str] = set()
    for key, item in plan_items(plan).items():
        rows += _new_title(plan, item, groups)
        if isinstance(item, Leg):
            rows.append(_leg_row(key, item, market))
        elif isinstance(item, Kept):
            volume = cell(fmt.volume(item.volume), Tone.DIM, item.volume)
            rows.append(_bare_row(key, item, (volume, _EMPTY, _EMPTY, _EMPTY), market))
        elif isinstance(item, Blocked):
            rows.append(_bare_row(key, item, (_EMPTY,) * 4, market))
    return rows


def progress_rows(rebalance: Rebalance, plan: Plan | None, market: Market) -> list[TableRow]:
    """The orders as they fill, in the order in which they are sent, and below them what is not traded."""
    rows: list[TableRow] = []
    groups: set[str] = set()
    for key, item in progress_items(rebalance, plan).items():
        if isinstance(item, LegProgress):
            rows.append(_progress_row(key, item, rebalance, market))
            continue
        if plan is not None:
            rows += _new_title(plan, item, groups)
        if isinstance(item, Kept):
            volume = cell(fmt.volume(item.volume), Tone.DIM, item.volume)
            rows.append(_bare_row(key, item, (_EMPTY, volume, _EMPTY, _EMPTY, _EMPTY), market))
        elif isinstance(item, Blocked):
            rows.append(_bare_row(key, item, (_EMPTY,) * 5, market))
    return rows


def _new_title(plan: Plan, item: PlanItem, groups: set[str]) -> list[TableRow]:
    """The heading above this row, where none of its group has come before."""
    group = "kept" if isinstance(item, Kept) else "blocked" if isinstance(item, Blocked) else str(item.side)
    if group in groups:
        return []
    groups.add(group)
    return [_title(plan, item)]


def _title(plan: Plan, item: PlanItem) -> TableRow:
    if isinstance(item, Blocked):
        return heading("blocked", say(" Skipped {blocked}   cannot trade now", blocked=len(plan.blocked)), Tone.WARN)
    if isinstance(item, Kept):
        return heading("kept", say(" Kept {kept}", kept=len(plan.kept)))
    legs = [leg for leg in plan.legs if leg.side is item.side]
    side = say("Sell") if item.side is Side.SELL else say("Buy")
    return heading(item.side, f" {side} {len(legs)}   {fmt.cny(fmt.money(sum(leg.amount for leg in legs)))}")


def _leg_row(key: str, leg: Leg, market: Market) -> TableRow:
    return TableRow(
        key,
        (
            cell(say(leg.side), SIDE_TONES[leg.side], leg.side),
            cell(leg.code, Tone.STRONG),
            cell(leg.name),
            cell(fmt.volume(leg.volume), value=leg.volume),
            cell(fmt.price(leg.price), value=leg.price),
            cell(fmt.money(leg.amount), value=leg.amount),
            cell(fmt.money(leg.fee), Tone.DIM, leg.fee),
            *market.cells(leg.code),
            cell(leg.reason, Tone.DIM),
        ),
    )


def _bare_row(key: str, item: Kept | Blocked, middle: Sequence[Cell], market: Market) -> TableRow:
    """What is not traded, and why."""
    tone = Tone.WARN if isinstance(item, Blocked) else Tone.DIM
    first = say(item.side) if isinstance(item, Blocked) else _owner(item)
    return TableRow(
        key,
        (
            cell(first, tone),
            cell(item.code),
            cell(item.name),
            *middle,
            *market.cells(item.code),
            cell(item.reason, tone),
        ),
    )


def _owner(item: Kept) -> str:
    return say("ours") if item.ours else say("yours")


def _progress_row(key: str, leg: LegProgress, rebalance: Rebalance, market: Market) -> TableRow:
    unresolved = leg.client_order_id is not None and leg.client_order_id in rebalance.unresolved
    full = leg.filled_volume >= leg.volume
    tone = Tone.BAD if unresolved else Tone.GOOD if full else Tone.TEXT if rebalance.running else Tone.WARN
    return TableRow(
        key,
        (
            cell(say(leg.side), SIDE_TONES[leg.side], leg.side),
            cell(leg.code, Tone.STRONG),
            cell(leg.name),
            cell(fmt.volume(leg.filled_volume), tone, leg.filled_volume),
            cell(fmt.volume(leg.volume), value=leg.volume),
            cell(fmt.price(leg.price), value=leg.price),
            cell(fmt.price(leg.average_price), value=leg.average_price),
            cell(fmt.money(leg.fee), Tone.DIM, leg.fee),
            *market.cells(leg.code),
            cell(say("UNRESOLVED {status}", status=say(leg.status)) if unresolved else say(leg.status), tone),
        ),
    )


def item_name(item: PlanItem) -> str:
    return f"{item.code} {item.name}"


def item_reason(item: PlanItem) -> str:
    """Why it is traded or not; of an order that was sent also what became of it."""
    return noted(say(item.status), item.reason) if isinstance(item, LegProgress) else item.reason


def item_details(item: PlanItem) -> Text:
    """The reason first, then the figures of the row."""
    rows = [(say("Reason"), item.reason, Tone.WARN if isinstance(item, Blocked) else Tone.STRONG)]
    if isinstance(item, Leg):
        rows += [
            (say("Order"), _order_words(item), SIDE_TONES[item.side]),
            (say("Amount"), fmt.cny(fmt.money(item.amount)), Tone.TEXT),
            (say("Fee"), fmt.cny(fmt.money(item.fee)), Tone.TEXT),
        ]
        known = ((say("List price"), item.list_price), (say("Arrival price"), item.arrival))
        rows += [(label, fmt.cny(fmt.price(price)), Tone.TEXT) for label, price in known if price is not None]
    elif isinstance(item, LegProgress):
        filled = say("none")
        if item.filled_volume:
            average = fmt.price(item.average_price)
            filled = say("{volume} 张 at {price}", volume=fmt.volume(item.filled_volume), price=average)
        rows += [
            (say("Order"), _order_words(item), SIDE_TONES[item.side]),
            (say("Status"), say(item.status), Tone.TEXT),
            (say("Filled"), filled, Tone.TEXT),
            (say("Fee"), fmt.cny(fmt.money(item.fee)), Tone.TEXT),
        ]
    elif isinstance(item, Kept):
        rows.append((say("Kept"), f"{fmt.volume(item.volume)} 张, {_owner(item)}", Tone.TEXT))
    else:
        rows.append((say("Order"), say("{side}: not sent", side=say(item.side)), Tone.TEXT))
    return facts(rows)


def _order_words(leg: Leg | LegProgress) -> str:
    wanted = say("{volume} 张 at {price}", volume=fmt.volume(leg.volume), price=fmt.price(leg.price))
    return f"{say(leg.side)} {wanted}"


def plan_summary(plan: Plan, now: datetime | None) -> Text:
    """The plan's totals in three lines, with what to know about its list."""
    age = (
        ""
        if now is None
        else say(" ({total_seconds} ago)", total_seconds=fmt.age((now - plan.made_at).total_seconds()))
    )
    text = styled(
        (say("Plan "), Tone.TITLE),
        (plan.plan_id, Tone.STRONG),
        (
            say("  made {made_at}{age}, {listed}", made_at=fmt.clock(plan.made_at), age=age, listed=plan.listed),
            Tone.DIM,
        ),
    )
    for note in plan.list_notes:
        text.append(f"\n{note}", STYLES[Tone.WARN])
    text.append("\n")
    sold, bought = sum(leg.amount for leg in plan.sells), sum(leg.amount for leg in plan.buys)
    _pairs(
        text,
        (say("Sell"), f"{len(plan.sells)}  {fmt.money(sold)}", Tone.SELL),
        (say("Buy"), f"{len(plan.buys)}  {fmt.money(bought)}", Tone.BUY),
        (say("Skipped"), str(len(plan.blocked)), Tone.WARN if plan.blocked else Tone.TEXT),
        (say("Kept"), str(len(plan.kept)), Tone.TEXT),
    )
    text.append("\n")
    _pairs(
        text,
        (say("Cash"), f"{fmt.money(plan.cash)} -> {fmt.money(plan.cash_after)}", Tone.TEXT),
        (say("Fees"), fmt.money(plan.fees), Tone.TEXT),
        (say("Turnover"), fmt.money(plan.turnover), Tone.TEXT),
    )
    return text


def rebalance_summary(rebalance: Rebalance, now: datetime | None) -> Text:
    """How far it is, or how it ended, and what is left over."""
    ended = rebalance.finished_at
    end = ended or now or rebalance.started_at
    took = fmt.duration((end - rebalance.started_at).total_seconds())
    name = say(rebalance.origin)
    name = name[:1].upper() + name[1:]
    word = (say("{name} running: ", name=name), Tone.WARN) if ended is None else (f"{name} ", Tone.TITLE)
    when = (
        say("since {started_at}, {took}", started_at=fmt.clock(rebalance.started_at), took=took)
        if ended is None
        else say("{ended}, took {took}", ended=_ended_at(ended, now), took=took)
    )
    text = styled(word, (say(rebalance.stage), Tone.STRONG), (f"  {when}", Tone.DIM))
    if rebalance.listed:
        text.append(f"  {rebalance.listed}", STYLES[Tone.DIM])
    text.append("\n")
    _pairs(
        text,
        (say("Sells"), _filled(rebalance.legs, Side.SELL), Tone.SELL),
        (say("Buys"), _filled(rebalance.legs, Side.BUY), Tone.BUY),
        (say("Fees"), fmt.money(sum(leg.fee for leg in rebalance.legs)), Tone.TEXT),
        (say("Cash after"), fmt.money(rebalance.cash_after) if ended else say("not yet"), Tone.TEXT),
    )
    text.append("\n")
    if rebalance.unresolved:
        count = fmt.plural(len(rebalance.unresolved), "order")
        text.append(
            say("{count} UNRESOLVED: may be live, never sent again; see Orders (5)", count=count), STYLES[Tone.BAD]
        )
    elif ended is not None:
        left = [
            f"{leg.code} {leg.volume - leg.filled_volume}" for leg in rebalance.legs if leg.filled_volume < leg.volume
        ]
        if left:
            text.append(say("Not filled: {left}", left=listed(left)), STYLES[Tone.WARN])
        else:
            text.append(say("Every order filled."), STYLES[Tone.GOOD])
            if rebalance.origin is not Origin.FLATTEN:
                text.append(say(" Press r for a new plan: it shows what is still to do."), STYLES[Tone.DIM])
    return text


def _ended_at(ended: datetime, now: datetime | None) -> str:
    """To the second, with its day where that is not today."""
    if now is None or fmt.in_shanghai(ended).date() == fmt.in_shanghai(now).date():
        return fmt.clock(ended)
    return fmt.moment(ended, now)


def _filled(legs: Sequence[LegProgress], side: Side) -> str:
    ours = [leg for leg in legs if leg.side is side]
    return (
        say("{value}/{ours} filled", value=sum(leg.filled_volume >= leg.volume for leg in ours), ours=len(ours))
        if ours
        else say("none")
    )


def _pairs(text: Text, *pairs: tuple[str, str, Tone]) -> None:
    for number, (label, value, tone) in enumerate(pairs):
        text.append("   " if number else "")
        text.append(f"{label} ", STYLES[Tone.DIM])
        text.append(value, STYLES[tone])

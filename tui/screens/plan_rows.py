"""A plan and a rebalance as rows and sentences."""

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from core.model.order import Origin, Side
from core.model.plan import Leg, Plan
from core.model.snapshot import LegProgress, Rebalance
from tui import format as fmt
from tui.widgets.columns import Column, Row, cell, heading
from tui.widgets.palette import SIDE_TONES, STYLES, Tone, words

PLAN_COLUMNS = (
    Column("", 5),
    Column("Code", 9),
    Column("Name", 8, most=12),
    Column("Volume", 6, right=True),
    Column("Price", 7, right=True),
    Column("Amount", 10, right=True),
    Column("Fee", 5, right=True, rank=1),
    Column("Reason", 24, flex=True),
)
PROGRESS_COLUMNS = (
    Column("", 5),
    Column("Code", 9),
    Column("Name", 8, most=12),
    Column("Filled", 6, right=True),
    Column("Volume", 6, right=True),
    Column("Price", 7, right=True, rank=2),
    Column("Average", 7, right=True, rank=1),
    Column("Fee", 5, right=True, rank=3),
    Column("Status", 26, flex=True),
)


def plan_rows(plan: Plan) -> list[Row]:
    """Sells, buys, blocked and kept, each under a heading with its totals."""
    rows: list[Row] = []
    for side, legs in (("Sell", plan.sells), ("Buy", plan.buys)):
        if legs:
            total = sum(leg.amount for leg in legs)
            rows.append(heading(side, f" {side} {len(legs)}   {fmt.money(total)} CNY"))
            rows += [_leg_row(leg) for leg in legs]
    if plan.blocked:
        rows.append(heading("blocked", f" Blocked {len(plan.blocked)}   wanted, and not possible", Tone.WARN))
        rows += [
            _bare_row(f"blocked-{item.side}-{item.code}", item.side, item.code, item.name, "", item.reason, Tone.WARN)
            for item in plan.blocked
        ]
    if plan.kept:
        rows.append(heading("kept", f" Kept {len(plan.kept)}"))
        rows += [
            _bare_row(
                f"kept-{item.code}",
                "ours" if item.ours else "yours",
                item.code,
                item.name,
                fmt.volume(item.volume),
                item.reason,
                Tone.DIM,
            )
            for item in plan.kept
        ]
    return rows


def _leg_row(leg: Leg) -> Row:
    return Row(
        f"{leg.side}-{leg.code}",
        (
            cell(leg.side, SIDE_TONES[leg.side]),
            cell(leg.code, Tone.STRONG),
            cell(leg.name),
            cell(fmt.volume(leg.volume)),
            cell(fmt.price(leg.price)),
            cell(fmt.money(leg.amount)),
            cell(fmt.money(leg.fee), Tone.DIM),
            cell(leg.reason, Tone.DIM),
        ),
    )


def _bare_row(key: str, mark: str, code: str, name: str, volume: str, reason: str, tone: Tone) -> Row:
    return Row(
        key,
        (
            cell(mark, tone),
            cell(code),
            cell(name),
            cell(volume, Tone.DIM),
            cell(""),
            cell(""),
            cell(""),
            cell(reason, tone),
        ),
    )


def progress_rows(rebalance: Rebalance) -> list[Row]:
    """The legs as they fill."""
    return [_progress_row(number, leg, rebalance) for number, leg in enumerate(rebalance.legs)]


def _progress_row(number: int, leg: LegProgress, rebalance: Rebalance) -> Row:
    unresolved = leg.client_order_id is not None and leg.client_order_id in rebalance.unresolved
    full = leg.filled_volume >= leg.volume
    tone = Tone.BAD if unresolved else Tone.GOOD if full else Tone.TEXT if rebalance.running else Tone.WARN
    return Row(
        f"{number}-{leg.code}",
        (
            cell(leg.side, SIDE_TONES[leg.side]),
            cell(leg.code, Tone.STRONG),
            cell(leg.name),
            cell(fmt.volume(leg.filled_volume), tone),
            cell(fmt.volume(leg.volume)),
            cell(fmt.price(leg.price)),
            cell(fmt.price(leg.average_price)),
            cell(fmt.money(leg.fee), Tone.DIM),
            cell(f"UNRESOLVED {leg.status}" if unresolved else leg.status, tone),
        ),
    )


def plan_summary(plan: Plan, now: datetime | None) -> Text:
    """The plan's totals, in three lines."""
    age = "" if now is None else f" ({fmt.age((now - plan.made_at).total_seconds())} ago)"
    listed = f"list of {plan.list_date}, {fmt.plural(len(plan.codes), 'bond')}" if plan.list_date else "no list"
    text = words(
        ("Plan ", Tone.TITLE),
        (plan.plan_id, Tone.STRONG),
        (f"  made {fmt.clock(plan.made_at)}{age}, {listed}", Tone.DIM),
    )
    text.append("\n")
    sold, bought = sum(leg.amount for leg in plan.sells), sum(leg.amount for leg in plan.buys)
    _pairs(
        text,
        ("Sell", f"{len(plan.sells)}  {fmt.money(sold)}", Tone.SELL),
        ("Buy", f"{len(plan.buys)}  {fmt.money(bought)}", Tone.BUY),
        ("Blocked", str(len(plan.blocked)), Tone.WARN if plan.blocked else Tone.TEXT),
        ("Kept", str(len(plan.kept)), Tone.TEXT),
    )
    text.append("\n")
    _pairs(
        text,
        ("Cash", f"{fmt.money(plan.cash)} -> {fmt.money(plan.cash_after)}", Tone.TEXT),
        ("Fees", fmt.money(plan.fees), Tone.TEXT),
        ("Turnover", fmt.money(plan.turnover), Tone.TEXT),
    )
    return text


def rebalance_summary(rebalance: Rebalance, now: datetime | None) -> Text:
    """How far it is, or how it ended, and what is left over."""
    ended = rebalance.finished_at
    end = ended or now or rebalance.started_at
    took = fmt.duration((end - rebalance.started_at).total_seconds())
    name = rebalance.origin.capitalize()
    word = (f"{name} running: ", Tone.WARN) if ended is None else (f"{name} ", Tone.TITLE)
    when = f"since {fmt.clock(rebalance.started_at)}, {took}" if ended is None else f"{fmt.clock(ended)}, took {took}"
    text = words(word, (rebalance.stage, Tone.STRONG), (f"  {when}", Tone.DIM), "\n")
    _pairs(
        text,
        ("Sells", _filled(rebalance.legs, Side.SELL), Tone.SELL),
        ("Buys", _filled(rebalance.legs, Side.BUY), Tone.BUY),
        ("Fees", fmt.money(sum(leg.fee for leg in rebalance.legs)), Tone.TEXT),
        ("Cash after", fmt.money(rebalance.cash_after) if ended else "not yet", Tone.TEXT),
    )
    text.append("\n")
    if rebalance.unresolved:
        count = fmt.plural(len(rebalance.unresolved), "order")
        text.append(f"{count} UNRESOLVED: may be live, never sent again; see Orders (5)", STYLES[Tone.BAD])
    elif ended is not None:
        left = [
            f"{leg.code} {leg.volume - leg.filled_volume}" for leg in rebalance.legs if leg.filled_volume < leg.volume
        ]
        if left:
            text.append(f"Left over (not filled): {', '.join(left)}", STYLES[Tone.WARN])
        else:
            text.append("Every order filled.", STYLES[Tone.GOOD])
            if rebalance.origin is not Origin.FLATTEN:
                text.append(" Press r for a new plan: it shows what is still missing.", STYLES[Tone.DIM])
    return text


def _filled(legs: Sequence[LegProgress], side: Side) -> str:
    ours = [leg for leg in legs if leg.side is side]
    return f"{sum(leg.filled_volume >= leg.volume for leg in ours)}/{len(ours)} filled" if ours else "none"


def _pairs(text: Text, *pairs: tuple[str, str, Tone]) -> None:
    for number, (label, value, tone) in enumerate(pairs):
        text.append("   " if number else "")
        text.append(f"{label} ", STYLES[Tone.DIM])
        text.append(value, STYLES[tone])

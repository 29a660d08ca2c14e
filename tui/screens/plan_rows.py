"""A plan and a rebalance as rows and sentences."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from rich.text import Text

from core.i18n import listed, mark, say
from core.model.bond import BondCode
from core.model.bond_metrics import BondMetrics
from core.model.order import Origin, Side
from core.model.plan import Blocked, Kept, Leg, Plan
from core.model.snapshot import LegProgress, Rebalance
from tui import format as fmt
from tui.screens.metrics_text import metric_cells, metric_columns
from tui.widgets.columns import Column, TableRow, cell, heading
from tui.widgets.theme import SIDE_TONES, STYLES, Tone, styled

PLAN_COLUMNS = (
    Column("", 5),
    Column(mark("Code"), 9),
    Column(mark("Name"), 8, most=12),
    Column(mark("Volume"), 6, right=True),
    Column(mark("Price"), 7, right=True),
    Column(mark("Amount"), 10, right=True),
    Column(mark("Fee"), 5, right=True, rank=1),
    *metric_columns((2, 3, 4, 6, 5, 8, 7, 9)),
    Column(mark("Reason"), 24, flex=True),
)
PROGRESS_COLUMNS = (
    Column("", 5),
    Column(mark("Code"), 9),
    Column(mark("Name"), 8, most=12),
    Column(mark("Filled"), 6, right=True),
    Column(mark("Volume"), 6, right=True),
    Column(mark("Price"), 7, right=True, rank=2),
    Column(mark("Average"), 7, right=True, rank=1),
    Column(mark("Fee"), 5, right=True, rank=3),
    Column(mark("Status"), 26, flex=True),
)


Metrics = Mapping[BondCode, BondMetrics]


def plan_rows(plan: Plan, metrics: Metrics) -> list[TableRow]:
    """Sells, buys, blocked and kept, each under a heading with its totals."""
    rows: list[TableRow] = []
    for side, legs in ((mark("Sell"), plan.sells), (mark("Buy"), plan.buys)):
        if legs:
            total = sum(leg.amount for leg in legs)
            rows.append(heading(side, f" {say(side)} {len(legs)}   {fmt.money(total)} CNY"))
            rows += [_leg_row(leg, metrics.get(leg.code)) for leg in legs]
    if plan.blocked:
        rows.append(
            heading("blocked", say(" Skipped {blocked}   cannot trade now", blocked=len(plan.blocked)), Tone.WARN)
        )
        rows += [
            _bare_row(
                f"blocked-{item.side}-{item.code}",
                say(item.side),
                item,
                "",
                Tone.WARN,
                metrics.get(item.code),
            )
            for item in plan.blocked
        ]
    if plan.kept:
        rows.append(heading("kept", say(" Kept {kept}", kept=len(plan.kept))))
        rows += [
            _bare_row(
                f"kept-{item.code}",
                say("ours") if item.ours else say("yours"),
                item,
                fmt.volume(item.volume),
                Tone.DIM,
                metrics.get(item.code),
            )
            for item in plan.kept
        ]
    return rows


def _leg_row(leg: Leg, metrics: BondMetrics | None) -> TableRow:
    return TableRow(
        f"{leg.side}-{leg.code}",
        (
            cell(say(leg.side), SIDE_TONES[leg.side]),
            cell(leg.code, Tone.STRONG),
            cell(leg.name),
            cell(fmt.volume(leg.volume)),
            cell(fmt.price(leg.price)),
            cell(fmt.money(leg.amount)),
            cell(fmt.money(leg.fee), Tone.DIM),
            *metric_cells(metrics),
            cell(leg.reason, Tone.DIM),
        ),
    )


def _bare_row(
    key: str, mark: str, item: Kept | Blocked, volume: str, tone: Tone, metrics: BondMetrics | None
) -> TableRow:
    return TableRow(
        key,
        (
            cell(mark, tone),
            cell(item.code),
            cell(item.name),
            cell(volume, Tone.DIM),
            cell(""),
            cell(""),
            cell(""),
            *metric_cells(metrics),
            cell(item.reason, tone),
        ),
    )


def progress_rows(rebalance: Rebalance) -> list[TableRow]:
    """The legs as they fill."""
    return [_progress_row(number, leg, rebalance) for number, leg in enumerate(rebalance.legs)]


def _progress_row(number: int, leg: LegProgress, rebalance: Rebalance) -> TableRow:
    unresolved = leg.client_order_id is not None and leg.client_order_id in rebalance.unresolved
    full = leg.filled_volume >= leg.volume
    tone = Tone.BAD if unresolved else Tone.GOOD if full else Tone.TEXT if rebalance.running else Tone.WARN
    return TableRow(
        f"{number}-{leg.code}",
        (
            cell(say(leg.side), SIDE_TONES[leg.side]),
            cell(leg.code, Tone.STRONG),
            cell(leg.name),
            cell(fmt.volume(leg.filled_volume), tone),
            cell(fmt.volume(leg.volume)),
            cell(fmt.price(leg.price)),
            cell(fmt.price(leg.average_price)),
            cell(fmt.money(leg.fee), Tone.DIM),
            cell(say("UNRESOLVED {status}", status=say(leg.status)) if unresolved else say(leg.status), tone),
        ),
    )


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
    name = rebalance.origin.capitalize()
    word = (say("{name} running: ", name=name), Tone.WARN) if ended is None else (f"{name} ", Tone.TITLE)
    when = (
        say("since {started_at}, {took}", started_at=fmt.clock(rebalance.started_at), took=took)
        if ended is None
        else say("{ended}, took {took}", ended=fmt.clock(ended), took=took)
    )
    text = styled(word, (say(rebalance.stage), Tone.STRONG), (f"  {when}", Tone.DIM), "\n")
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

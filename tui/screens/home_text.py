"""What Home says: its sections as text."""

from decimal import Decimal

from rich.cells import cell_len
from rich.text import Text

from core.i18n import joined, mark, say
from core.model.account import Asset
from core.model.known import Known, Maybe, Unknown
from core.model.order import Order, Side
from core.model.snapshot import Control, Level, PositionRow, Rebalance, Snapshot
from tui import format as fmt
from tui.format import first_fitting, job_texts, missed_text, rule_rows, stops_text
from tui.screens.dialogs import Fact
from tui.screens.stop_text import distance_cell, gauge, level_cells, state_cell
from tui.widgets.text import facts
from tui.widgets.theme import LEVEL_TONES, SIDE_TONES, STYLES, Tone, change_tone, state_tone, styled

_LABEL = 11
_JOBS, _WIDE_LINE = 3, 30
"""How many of the next jobs are shown; one where a line is shorter than this many cells."""
_MONEY = 13
"""Cells of an amount: up to 99,999,999.99."""
_SIDE, _NAME, _FILLED = 5, 10, 10
"""Cells of an order's line."""
_PRICE, _RATIO, _PROFIT, _LEVEL, _GAUGE = 9, 8, 12, 8, 12
"""Cells of a holding's line."""
_CONTROLS = {
    Control.PAUSED: mark("Buying is paused; sells and stops go on. R resumes."),
    Control.TRIPPED: mark("The circuit breaker tripped: too many orders were rejected. Stops go on. R resumes."),
    Control.HALTED: mark("HALTED: all new orders are blocked, stops included. R resumes."),
}


def first_steps(snapshot: Snapshot) -> Text:
    """What a new user does next, in three keys; nothing once a strategy is followed and something has run."""
    login = snapshot.mode == "sandbox" or snapshot.platform_user is not None
    followed, ran = snapshot.followed is not None, snapshot.rebalance is not None
    if not snapshot.health or (login and followed and (ran or _holds_ours(snapshot))):
        return Text()
    steps = (
        *([] if snapshot.mode == "sandbox" else [(login, "l", say("log in to Factor Cat"))]),
        (followed, "2", say("choose a strategy: open a record and press u")),
        (ran, "3", say("make a plan with r, read it, and execute it with e")),
    )
    lines = [
        styled((say("done") if done else key, Tone.GOOD if done else Tone.KEY), f"  {text}")
        for done, key, text in steps
    ]
    return Text("\n").join(lines)


def _holds_ours(snapshot: Snapshot) -> bool:
    return isinstance(snapshot.positions, Known) and any(row.ours for row in snapshot.positions.value)


def strategy_text(snapshot: Snapshot) -> Text:
    followed = snapshot.followed
    if followed is None:
        return styled((say("none chosen: press 2, open a record, then u"), Tone.WARN))
    name = followed.strategy_name or say("strategy {strategy_id}", strategy_id=followed.strategy_id)
    rows: list[Fact] = [(say("Record"), str(followed.history_id), Tone.TEXT)]
    if followed.rule is not None:
        rows += [(label, text, tone) for label, text, tone in rule_rows(followed.rule)]
    return Text("\n").join([styled((name, Tone.STRONG)), facts(rows)])


def today_text(snapshot: Snapshot, width: int, *, strategy: bool) -> Text:
    """The last run, the stops, and what comes next; `width` is that of a line, in cells.

    `strategy`: with its name, because no panel shows it.
    """
    rows = [strategy_row(snapshot)] if strategy else []
    rows += next_rows(snapshot, width - _LABEL)
    rows += _trading_rows(snapshot)
    rows.append((say("Stops"), *stops_text(snapshot.stops)))
    rows += _run_rows(snapshot.rebalance)
    rows += _limit_rows(snapshot, width - _LABEL)
    return facts(rows, _LABEL)


def strategy_row(snapshot: Snapshot) -> Fact:
    """The name of the strategy that is followed."""
    followed = snapshot.followed
    if followed is None:
        return say("Strategy"), say("none chosen: press 2"), Tone.WARN
    name = followed.strategy_name or say("strategy {strategy_id}", strategy_id=followed.strategy_id)
    return say("Strategy"), name, Tone.STRONG


def _limit_rows(snapshot: Snapshot, width: int) -> list[Fact]:
    """How far the day's limits are used, on one line: the one that is nearest to its end first."""
    rows = sorted(snapshot.limits, key=lambda row: row.used / row.most, reverse=True)
    told = [f"{say(row.name)} {_short_number(row.used)}/{_short_number(row.most)}" for row in rows]
    if not told:
        return []
    tone = Tone.WARN if any(row.reached for row in snapshot.limits) else Tone.TEXT
    return [(say("Limits"), first_fitting(["  ".join(told[:count]) for count in range(len(told), 0, -1)], width), tone)]


def _run_rows(run: Rebalance | None) -> list[Fact]:
    if run is None:
        return [(say("Last run"), say("nothing ran yet"), Tone.DIM)]
    if run.finished_at is None:
        first: Fact = (
            say("Running"),
            say(
                "{origin} since {started_at}, {stage}",
                origin=say(run.origin),
                started_at=fmt.clock(run.started_at),
                stage=say(run.stage),
            ),
            Tone.WARN,
        )
    else:
        ended = joined((say(run.origin), say(run.stage)))
        first = (say("Last run"), f"{fmt.clock(run.finished_at)} {ended}", Tone.TEXT)
    rows = [
        first,
        (
            say("Filled"),
            say("sells {sells}  buys {buys}", sells=_filled(run, Side.SELL), buys=_filled(run, Side.BUY)),
            Tone.TEXT,
        ),
    ]
    if run.unresolved:
        rows.append(
            (
                say("Unresolved"),
                say("{unresolved}: press 5", unresolved=fmt.plural(len(run.unresolved), "order")),
                Tone.BAD,
            )
        )
    return rows


def next_rows(snapshot: Snapshot, width: int) -> list[Fact]:
    """The next jobs, one where a line has few cells."""
    if not snapshot.jobs:
        return [(say("Up next"), say("nothing scheduled"), Tone.DIM)]
    return [
        ("" if number else say("Up next"), first_fitting(job_texts(job, snapshot)[:2], width), Tone.TEXT)
        for number, job in enumerate(snapshot.jobs[: _JOBS if width >= _WIDE_LINE else 1])
    ]


def _short_number(figure: Decimal | int) -> str:
    """`120`, `787k`, `10.0M`."""
    if figure < 10_000:
        return f"{figure:,.0f}"
    return f"{figure / 1000:,.0f}k" if figure < 1_000_000 else f"{figure / 1_000_000:,.1f}M"


def _filled(rebalance: Rebalance, side: Side) -> str:
    legs = [leg for leg in rebalance.legs if leg.side is side]
    return f"{sum(leg.filled_volume >= leg.volume for leg in legs)}/{len(legs)}" if legs else say("none")


def _trading_rows(snapshot: Snapshot) -> list[Fact]:
    if snapshot.blockers:
        reasons = fmt.plural(len(snapshot.blockers), "reason")
        first: list[Fact] = [(say("Trading"), say("OFF: {reasons}, see above", reasons=reasons), Tone.BAD)]
    elif not snapshot.ready:
        first = [(say("Trading"), say("not ready yet"), Tone.WARN)]
    elif Control.HALTED in snapshot.controls:
        first = []
    else:
        first = [(say("Trading"), say("on"), Tone.GOOD)]
    controls = [say(_CONTROLS.get(control, control)) for control in snapshot.controls]
    labels = [say("Trading") if not first and not number else "" for number in range(len(controls))]
    return first + [(label, text, Tone.WARN) for label, text in zip(labels, controls, strict=True)]


def attention_text(snapshot: Snapshot) -> Text:
    """The missed run and the notices, in full."""
    parts: list[tuple[str, Tone]] = []
    if snapshot.missed is not None:
        parts.append((say("- Missed: {missed}", missed=missed_text(snapshot.missed, snapshot)), Tone.WARN))
        parts.append((say("  m makes the plan now for you to check; d drops the run."), Tone.TEXT))
    parts += [(f"- {fmt.one_line(notice)}", Tone.WARN) for notice in (*snapshot.dangers, *snapshot.notices)]
    return Text("\n").join(styled(part) for part in parts)


def total_text(asset: Maybe[Asset]) -> str:
    """The total assets in whole CNY; empty where they are not known."""
    return f"{asset.value.total:,.0f}" if isinstance(asset, Known) else ""


def account_text(snapshot: Snapshot, *, total: bool) -> Text:
    """The account's money; `total`: with the total assets, which may be shown in large digits instead."""
    rows = _money_rows(snapshot.asset, total=total)
    rows[total:total] = _change_rows(snapshot)
    if snapshot.positions == snapshot.asset:  # out of reach for the same reason: shown once
        rows.append((say("Positions"), say("not known either"), Tone.WARN))
    else:
        rows += _position_rows(snapshot.positions)
    return facts(rows)


def _change_rows(snapshot: Snapshot) -> list[Fact]:
    """What the account has gained since the last close, and what was paid in or out."""
    day = snapshot.day
    if day is None:
        return []
    gained = (
        say("Since {began}", began=fmt.since(day.since, snapshot.at)),
        f"{fmt.signed_money(day.profit):>{_MONEY}}  {fmt.ratio(day.ratio)}",
        change_tone(day.profit),
    )
    return [gained, (say("Paid in"), f"{fmt.signed_money(day.paid):>{_MONEY}}", Tone.TEXT)] if day.paid else [gained]


def _money_rows(asset: Maybe[Asset], *, total: bool) -> list[Fact]:
    if isinstance(asset, Unknown):
        return [(say("Money"), say("not known: {reason}", reason=say(asset.reason)), Tone.WARN)]
    held = asset.value
    return [
        *([(say("Total"), f"{fmt.money(held.total):>{_MONEY}}", Tone.STRONG)] if total else []),
        (say("Cash"), f"{fmt.money(held.cash):>{_MONEY}}", Tone.TEXT),
        (say("Frozen"), f"{fmt.money(held.frozen):>{_MONEY}}", Tone.TEXT),
        (say("Market value"), f"{fmt.money(held.market_value):>{_MONEY}}", Tone.TEXT),
    ]


def _position_rows(positions: Maybe[tuple[PositionRow, ...]]) -> list[Fact]:
    if isinstance(positions, Unknown):
        return [(say("Positions"), say("not known: {reason}", reason=say(positions.reason)), Tone.WARN)]
    rows = positions.value
    ours = sum(row.ours > 0 for row in rows)
    counted = fmt.fit(say("{ours} of {rows} ours", ours=ours, rows=len(rows)), _MONEY, right=True)
    found: list[Fact] = [(say("Positions"), counted, Tone.TEXT)]
    profits = [row.profit for row in rows if row.profit is not None]
    if profits:
        total = sum(profits)
        known = "" if len(profits) == len(rows) else f" {len(profits)}/{len(rows)}"
        found.append((say("Open P/L"), f"{fmt.signed_money(total):>{_MONEY}}{known}", change_tone(total)))
    return found


def orders_text(snapshot: Snapshot, lines: int) -> Text:
    """The newest orders of today, one line each."""
    newest = sorted(snapshot.orders, key=lambda order: order.created_at, reverse=True)[: max(0, lines)]
    if not newest:
        return styled((say("No orders today."), Tone.DIM))
    return Text("\n").join(_order_line(order) for order in newest)


def _order_line(order: Order) -> Text:
    intent = order.intent
    filled = f"{fmt.volume(order.filled_volume)}/{fmt.volume(intent.volume)}"
    return styled(
        (f"{fmt.clock(order.created_at)[:5]} ", Tone.DIM),
        (fmt.fit(say(intent.side), _SIDE), SIDE_TONES[intent.side]),
        fmt.fit(intent.name or intent.code, _NAME),
        (fmt.fit(filled, _FILLED, right=True), Tone.TEXT),
        (f"  {say(order.state)}", state_tone(order.state)),
    )


def near_text(snapshot: Snapshot, lines: int) -> Text:
    """The holdings with stops, one line each: the nearest to a level first, those without a price last."""
    rows = snapshot.positions.value if isinstance(snapshot.positions, Known) else ()
    known, unknown = Decimal(0), Decimal(1)
    guarded = sorted(
        (row for row in rows if row.stop is not None),
        key=lambda row: (unknown, known) if row.stop_distance is None else (known, abs(row.stop_distance)),
    )
    return Text("\n").join(_near_line(row) for row in guarded[: max(0, lines)])


def _near_line(row: PositionRow) -> Text:
    loss, profit = level_cells(row)
    distance, state = distance_cell(row), state_cell(row)
    return styled(
        (fmt.fit(row.name or row.code, _NAME), Tone.TEXT),
        (fmt.price(row.last).rjust(_PRICE), Tone.STRONG),
        (fmt.ratio(row.day_change).rjust(_RATIO), change_tone(row.day_change)),
        (fmt.signed_money(row.profit).rjust(_PROFIT), change_tone(row.profit)),
        (f"  {say('SL')} ", Tone.DIM),
        (fmt.fit(loss.text, _LEVEL, right=True), loss.tone),
        (f" {fmt.fit(gauge(row), _GAUGE)} ", Tone.DIM),
        (f"{say('TP')} ", Tone.DIM),
        (fmt.fit(profit.text, _LEVEL, right=True), profit.tone),
        (fmt.fit(distance.text or fmt.NOT_KNOWN, _RATIO, right=True), distance.tone),
        (f"  {state.text}", state.tone),
    )


def links_text(snapshot: Snapshot) -> Text:
    if not snapshot.health:
        return styled((say("nothing reported yet"), Tone.DIM))
    text = Text(style=STYLES[Tone.TEXT])
    for number, health in enumerate(snapshot.health):
        text.append("\n" if number else "")
        text.append(fmt.fit(say(health.name, context="health"), 10), STYLES[Tone.DIM])
        mark = "! " if health.level in (Level.WARNING, Level.ERROR) else ""
        tone = LEVEL_TONES[health.level] if health.level is not Level.INFO else Tone.GOOD
        told = f"{mark}{health.text}"
        text.append(told + " " * max(13 - cell_len(told), 0), STYLES[tone])
        text.append(say(" since {since}", since=fmt.clock(health.since)), STYLES[Tone.DIM])
    if snapshot.release is not None:
        version = snapshot.release.version
        text.append(
            "\n" + say("version {version} is available: v shows what is new", version=version), STYLES[Tone.DIM]
        )
    return text

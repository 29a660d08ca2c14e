"""The text of the report around its rows: the lines above them, the equity chart, and the details."""

from decimal import Decimal

from rich.text import Text

from core.i18n import say, say_many
from core.model.report import BondResult, EquityPoint, OrderResult, Report, Slippage, StopResult
from tui import format as fmt
from tui.screens.report_rows import ReportSorting, drawdown_text, rounded_money, slippage_sentence, slippage_text
from tui.widgets.text import facts
from tui.widgets.theme import SIDE_TONES, Tone, change_tone, styled

Fact = tuple[str, str, Tone]


def mode_text(mode: str) -> str:
    """What the figures are of: real money or none."""
    return {
        "sandbox": say("sandbox: no real money"),
        "paper": say("paper: no real money"),
        "live": say("live: real money"),
    }.get(mode, mode)


def summary_line(mode: str, period: str, view: str, dates: str) -> Text:
    """The first line: whose money, which span, which view."""
    return styled(
        (say("Report"), Tone.TITLE),
        "  ",
        (mode_text(mode), Tone.BAD if mode == "live" else Tone.STRONG),
        "  ",
        (say("Period"), Tone.DIM),
        f" {say(period)} {dates}  ",
        (say("View"), Tone.DIM),
        f" {say(view)}",
    )


def dates_of(report: Report) -> str:
    if report.first is None:
        return say("until {last}", last=report.last)
    return f"{report.first}" if report.first == report.last else f"{report.first} - {report.last:%m-%d}"


def totals(report: Report, sorting: ReportSorting, *, descending: bool) -> Text:
    """The lines with the sums."""
    sums = report.totals
    text = styled(
        (say("Realised"), Tone.DIM),
        " ",
        (fmt.signed_money(sums.realised), change_tone(sums.realised)),
        ("  " + say("Open P/L"), Tone.DIM),
        " ",
        (fmt.signed_money(sums.open), change_tone(sums.open)),
    )
    if sums.unpriced:
        unpriced = say_many("({count} without a price)", "({count} without a price)", sums.unpriced)
        text.append_text(styled((f" {unpriced}", Tone.WARN)))
    text.append_text(
        styled(
            ("  " + say("Fees"), Tone.DIM),
            f" {fmt.money(sums.fees)}",
            ("  " + say("Turnover"), Tone.DIM),
            f" {rounded_money(sums.turnover)}",
            "" if sums.turnover_ratio is None else f" ({fmt.share(sums.turnover_ratio)})",
            ("\n" + say("Slippage vs list"), Tone.DIM),
            _slippage_total(sums.by_list),
            ("  " + say("vs arrival"), Tone.DIM),
            _slippage_total(sums.by_arrival),
            ("  " + say("Sorted by"), Tone.DIM),
            f" {say(sorting.label)} {'v' if descending else '^'}",
        )
    )
    return text


def _slippage_total(part: Slippage) -> str:
    recorded = say("({measured} of {orders} recorded)", measured=part.measured, orders=part.orders)
    return f" {slippage_text(part) or '0.00'} {'' if part.measured == part.orders else recorded}"


def equity_heading(report: Report) -> Text:
    sums = report.totals
    return styled(
        (say("Equity"), Tone.TITLE),
        f" {fmt.money(report.equity[-1].value)}",
        ("  " + say("change"), Tone.DIM),
        " ",
        (f"{fmt.signed_money(sums.change)} {fmt.ratio(sums.change_ratio)}", change_tone(sums.change)),
        ("  " + say("max. drawdown"), Tone.DIM),
        f" {drawdown_text(sums.max_drawdown)}",
        (_paid_text(report), Tone.DIM),
    )


def _paid_text(report: Report) -> str:
    """What was paid in and out within the period, nothing where nothing was."""
    amounts = [flow.amount for flow in report.flows]
    paid_in, paid_out = (
        sum(part, Decimal(0)) for part in ([a for a in amounts if a > 0], [-a for a in amounts if a < 0])
    )
    if not amounts:
        return ""
    return "\n" + say(
        "Paid in {paid_in}, paid out {paid_out}: not counted as gain or loss. Details: rotor report",
        paid_in=fmt.money(paid_in),
        paid_out=fmt.money(paid_out),
    )


def empty_text(report: Report, view: str) -> str:
    """What is shown instead of rows."""
    if report.empty:
        return say("No trades in this period and no holdings. Press ] for a longer period, 3 to make a plan.")
    return {
        "bonds": say("No bonds traded in this period and none held. Press ] for a longer period."),
        "orders": say("No orders in this period. Press ] for a longer period."),
        "stops": say("No stop fired in this period. Press ] for a longer period."),
        "slippage": say("No order was filled in this period. Press ] for a longer period."),
        "equity": say("The account's equity was not recorded in this period. Press ] for a longer period."),
    }[view]


def row_details(item: object) -> tuple[str, Text] | None:
    """Title and text of what is known of a row."""
    if isinstance(item, BondResult):
        return f"{item.code} {item.name}", facts(_bond_facts(item), 16)
    if isinstance(item, OrderResult):
        return item.client_order_id, facts(_order_facts(item), 16)
    if isinstance(item, StopResult):
        return f"{item.code} {item.name}", facts(_stop_facts(item), 16)
    return (say("Equity"), _equity_details(item)) if isinstance(item, EquityPoint) else None


def detail_text(item: object) -> Text:
    """The line below the table: what narrow columns leave out."""
    if isinstance(item, BondResult):
        by_list, by_arrival = slippage_sentence(item.by_list), slippage_sentence(item.by_arrival)
        fees, turnover = fmt.money(item.fees), fmt.money(item.turnover)
        text = say("{name}: turnover {turnover}, fees {fees}", name=item.name, turnover=turnover, fees=fees)
    elif isinstance(item, OrderResult):
        by_list, by_arrival = slippage_sentence(item.by_list), slippage_sentence(item.by_arrival)
        filled, fee = f"{item.filled}/{item.ordered}", fmt.money(item.fee)
        text = say("{name}: {filled} filled, fee {fee}", name=item.name, filled=filled, fee=fee)
    elif isinstance(item, StopResult):
        return styled(say("{name}: {state}", name=item.name, state=say(item.state)))
    else:
        return styled("")
    measured = say(
        "Against the list: {by_list}.  Against the arrival: {by_arrival}.", by_list=by_list, by_arrival=by_arrival
    )
    return styled(f"{text}\n", (measured, Tone.DIM))


def _bond_facts(row: BondResult) -> list[Fact]:
    traded = say("{bought} 张 bought, {sold} 张 sold", bought=row.bought, sold=row.sold)
    if not row.held:
        held = say("nothing")
    elif row.last is None:
        held = say("{held} 张 at {cost}; no price now", held=row.held, cost=fmt.price(row.cost))
    else:
        last = fmt.price(row.last)
        held = say("{held} 张 at {cost}; last {last}", held=row.held, cost=fmt.price(row.cost), last=last)
    return [
        (say("Realised"), fmt.cny(fmt.signed_money(row.realised)), change_tone(row.realised)),
        (say("Open now"), fmt.cny(fmt.signed_money(row.open)), change_tone(row.open)),
        (say("Traded"), traded, Tone.TEXT),
        (say("Turnover"), fmt.cny(fmt.money(row.turnover)), Tone.TEXT),
        (say("Fees"), fmt.cny(fmt.money(row.fees)), Tone.TEXT),
        (say("Held now"), held, Tone.TEXT),
        (say("Against list"), slippage_sentence(row.by_list), Tone.TEXT),
        (say("Against arrival"), slippage_sentence(row.by_arrival), Tone.TEXT),
        ("", "", Tone.DIM),
        ("", say("Realised P/L is based on the average cost, after the fees of both sides."), Tone.DIM),
        ("", say("Slippage above zero means a worse price than the reference."), Tone.DIM),
    ]


def _order_facts(row: OrderResult) -> list[Fact]:
    not_recorded = say("not recorded")
    volumes = say("{filled} of {ordered} 张", filled=row.filled, ordered=row.ordered)
    return [
        (say("Sent"), f"{row.trading_day} {fmt.clock(row.at)}", Tone.TEXT),
        (say("Bond"), f"{row.code} {row.name}", Tone.STRONG),
        (say("Side"), say(str(row.side)), SIDE_TONES[row.side]),
        (say("For"), say(str(row.origin)), Tone.TEXT),
        (say("State"), say(row.state), Tone.TEXT),
        (say("Filled"), volumes, Tone.TEXT),
        (say("Average"), fmt.price(row.average), Tone.STRONG),
        (say("Limit"), fmt.price(row.limit), Tone.TEXT),
        (say("List price"), not_recorded if row.list_price is None else fmt.price(row.list_price), Tone.TEXT),
        (say("Arrival price"), not_recorded if row.arrival is None else fmt.price(row.arrival), Tone.TEXT),
        (say("Against list"), slippage_sentence(row.by_list), Tone.TEXT),
        (say("Against arrival"), slippage_sentence(row.by_arrival), Tone.TEXT),
        (say("Fee"), fmt.cny(fmt.money(row.fee)), Tone.TEXT),
    ]


def _stop_facts(row: StopResult) -> list[Fact]:
    not_recorded = say("not recorded")
    volumes = say("{filled} of {ordered} 张", filled=row.filled, ordered=row.ordered)
    return [
        (say("Fired"), f"{fmt.in_shanghai(row.at):%Y-%m-%d} {fmt.clock(row.at)}", Tone.TEXT),
        (say("Stop"), say(str(row.origin)), Tone.STRONG),
        (say("Trigger"), not_recorded if row.level is None else fmt.price(row.level), Tone.TEXT),
        (say("Price then"), not_recorded if row.price is None else fmt.price(row.price), Tone.TEXT),
        (say("Sold at"), fmt.price(row.average), Tone.TEXT),
        (say("Sold"), volumes, Tone.TEXT),
        (say("Result"), fmt.cny(fmt.signed_money(row.realised)), change_tone(row.realised)),
        (say("State"), say(row.state), Tone.TEXT),
        (say("Order"), row.client_order_id, Tone.DIM),
    ]


def _equity_details(row: EquityPoint) -> Text:
    moved = say(
        "Deposits and withdrawals are no gain and no loss. rotor sees them in the account's cash, from 0.5 % of the "
        "total on; rotor flows records one that it did not see, and takes back one that was none, such as a coupon."
    )
    return facts(
        [
            (say("At"), f"{fmt.in_shanghai(row.at):%Y-%m-%d %H:%M}", Tone.TEXT),
            (say("Equity"), fmt.cny(fmt.money(row.value)), Tone.STRONG),
            (say("Drawdown"), drawdown_text(row.drawdown), Tone.TEXT),
            (say("Paid in"), fmt.cny(fmt.signed_money(row.paid)) if row.paid else say("nothing"), Tone.TEXT),
        ]
    ).append_text(styled((f"\n\n{moved}", Tone.DIM)))

"""What commands print: JSON documents for scripts, aligned text for people."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from core.i18n import joined, language, mark, say, say_many
from core.model.order import Order
from core.model.plan import Leg, Plan
from core.model.snapshot import AdoptionLevels, LegProgress, Rebalance, Snapshot
from core.retold import retell
from tui.cli.help_format import columns

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")

Document = dict[str, Any]

_NUMERIC = frozenset({"volume", "price", "amount", "filled", "average", "fee", "cost"})
_ALERT = "bold red"
_PLAN_HEADER = (
    *(mark("what"), mark("code"), mark("name"), mark("volume")),
    *(mark("price"), mark("amount"), mark("reason")),
)
_REBALANCE_HEADER = (
    *(mark("what"), mark("code"), mark("name"), mark("volume")),
    *(mark("filled"), mark("average"), mark("fee"), mark("status")),
)
_OPEN_HEADER = (mark("open order"), mark("side"), mark("code"), mark("volume"), mark("state"))
_STATES = {"ok": mark("ok"), "note": mark("note"), "warning": mark("warning"), "failed": mark("FAILED")}
_REHEARSAL = (
    *(mark("from", context="dates"), mark("to", context="dates"), mark("sessions"), mark("top"), mark("orders")),
    *(mark("fills"), mark("rejected", context="count"), mark("left market"), mark("turnover"), mark("fees")),
    *(mark("capital"), mark("equity end"), mark("total return"), mark("annualized return"), mark("max drawdown")),
    mark("sharpe"),
)
"""Figures of a rehearsal that are shown in words; see `print_rehearsal`."""


def print_json(document: object, stream: TextIO | None = None) -> None:
    """The one way in which commands print JSON: in English, whatever the engine speaks and the database holds."""
    (stream or sys.stdout).write(json.dumps(retell(document, "en"), ensure_ascii=False, indent=2, default=str) + "\n")


def show(document: T, as_json: bool, printer: Callable[[T], object]) -> None:
    """Print the document as JSON, else with `printer` as text in the language in use."""
    if as_json:
        print_json(document)
    else:
        printer(retell(document, language()))


def adoption_line(volume: int, levels: AdoptionLevels) -> str:
    """What adopting a bond at this price means, in a line."""
    stops = [(say("stop-loss"), levels.loss), (say("take-profit"), levels.profit)]
    told = [f"{name} {level}" for name, level in stops if level is not None]
    text = joined([*told, *filter(None, (levels.note,))])
    return say("{volume} 张 at {price}: {text}", volume=volume, price=levels.price, text=text)


def account_words(latest: Snapshot | None) -> str:
    """Mode and account of a running engine."""
    if latest is None:
        return say("running", context="engine")
    return say("{mode}, account {account}", mode=say(latest.mode), account=latest.account)


def _console() -> "Console":
    """The terminal; 200 columns for a pipe, whose lines should not be wrapped."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(width=200, highlight=False)


def print_plan(plan: Plan) -> None:
    """The plan row by row, then its money."""
    console = _console()
    if plan.refused is not None:
        text = say("REFUSED ({mode}), nothing is sent: {why}", mode=say(plan.mode), why=plan.refused)
        console.print(text, style=_ALERT, markup=False)
        if plan.follows_a_list:
            console.print(plan.list_words, markup=False)
        return
    title = say("Plan {plan_id} ({mode}), {listed}", plan_id=plan.plan_id, mode=say(plan.mode), listed=plan.listed)
    console.print(title, markup=False)
    for note in plan.list_notes:
        console.print(note, style="yellow", markup=False)
    rows = [
        (say(leg.side).upper(), leg.code, leg.name, leg.volume, f"{leg.price:.3f}", f"{leg.amount:,.2f}", leg.reason)
        for leg in plan.legs
    ]
    rows += [(say("KEEP"), row.code, row.name, row.volume, "", "", row.reason) for row in plan.kept]
    rows += [(say("SKIPPED"), row.code, row.name, "", "", "", row.reason) for row in plan.blocked]
    _print_rows(_PLAN_HEADER, rows, console)
    console.print(
        say(
            "cash {cash} CNY now, {after} expected after; turnover {turnover}, fees {fees}",
            cash=_money(plan.cash),
            after=_money(plan.cash_after),
            turnover=_money(plan.turnover),
            fees=_money(plan.fees),
        )
    )
    if plan.question is not None:
        console.print(say("ASKS FIRST: {question}", question=plan.question), style=_ALERT, markup=False)


def print_rebalance(rebalance: Rebalance) -> None:
    """The rebalance leg by leg, and each order whose outcome is unknown."""
    console = _console()
    rows = [
        (
            *(say(leg.side).upper(), leg.code, leg.name, leg.volume, leg.filled_volume),
            *(_price(leg.average_price), f"{leg.fee:.2f}", say(leg.status)),
        )
        for leg in rebalance.legs
    ]
    _print_rows(_REBALANCE_HEADER, rows, console)
    text = say(
        "{origin}: {stage}; cash {cash} CNY",
        origin=say(rebalance.origin),
        stage=say(rebalance.stage),
        cash=_money(rebalance.cash_after),
    )
    console.print(text, markup=False)
    for key in rebalance.unresolved:
        text = say("UNRESOLVED order {key}: no new order for its bond until its outcome is known", key=key)
        console.print(text, style=_ALERT, markup=False)


def print_rehearsal(document: Document) -> None:
    """The report's figures, then every violation."""
    console = _console()
    for title in _REHEARSAL:
        key = title.replace(" ", "_")
        console.print(f"{padded(say(title), 18)} {_figure(key, document[key])}", markup=False)
    if count := document["rounded_closes"]:
        text = say_many(
            "{count} close of the panel was off the tick of 0.001 CNY and was rounded to it.",
            "{count} closes of the panel were off the tick of 0.001 CNY and were rounded to it.",
            count,
        )
        console.print(text, markup=False)
    if count := document["left_out_rows"]:
        text = say_many(
            "{count} row of the panel is of no convertible bond of SH or SZ and was left out.",
            "{count} rows of the panel are of no convertible bonds of SH or SZ and were left out.",
            count,
        )
        console.print(text, markup=False)
    for breach in document["violations"]:
        console.print(say("VIOLATION {breach}", breach=breach), style=_ALERT, markup=False)
    if not document["violations"]:
        console.print(f"{padded(say('violations'), 18)} {say('none')}")


def print_doctor(document: Document) -> None:
    """One line per check, its remedy below it."""
    from rich.text import Text

    console = _console()
    styles = {"ok": "green", "note": "dim", "warning": "yellow", "failed": _ALERT}
    for row in document["findings"]:
        state = (padded(say(_STATES[row["state"]]), 9), styles[row["state"]])
        console.print(Text.assemble(padded(say(row["name"], context="check"), 14), state, row["text"]), soft_wrap=True)
        if row["remedy"]:
            console.print(Text(f"{'':<22} > {row['remedy']}"), soft_wrap=True)
    verdict = {
        "failed": say("Something has failed: see above."),
        "warning": say("Nothing has failed; see the warnings."),
    }
    console.print(f"\n{verdict.get(document['worst'], say('All checks passed.'))}")


def print_status(document: Document) -> None:
    console = _console()

    def line(label: str, text: object, style: str = "") -> None:
        console.print(f"{padded(label, 9)} {text}", style=style, markup=False)

    line(say("folder"), document["home"])
    line(say("engine"), document["running"] or say("not running"))
    if (crashed := document["crashed"]) is not None:
        text = say(
            "its run of {since} crashed or was killed; last did: {last_did}",
            since=crashed["since"],
            last_did=crashed["last_did"],
        )
        line("", text, _ALERT)
    if (engine := document["engine"]) is not None:
        age = engine["last_beat_seconds"]
        alive = say("not heard from yet") if age is None else say("last heard from {age:.1f} s ago", age=age)
        text = say("{alive}; last did: {last_did}", alive=alive, last_did=engine["last_did"] or say("not known"))
        line("", text)
        if engine["trouble"]:
            line("", engine["trouble"], _ALERT)
    for control in document["controls"]:
        line(say("trading"), say("{control} until rotor resume", control=say(control).upper()), _ALERT)
    if (missed := document["missed"]) is not None:
        text = say(
            "{name} of {planned_at}: {why} (run it now with rotor rebalance)",
            name=say(missed["name"]),
            planned_at=missed["planned_at"],
            why=missed["why"],
        )
        line(say("missed"), text, "bold yellow")
    if (record := document["record"]) is not None:
        told = _rule_words(record)
        line(say("record"), f"{record['strategy_id']}/{record['history_id']}: {joined(told) or say('rule not known')}")
        line(say("schedule"), record["schedule"])
        for difference in record["differs"]:
            line("", difference, "bold yellow")
    last = document["last_rebalance"]
    line(
        say("rebalance"),
        say("none yet")
        if last is None
        else say(
            "{plan_id} at {started_at}: {result}",
            plan_id=last["plan_id"],
            started_at=last["started_at"],
            result=say(last["result"]),
        ),
    )
    keys = ("client_order_id", "side", "code", "volume", "state")
    orders = [[order[key] for key in keys] for order in document["open_orders"]]
    if orders:
        told_orders = [[*row[:1], say(row[1]), *row[2:4], say(row[4], context="order")] for row in orders]
        _print_rows(_OPEN_HEADER, told_orders, console)
    if owned := [(row["code"], row["volume"], f"{row['cost']:.3f}") for row in document["ledger"]]:
        _print_rows((mark("owned"), mark("volume"), mark("cost")), owned, console)
    else:
        line(say("owned"), say("nothing"))


def _rule_words(record: Document) -> list[str]:
    """How the followed record trades, as far as that is known."""
    every, holds, timing = record["holding_sessions"], record["top_n"], record["trade_timing"]
    told: list[str] = []
    if every is not None:
        told.append(say_many("every {count} session", "every {count} sessions", every))
    if holds is not None:
        told.append(say_many("holds {count} bond", "holds {count} bonds", holds))
    if timing is not None:
        told.append(say("at the {timing}", timing=say(str(timing))))
    return told


def padded(text: str, width: int) -> str:
    """The text and blanks up to this many columns of the terminal."""
    return text + " " * max(width - columns(text), 0)


def _print_rows(header: Sequence[str], rows: Iterable[Sequence[object]], console: "Console") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in header:
        table.add_column(say(column), justify="right" if column in _NUMERIC else "left", no_wrap=column != "reason")
    for row in rows:
        table.add_row(*[Text(str(cell)) for cell in row])
    console.print(table)


def _money(value: Decimal | None) -> str:
    return say("not known") if value is None else f"{value:,.2f}"


def _price(value: Decimal | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _figure(key: str, value: Any) -> str:  # noqa: ANN401  (whatever the report holds)
    if value is None:
        return say("not known")
    if key in {"total_return", "annualized_return", "max_drawdown"}:
        return f"{value:.2%}"
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def plan_document(plan: Plan) -> Document:
    """Money in CNY, volumes in 张; `cash` is null where the account did not answer."""
    return {
        "plan_id": plan.plan_id,
        "mode": plan.mode,
        "trading_day": plan.trading_day.isoformat(),
        "selection": {
            "trade_date": plan.list_date.isoformat() if plan.list_date else None,
            "codes": [str(code) for code in plan.codes],
            "sessions_old": plan.list_age,
            "skipped": [fields(row, "code", "name", "kind") for row in plan.skipped_rows],
            "notes": list(plan.list_notes),
        },
        "cash": plain(plan.cash),
        "cash_expected": plain(plan.cash_after),
        "legs": [_leg(leg) for leg in plan.legs],
        "kept": [str(row.code) for row in plan.kept],
        "blocked": [fields(row, "side", "code", "name", "reason") for row in plan.blocked],
        "refused": plan.refused,
        "question": plan.question,
    }


def rebalance_document(plan: Plan, rebalance: Rebalance) -> Document:
    """The plan's document with the outcome of each leg: volume, price and amount are those that were ordered."""
    outcome = {leg.code: leg for leg in rebalance.legs}
    return plan_document(plan) | {
        "legs": [_leg(leg) | _outcome(outcome[leg.code]) for leg in plan.legs if leg.code in outcome],
        "result": rebalance.stage,
        "cash_after": plain(rebalance.cash_after),
        "unresolved": list(rebalance.unresolved),
    }


def order_document(order: Order) -> Document:
    """An order's row; its keys are in the order of the exported CSV."""
    intent = order.intent
    return {
        **fields(intent, "client_order_id"),
        **fields(order, "order_id"),
        **fields(intent, "trading_day", "side", "code", "name", "volume", "price"),
        **fields(order, "state", "filled_volume", "average_price", "fee"),
        **fields(intent, "reason"),
        **fields(order, "message"),
    }


def _leg(leg: Leg) -> Document:
    return fields(leg, "side", "code", "name", "volume", "price", "amount", "reason")


def _outcome(leg: LegProgress) -> Document:
    ordered = fields(leg, "volume", "price", "reason") | {"amount": plain(leg.price * leg.volume)}
    return ordered | fields(leg, "status", "client_order_id", "filled_volume", "average_price", "fee")


def fields(row: object, *names: str) -> Document:
    """These fields of a value, as JSON takes them."""
    return {name: plain(getattr(row, name)) for name in names}


def plain(value: object) -> float | str | None:
    """A figure, or text; decimals with at most six places."""
    if isinstance(value, Decimal):
        return float(round(value, 6))
    return value if value is None or isinstance(value, int) else str(value)

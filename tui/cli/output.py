"""What commands print: JSON documents for scripts, aligned text for people."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from core.i18n import say_many
from core.model.order import Order
from core.model.plan import Leg, Plan
from core.model.snapshot import AdoptionLevels, LegProgress, Rebalance

if TYPE_CHECKING:
    from rich.console import Console


T = TypeVar("T")

Document = dict[str, Any]

_NUMERIC = frozenset({"volume", "price", "amount", "filled", "average", "fee", "cost"})
_ALERT = "bold red"
_REBALANCE_HEADER = ("what", "code", "name", "volume", "filled", "average", "fee", "status")


def print_json(document: object, stream: TextIO | None = None) -> None:
    """The one way in which commands print JSON."""
    (stream or sys.stdout).write(json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n")


def show(document: T, as_json: bool, printer: Callable[[T], object]) -> None:
    """Print the document as JSON, else as text with `printer`."""
    if as_json:
        print_json(document)
    else:
        printer(document)


def adoption_line(volume: int, levels: AdoptionLevels) -> str:
    """What adopting a bond at this price means, in a line."""
    stops = [("stop-loss", levels.loss), ("take-profit", levels.profit)]
    told = [f"{name} {level}" for name, level in stops if level is not None]
    return f"{volume} 张 at {levels.price}: " + ", ".join([*told, *filter(None, (levels.note,))])


def _console() -> "Console":
    """The terminal; 200 columns for a pipe, whose lines should not be wrapped."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(width=200, highlight=False)


def print_plan(plan: Plan) -> None:
    """The plan row by row, then its money."""
    console = _console()
    if plan.refused is not None:
        console.print(f"REFUSED ({plan.mode}), nothing is sent: {plan.refused}", style=_ALERT, markup=False)
        if plan.follows_a_list:
            console.print(plan.list_words, markup=False)
        return
    console.print(f"Plan {plan.plan_id} ({plan.mode}), {plan.listed}", markup=False)
    for note in plan.list_notes:
        console.print(note, style="yellow", markup=False)
    rows = [
        (leg.side.upper(), leg.code, leg.name, leg.volume, f"{leg.price:.3f}", f"{leg.amount:,.2f}", leg.reason)
        for leg in plan.legs
    ]
    rows += [("KEEP", row.code, row.name, row.volume, "", "", row.reason) for row in plan.kept]
    rows += [("SKIPPED", row.code, row.name, "", "", "", row.reason) for row in plan.blocked]
    _print_rows(("what", "code", "name", "volume", "price", "amount", "reason"), rows, console)
    console.print(
        f"cash {_money(plan.cash)} CNY now, {_money(plan.cash_after)} expected after; "
        f"turnover {_money(plan.turnover)}, fees {_money(plan.fees)}"
    )
    if plan.question is not None:
        console.print(f"ASKS FIRST: {plan.question}", style=_ALERT, markup=False)


def print_rebalance(rebalance: Rebalance) -> None:
    """The rebalance leg by leg, and each order whose outcome is unknown."""
    console = _console()
    rows = [
        (
            *(leg.side.upper(), leg.code, leg.name, leg.volume, leg.filled_volume),
            *(_price(leg.average_price), f"{leg.fee:.2f}", leg.status),
        )
        for leg in rebalance.legs
    ]
    _print_rows(_REBALANCE_HEADER, rows, console)
    console.print(f"{rebalance.origin}: {rebalance.stage}; cash {_money(rebalance.cash_after)} CNY", markup=False)
    for key in rebalance.unresolved:
        text = f"UNRESOLVED order {key}: no new order for its bond until the broker's order list or you settle it"
        console.print(text, style=_ALERT, markup=False)


def print_rehearsal(document: Document) -> None:
    """The report's figures, then every violation."""
    console = _console()
    for key, value in document.items():
        if key not in {"equity", "violations", "rounded_closes", "left_out_rows"}:
            console.print(f"{key.replace('_', ' '):<18} {_figure(key, value)}", markup=False)
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
        console.print(f"VIOLATION {breach}", style=_ALERT, markup=False)
    if not document["violations"]:
        console.print("violations         none")


def print_doctor(document: Document) -> None:
    """One line per check, its remedy below it."""
    from rich.text import Text

    console = _console()
    styles = {"ok": "green", "note": "dim", "warning": "yellow", "failed": _ALERT}
    for row in document["findings"]:
        state = (f"{row['state']:<8} ", styles[row["state"]])
        console.print(Text.assemble(f"{row['name']:<10}", state, row["text"]), soft_wrap=True)
        if row["remedy"]:
            console.print(Text(f"{'':<18} > {row['remedy']}"), soft_wrap=True)
    verdict = {"failed": "Something has failed: see above.", "warning": "Nothing has failed; see the warnings."}
    console.print(f"\n{verdict.get(document['worst'], 'All checks passed.')}")


def print_status(document: Document) -> None:
    console = _console()

    def line(label: str, text: object, style: str = "") -> None:
        console.print(f"{label:<9} {text}", style=style, markup=False)

    line("folder", document["home"])
    line("engine", document["running"] or "not running")
    if (crashed := document["crashed"]) is not None:
        line("", f"its run of {crashed['since']} crashed or was killed; last did: {crashed['last_did']}", _ALERT)
    if (engine := document["engine"]) is not None:
        age = engine["last_beat_seconds"]
        alive = "no sign of life yet" if age is None else f"last sign of life {age:.1f} s ago"
        line("", f"{alive}; last did: {engine['last_did'] or 'not known'}")
        if engine["trouble"]:
            line("", engine["trouble"], _ALERT)
    for control in document["controls"]:
        line("trading", f"{control.upper()} until rotor resume", _ALERT)
    if (missed := document["missed"]) is not None:
        text = f"{missed['name']} of {missed['planned_at']}: {missed['why']} (run it now with rotor rebalance)"
        line("missed", text, "bold yellow")
    if (record := document["record"]) is not None:
        parts = [("every", "holding_sessions", "sessions"), ("holds", "top_n", "bonds"), ("at the", "trade_timing", "")]
        told = [f"{before} {record[key]} {after}".strip() for before, key, after in parts if record[key] is not None]
        line("record", f"{record['strategy_id']}/{record['history_id']}: {', '.join(told) or 'rule not known'}")
        line("schedule", record["schedule"])
        for difference in record["differs"]:
            line("", difference, "bold yellow")
    last = document["last_rebalance"]
    line("rebalance", "none yet" if last is None else f"{last['plan_id']} at {last['started_at']}: {last['result']}")
    keys = ("client_order_id", "side", "code", "volume", "state")
    if orders := [[order[key] for key in keys] for order in document["open_orders"]]:
        _print_rows(("open order", "side", "code", "volume", "state"), orders, console)
    if owned := [(row["code"], row["volume"], f"{row['cost']:.3f}") for row in document["ledger"]]:
        _print_rows(("owned", "volume", "cost"), owned, console)
    else:
        line("owned", "nothing")


def _print_rows(header: Sequence[str], rows: Iterable[Sequence[object]], console: "Console") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in header:
        table.add_column(column, justify="right" if column in _NUMERIC else "left", no_wrap=column != "reason")
    for row in rows:
        table.add_row(*[Text(str(cell)) for cell in row])
    console.print(table)


def _money(value: Decimal | None) -> str:
    return "not known" if value is None else f"{value:,.2f}"


def _price(value: Decimal | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _figure(key: str, value: Any) -> str:  # noqa: ANN401  (whatever the report holds)
    if value is None:
        return "not known"
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

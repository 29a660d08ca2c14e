"""The command line's answers as text for people: aligned by display width, without colour where nobody looks."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from core.model.order import Order
from core.model.plan import Leg, Plan
from core.model.snapshot import LegProgress, Rebalance

if TYPE_CHECKING:
    from core.model.plan import Plan
    from core.model.snapshot import Rebalance


_NUMERIC = frozenset({"volume", "price", "amount", "filled", "average", "fee", "cost"})


def print_plan(plan: "Plan", console: Console) -> None:
    """The plan, row by row, then its money."""
    if plan.refused is not None:
        console.print(f"REFUSED ({plan.mode}), nothing is sent: {plan.refused}", style="bold red", markup=False)
        return
    console.print(f"Plan {plan.plan_id} ({plan.mode}), list of {plan.list_date}, {len(plan.codes)} bonds")
    rows = [
        (leg.side.upper(), leg.code, leg.name, f"{leg.volume}", f"{leg.price:.3f}", f"{leg.amount:,.2f}", leg.reason)
        for leg in plan.legs
    ]
    rows += [("KEEP", row.code, row.name, f"{row.volume}", "", "", row.reason) for row in plan.kept]
    rows += [("BLOCKED", row.code, row.name, "", "", "", row.reason) for row in plan.blocked]
    print_rows(("what", "code", "name", "volume", "price", "amount", "reason"), rows, console)
    console.print(
        f"cash {_money(plan.cash)} CNY now, {_money(plan.cash_after)} expected after; "
        f"turnover {_money(plan.turnover)}, fees {_money(plan.fees)}"
    )


def print_rebalance(document: dict[str, Any], console: Console) -> None:
    rows = [
        (
            leg["side"].upper(),
            leg["code"],
            leg["name"],
            f"{leg['volume']}",
            f"{leg['filled_volume']}",
            "" if leg["average_price"] is None else f"{leg['average_price']:.3f}",
            f"{leg['fee']:.2f}",
            leg["status"],
        )
        for leg in document["legs"]
    ]
    print_rows(("what", "code", "name", "volume", "filled", "average", "fee", "status"), rows, console)
    console.print(f"{document['result']}; cash {_money(document['cash_after'])} CNY", markup=False)
    for key in document["unresolved"]:
        console.print(
            f"UNRESOLVED order {key}: its bond is frozen until the broker's list settles it", style="bold red"
        )


def print_run(run: "Rebalance", console: Console) -> None:
    """A run with its legs, where no plan stands beside it."""
    rows = [
        (
            leg.side.upper(),
            leg.code,
            leg.name,
            f"{leg.volume}",
            f"{leg.filled_volume}",
            "" if leg.average_price is None else f"{leg.average_price:.3f}",
            f"{leg.fee:.2f}",
            leg.status,
        )
        for leg in run.legs
    ]
    print_rows(("what", "code", "name", "volume", "filled", "average", "fee", "status"), rows, console)
    console.print(f"{run.origin}: {run.stage}; cash {_money(run.cash_after)} CNY", markup=False)


def print_rehearsal(document: dict[str, Any], console: Console) -> None:
    """The report's figures, and every breach."""
    ratio = {"total_return", "annualized_return", "max_drawdown"}
    skipped = {"equity", "violations"}
    for key, value in document.items():
        if key in skipped:
            continue
        text = "not known" if value is None else f"{value:.2%}" if key in ratio else _figure(value)
        console.print(f"{key.replace('_', ' '):<18} {text}", markup=False, highlight=False)
    for breach in document["violations"]:
        console.print(f"VIOLATION {breach}", style="bold red", markup=False)
    console.print("violations         none" if not document["violations"] else "", highlight=False)


def print_doctor(document: dict[str, Any], console: Console) -> None:
    """One line a check, its remedy below it."""
    styles = {"ok": "green", "note": "dim", "warning": "yellow", "failed": "bold red"}
    for row in document["findings"]:
        console.print(
            Text.assemble(f"{row['name']:<10}", (f"{row['state']:<8} ", styles[row["state"]]), row["text"]),
            soft_wrap=True,
        )
        if row["remedy"]:
            console.print(Text(f"{'':<18} > {row['remedy']}"), soft_wrap=True)
    console.print()
    verdict = {"failed": "Something has failed: see above.", "warning": "Nothing has failed; see the warnings."}
    console.print(verdict.get(document["worst"], "All is well."))


def print_status(document: dict[str, Any], console: Console) -> None:
    console.print(f"home      {document['home']}", markup=False, highlight=False)
    console.print(f"engine    {document['running'] or 'not running'}", markup=False, highlight=False)
    if (crashed := document["crashed"]) is not None:
        told = f"          its run of {crashed['since']} was ended without a word; last did: {crashed['last_did']}"
        console.print(told, style="bold red", markup=False, highlight=False)
    if (engine := document["engine"]) is not None:
        beat = engine["last_beat_seconds"]
        told = "no beat is known" if beat is None else f"last beat {beat:.1f} s ago"
        console.print(f"          {told}; last did: {engine['last_did'] or 'not known'}", markup=False, highlight=False)
        if engine["trouble"]:
            console.print(f"          {engine['trouble']}", style="bold red", markup=False, highlight=False)
    for control in document["controls"]:
        console.print(f"controls  {control.upper()}: rotor resume ends it", style="bold red", highlight=False)
    if document["missed"] is not None:
        missed = document["missed"]
        told = (
            f"missed    {missed['name']} of {missed['planned_at']}: {missed['why']} (rotor rebalance makes up for it)"
        )
        console.print(told, style="bold yellow", markup=False, highlight=False)
    last = document["last_rebalance"]
    told = "none yet" if last is None else f"{last['plan_id']} at {last['started_at']}: {last['result']}"
    console.print(f"rebalance {told}", markup=False, highlight=False)
    orders = [
        (order["client_order_id"], order["side"], order["code"], f"{order['volume']}", order["state"])
        for order in document["open_orders"]
    ]
    if orders:
        print_rows(("open order", "side", "code", "volume", "state"), orders, console)
    owned = [(row["code"], f"{row['volume']}", f"{row['cost']:.3f}") for row in document["ledger"]]
    if owned:
        print_rows(("owned", "volume", "cost"), owned, console)
    else:
        console.print("owned     nothing")


def plain_console() -> Console:
    """The terminal; a pipe has no width, and its lines are not to be wrapped for a terminal that is not there."""
    console = Console()
    return console if console.is_terminal else Console(width=200)


def print_rows(header: Sequence[str], rows: Iterable[Sequence[str]], console: Console) -> None:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in header:
        table.add_column(column, justify="right" if column in _NUMERIC else "left", no_wrap=column != "reason")
    for row in rows:
        table.add_row(*[Text(str(cell)) for cell in row])
    console.print(table)


def _money(value: Any) -> str:  # noqa: ANN401  (Decimal, float or None)
    return "not known" if value is None else f"{value:,.2f}"


def _figure(value: Any) -> str:  # noqa: ANN401  (whatever the document holds)
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def plan_document(plan: Plan) -> dict[str, Any]:
    """Money in CNY, volumes in 张; `cash` is null where the account did not answer."""
    return {
        "plan_id": plan.plan_id,
        "mode": plan.mode,
        "trading_day": plan.trading_day.isoformat(),
        "selection": {
            "trade_date": plan.list_date.isoformat() if plan.list_date else None,
            "codes": [str(code) for code in plan.codes],
        },
        "cash": None if plan.cash is None else float(plan.cash),
        "cash_expected": None if plan.cash_after is None else float(plan.cash_after),
        "legs": [_leg(leg) for leg in plan.legs],
        "kept": [str(row.code) for row in plan.kept],
        "blocked": [
            {"side": str(row.side), "code": str(row.code), "name": row.name, "reason": row.reason}
            for row in plan.blocked
        ],
        "refused": plan.refused,
    }


def rebalance_document(plan: Plan, rebalance: Rebalance) -> dict[str, Any]:
    """The plan's document with what became of each leg: volume, price and amount are those that were ordered."""
    outcome = {leg.code: leg for leg in rebalance.legs}
    document = plan_document(plan)
    document["legs"] = [{**_leg(leg), **_outcome(outcome[leg.code])} for leg in plan.legs if leg.code in outcome]
    document["result"] = rebalance.stage
    document["cash_after"] = None if rebalance.cash_after is None else float(rebalance.cash_after)
    document["unresolved"] = list(rebalance.unresolved)
    return document


def order_document(order: Order) -> dict[str, Any]:
    intent = order.intent
    return {
        "client_order_id": intent.client_order_id,
        "order_id": order.order_id,
        "trading_day": intent.trading_day.isoformat(),
        "side": str(intent.side),
        "code": str(intent.code),
        "name": intent.name,
        "volume": intent.volume,
        "price": float(intent.price),
        "state": str(order.state),
        "filled_volume": order.filled_volume,
        "average_price": None if order.average_price is None else float(round(order.average_price, 6)),
        "fee": float(order.fee),
        "reason": intent.reason,
        "message": order.message,
    }


def _leg(leg: Leg) -> dict[str, Any]:
    return {
        "side": str(leg.side),
        "code": str(leg.code),
        "name": leg.name,
        "volume": leg.volume,
        "price": float(leg.price),
        "amount": float(leg.amount),
        "reason": leg.reason,
    }


def _outcome(leg: LegProgress) -> dict[str, Any]:
    return {
        "volume": leg.volume,
        "price": float(leg.price),
        "amount": float(leg.price * leg.volume),
        "reason": leg.reason,
        "status": leg.status,
        "client_order_id": leg.client_order_id,
        "filled_volume": leg.filled_volume,
        "average_price": None if leg.average_price is None else float(round(leg.average_price, 6)),
        "fee": float(leg.fee),
    }

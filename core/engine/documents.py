"""The JSON documents of the command line (their keys are a contract with scripts)."""

from typing import Any

from core.model.order import Order
from core.model.plan import Leg, Plan
from core.model.snapshot import LegProgress, Rebalance


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

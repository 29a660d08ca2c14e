"""What only the user can decide: unresolved orders, and which holdings rotor manages."""

from decimal import Decimal

from core.i18n import say
from core.model.bond import BondCode
from core.model.errors import RefusedError
from core.model.known import Unknown
from core.model.order import Fill, Order, OrderState, Side
from core.rules.performance import EntryKind
from core.rules.sizing import fee
from core.trading.ledger import SETTLED
from core.trading.order_manager import OrderManager


class CannotSettle(RefusedError, ValueError):
    """What the user says does not fit what is known; the message says what to do."""


async def settle(order_manager: OrderManager, client_order_id: str, *, filled: bool) -> Order:
    """Settle an open order that the broker does not settle, as the user says.

    `filled` books what was left of it at its limit, with the settings' fee, and must fit the account's holding; else it
    ends with what is booked. The broker's list is read first and takes precedence. Raises `CannotSettle`.
    """
    order = order_manager.journal.get(client_order_id)
    if order is None:
        raise CannotSettle(
            say(
                "there is no order {client_order_id}: rotor status lists the open ones", client_order_id=client_order_id
            )
        )
    unanswered = await order_manager.sync_with_broker()
    if unanswered is not None:
        raise CannotSettle(
            say("nothing is settled while the account does not answer: {unanswered}", unanswered=unanswered)
        )
    order = order_manager.journal[client_order_id]
    if order.done:
        raise CannotSettle(
            say(
                "order {client_order_id} is {state} already: {message}",
                client_order_id=client_order_id,
                state=order.state,
                message=order.message,
            )
        )
    if await _is_listed(order_manager, order):
        raise CannotSettle(
            say(
                "order {client_order_id} is {state} at the broker: cancel it instead",
                client_order_id=client_order_id,
                state=order.state,
            )
        )
    if not filled:
        state = OrderState.CANCELLED if order.live or order.filled_volume else OrderState.REFUSED
        order_manager.close_order(
            client_order_id,
            state,
            say("settled by the user: over, {filled_volume} 张 filled", filled_volume=order.filled_volume),
        )
    else:
        await _check_holding(order_manager, order)
        order_manager.on_event(_settled_fill(order_manager, order))
    return order_manager.journal[client_order_id]


async def adopt(order_manager: OrderManager, code: BondCode, price: Decimal | None = None) -> int:
    """Put all that the account holds of a bond under management, at `price` (CNY per 张) or at its cost there; answers
    with the 张 that are new. A cost at or below zero is booked as unknown.

    Raises `CannotSettle`.
    """
    more, cost = await adoptable(order_manager, code)
    booked = max(cost if price is None else price, Decimal(0))
    order_manager.ledger.move_by_hand(EntryKind.ADOPTED, code, Side.BUY, more, booked, order_manager.clock.now())
    order_manager.notify()
    return more


async def adoptable(order_manager: OrderManager, code: BondCode) -> tuple[int, Decimal]:
    """How many 张 of a bond are not managed yet, and their cost in the account. Raises `CannotSettle`."""
    held, cost = await _holding(order_manager, code)
    more = held - order_manager.ledger.volume(code)
    if more <= 0:
        raise CannotSettle(
            say(
                "{code}: the account holds {held} 张, the strategy owns as many: there is nothing to adopt",
                code=code,
                held=held,
            )
        )
    _not_busy(order_manager, code)
    return more, cost


async def release(order_manager: OrderManager, code: BondCode) -> int:
    """Take a bond out of management: it is the user's own from now on. Answers with the 张 that were owned.

    Raises `CannotSettle`.
    """
    owned = order_manager.ledger.volume(code)
    if owned == 0:
        raise CannotSettle(say("{code}: the strategy owns nothing of it", code=code))
    _not_busy(order_manager, code)
    order_manager.ledger.move_by_hand(EntryKind.RELEASED, code, Side.SELL, owned, Decimal(0), order_manager.clock.now())
    order_manager.notify()
    return owned


async def _is_listed(order_manager: OrderManager, order: Order) -> bool:
    listed = await order_manager.broker.orders(order_manager.clock.now().date())
    if isinstance(listed, Unknown):
        raise CannotSettle(say("nothing is settled while the account does not answer: {reason}", reason=listed.reason))
    if order.intent.code in order_manager.broker.frozen:  # its row may be the one that cannot be read
        raise CannotSettle(order_manager.broker.frozen[order.intent.code])
    return order.intent.client_order_id in {row.remark for row in listed.value}


async def _check_holding(order_manager: OrderManager, order: Order) -> None:
    held, _ = await _holding(order_manager, order.intent.code)
    owned, rest = order_manager.ledger.volume(order.intent.code), order.remaining
    after = owned + rest if order.intent.side is Side.BUY else owned - rest
    if held < after or after < 0:
        raise CannotSettle(
            say(
                "order {client_order_id} cannot have been filled: the strategy would own {after} 张 of "
                "{code}, and the account holds {held}",
                client_order_id=order.intent.client_order_id,
                after=after,
                code=order.intent.code,
                held=held,
            )
        )


def _settled_fill(order_manager: OrderManager, order: Order) -> Fill:
    intent, rest = order.intent, order.remaining
    charge = fee(intent.code.exchange, intent.price * rest, order_manager.risk.settings.fees)
    return Fill(
        intent.trading_day,
        order.order_id or "",
        f"{intent.client_order_id}/{SETTLED}",
        intent.client_order_id,
        intent.code,
        intent.side,
        rest,
        intent.price,
        charge,
        order_manager.clock.now(),
    )


async def _holding(order_manager: OrderManager, code: BondCode) -> tuple[int, Decimal]:
    positions = await order_manager.broker.positions()
    if isinstance(positions, Unknown):
        raise CannotSettle(say("the account's positions are unknown: {reason}", reason=positions.reason))
    if code in order_manager.frozen:
        raise CannotSettle(order_manager.frozen[code])
    return next(((row.volume, row.cost) for row in positions.value if row.code == code), (0, Decimal(0)))


def _not_busy(order_manager: OrderManager, code: BondCode) -> None:
    busy = order_manager.journal.busy().get(code)
    if busy is not None:
        raise CannotSettle(say("{code}: {busy}: wait for its end, or settle it first", code=code, busy=busy))

"""The self-test: one lot far below the market on each exchange, read back, cancelled, and the cancel proven.

A counter that takes 10 for ten lots, or lists an order in another unit, shows here, where it costs nothing.
"""

import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import TypeVar

from core.i18n import reasons, say
from core.model.bond import Exchange
from core.model.command import SelfTest
from core.model.errors import RotorError
from core.model.known import Known, Unknown
from core.model.order import DONE_STATES, BrokerOrder, Intent, OrderState, Origin, Side
from core.model.quote import Quote
from core.rules.pricing import why_not_tradable
from core.rules.sizing import cost
from core.rules.ticks_and_lots import LOT, day_limits
from core.trading.order_manager import OrderManager

log = logging.getLogger(__name__)

T = TypeVar("T")

_READ_BACK = 5.0
"""Seconds that the account is given to show an order and the money behind it."""

_LOOK = 0.25

_FAR = Decimal("0.9")
"""Highest ratio of the test's price to the bid: it must not trade."""

_TOLERANCE = Decimal("0.05")
"""How far the frozen money may be from price times volume, a ratio: commission is frozen too, as each broker likes."""


class _TestFailed(RotorError):
    """The message says what was expected and what was seen."""


async def self_test(order_manager: OrderManager, quotes: Sequence[Quote], begun: Callable[[str], None]) -> SelfTest:
    """Try one bond of each exchange among `quotes`, the cheapest; `begun` is called with the plan id of its orders."""
    plan_id = f"{order_manager.clock.now():%y%m%d}-{secrets.token_hex(3)}"
    begun(plan_id)
    lines: list[str] = []
    passed = True
    for number, exchange in enumerate(Exchange, 1):
        try:
            lines.append(
                await _probe(
                    order_manager, _candidate(order_manager, quotes, exchange), plan_id, f"{plan_id}-T{number}"
                )
            )
        except _TestFailed as failure:
            passed = False
            lines.append(say("{exchange}: failed: {failure}", exchange=exchange, failure=failure))
        log.info("self-test: %s", lines[-1])
    return SelfTest(passed, order_manager.clock.now(), tuple(lines))


def _candidate(order_manager: OrderManager, quotes: Sequence[Quote], exchange: Exchange) -> Quote:
    """The cheapest bond that trades now and has room below its price; not one that the strategy trades or owns."""
    taken = {*order_manager.unavailable_bonds(), *order_manager.ledger.holdings()}
    today = order_manager.clock.now().date()
    fit = [
        quote
        for quote in quotes
        if quote.code.exchange is exchange
        and quote.code not in taken
        and why_not_tradable(Side.BUY, quote, today) is None
        and _price(quote) is not None
    ]
    if not fit:
        raise _TestFailed(say("no bond of this exchange trades now with a bid well above its limit-down"))
    return min(fit, key=lambda quote: quote.last)


def _price(quote: Quote) -> Decimal | None:
    """The day's limit-down, where that is far below the best bid."""
    limits = day_limits(quote)
    if limits is None or quote.bid is None or limits.low > quote.bid * _FAR:
        return None
    return limits.low


async def _probe(order_manager: OrderManager, quote: Quote, plan_id: str, key: str) -> str:
    """Send, read back, cancel; returns what was seen. Raises `_TestFailed`, with the order cancelled too."""
    price = _price(quote)
    if price is None:
        raise _TestFailed(say("its limits are not known"))
    before = await _cash(order_manager)
    if before < (needed := cost(LOT, price, quote.code.exchange, order_manager.risk.settings.fees)):
        raise _TestFailed(
            say("{needed:,.2f} CNY are needed for a moment, {before:,.2f} are there", needed=needed, before=before)
        )
    day = order_manager.clock.now().date()
    reason = say("self-test: {LOT} 张 far below the market, to be cancelled at once", LOT=LOT)
    intent = Intent(key, plan_id, day, quote.code, quote.name, Side.BUY, LOT, price, reason, 1, Origin.SELF_TEST)
    refused = await order_manager.send([intent])
    if key in refused:
        raise _TestFailed(refused[key])
    troubles = [await _trouble(_read_back(order_manager, intent, before)), await _trouble(_cancel(order_manager, key))]
    if any(troubles):
        raise _TestFailed(reasons(trouble for trouble in troubles if trouble))
    return say(
        "{exchange}: {code} {name}: {LOT} 张 at {price} listed, frozen, cancelled",
        exchange=quote.code.exchange,
        code=quote.code,
        name=quote.name,
        LOT=LOT,
        price=price,
    )


async def _trouble(step: Awaitable[None]) -> str | None:
    """What was wrong with a step, None when nothing was; the next step runs in both cases."""
    try:
        await step
    except _TestFailed as failure:
        return str(failure)
    return None


async def _read_back(order_manager: OrderManager, intent: Intent, before: Decimal) -> None:
    listed = await _until(order_manager, lambda: _listed(order_manager, intent.client_order_id))
    if listed is None:
        raise _TestFailed(
            say(
                "the account does not list the order: it is {message}",
                message=order_manager.journal[intent.client_order_id].message,
            )
        )
    if listed.state is OrderState.REJECTED:
        raise _TestFailed(say("the order was rejected: {message}", message=listed.message))
    if listed.volume != LOT:
        raise _TestFailed(say("{LOT} 张 were ordered, the account lists {volume}", LOT=LOT, volume=listed.volume))
    wanted = intent.price * LOT
    most = (
        wanted * (1 + _TOLERANCE)
        + order_manager.risk.settings.fees.sh.minimum
        + order_manager.risk.settings.fees.sz.minimum
    )

    async def frozen() -> Decimal | None:
        taken = before - await _cash(order_manager)
        return taken if wanted * (1 - _TOLERANCE) <= taken <= most else None

    if await _until(order_manager, frozen) is None:
        taken = before - await _cash(order_manager)
        raise _TestFailed(
            say(
                "{LOT} 张 at {price} should freeze {wanted:,.2f} CNY, {taken:,.2f} went from the cash",
                LOT=LOT,
                price=intent.price,
                wanted=wanted,
                taken=taken,
            )
        )


async def _cancel(order_manager: OrderManager, key: str) -> None:
    if order_manager.journal[key].unresolved:
        await order_manager.sync_with_broker()
    await order_manager.cancel_and_wait([key])
    order = order_manager.journal[key]
    listed = await _listed(order_manager, key)
    if not order.done and listed is not None and listed.state in DONE_STATES:
        # Listed in another unit than it was ordered in, which the order manager takes for an order of somebody else.
        order_manager.close_order(key, listed.state, say("over, and listed with {volume} 张", volume=listed.volume))
    elif not order.done:
        raise _TestFailed(say("order {key} is {state}: its cancel is not proven", key=key, state=order.state))
    if order.filled_volume:
        raise _TestFailed(
            say(
                "order {key} was filled: {filled_volume} 张 of {code} are the strategy's now",
                key=key,
                filled_volume=order.filled_volume,
                code=order.intent.code,
            )
        )


async def _cash(order_manager: OrderManager) -> Decimal:
    asset = await order_manager.broker.asset()
    if isinstance(asset, Unknown):
        raise _TestFailed(say("the account's cash is unknown: {reason}", reason=asset.reason))
    return asset.value.cash


async def _listed(order_manager: OrderManager, remark: str) -> BrokerOrder | None:
    orders = await order_manager.broker.orders(order_manager.clock.now().date())
    found = orders.value if isinstance(orders, Known) else ()
    return next((order for order in found if order.remark == remark), None)


async def _until(order_manager: OrderManager, look: Callable[[], Awaitable[T | None]]) -> T | None:
    """What `look` sees, as soon as it sees something; None after a while."""
    deadline = order_manager.clock.elapsed() + _READ_BACK
    while (seen := await look()) is None and order_manager.clock.elapsed() < deadline:
        await order_manager.clock.sleep(_LOOK)
    return seen

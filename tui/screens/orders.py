"""Orders: a day's, newest first, with what happened to each."""

from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.binding import BindingType

from core.i18n import labelled, mark, noted, say, say_many
from core.model.bond import BondCode
from core.model.command import CancelOrder, DayOfOrders, Done, ReadOrders, SettleOrder
from core.model.known import Known
from core.model.order import DONE_STATES, UNRESOLVED_STATES, Intent, Order, OrderState, Origin
from core.model.snapshot import Snapshot
from tui import format as fmt
from tui.actions import bindings_of
from tui.screens.bond import BondDialog
from tui.screens.bond_list import BondListPane
from tui.screens.dialogs import ChoiceDialog, Confirm, Fact, kept_current
from tui.screens.empty_state import empty_state
from tui.screens.holding_text import fitting
from tui.screens.line_charts import limit_line
from tui.screens.metrics_text import metrics_below
from tui.widgets.chart_data import LevelLine
from tui.widgets.columns import Column, TableRow, cell
from tui.widgets.text import facts, hanging
from tui.widgets.theme import SIDE_TONES, STYLES, Tone, state_tone, styled

_COLUMNS = (
    Column(mark("Time"), 8),
    Column(mark("Side"), 4),
    Column(mark("Code"), 9),
    Column(mark("Name"), 8, most=12),
    Column(mark("Volume"), 5, right=True),
    Column(mark("Price"), 7, right=True),
    Column(mark("Filled"), 5, right=True),
    Column(mark("Average"), 7, right=True, rank=2),
    Column(mark("Fee"), 5, right=True, rank=3),
    Column(mark("State"), 9, most=11),
    Column(mark("Age", context="order"), 3, right=True, rank=1),
    Column(mark("For"), 5, most=11, rank=4),
    Column(mark("Reason"), 10, flex=True, rank=2),
)
# States whose message is news rather than a receipt.
_FAILED_STATES = UNRESOLVED_STATES | DONE_STATES - {OrderState.FILLED}
# Planned orders; all others stand out.
_SCHEDULED_ORIGINS = frozenset({Origin.REBALANCE, Origin.REFILL, Origin.SELF_TEST})


class OrdersPane(BondListPane):
    """Today's orders with the unsettled ones of past days; or the orders of one past day."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("orders")

    def __init__(self) -> None:
        super().__init__("orders", mark("Orders"), _COLUMNS, mark("code, name, state or reason"))
        self._orders: dict[str, Order] = {}
        self._cancelling: set[str] = set()
        self._past_day: DayOfOrders | None = None
        self._reading: date | None = None

    def why_not(self, action: str) -> str:
        order = self._selected()
        if action == "reverse" and self.sorting is None:
            return say("The rows are not sorted: press o.")
        if action in ("earlier", "later", "today"):
            return self._why_not_change_day(action)
        if action in ("open", "cancel", "settle") and order is None:
            return say("There is no order here.")
        if action == "settle" and order is not None and not self._can_be_settled(order):
            return say("This order is {state}: there is nothing to settle.", state=say(order.state))
        return self._why_not_cancel(order) if action == "cancel" and order is not None else ""

    def _why_not_change_day(self, action: str) -> str:
        if self._reading is not None:
            return say("Loading the orders of {day}.", day=self._reading)
        if action != "earlier" and self._past_day is None:
            return say("These are today's orders.")
        if action == "earlier" and self._past_day is not None and self._past_day.earlier is None:
            return say("There are no orders before {day}.", day=self._past_day.day)
        return ""

    def _why_not_cancel(self, order: Order) -> str:
        if order.intent.client_order_id in self._cancelling:
            return say("This order is being cancelled.")
        if order.unresolved:
            return say("It is not known yet whether this order is live: rotor is looking it up.")
        if not order.live:
            return say("This order is {state}: there is nothing to cancel.", state=say(order.state))
        return ""

    def show(self, snapshot: Snapshot) -> None:
        orders = snapshot.orders if self._past_day is None else self._past_day.orders
        newest_first = sorted(orders, key=lambda order: order.created_at, reverse=True)
        self._orders = {order.intent.client_order_id: order for order in newest_first}
        self.summary.set_text(_summary(newest_first, None if self._past_day is None else self._past_day.day))
        empty = self._empty_state(snapshot)
        if self._past_day is not None:
            empty = say("No orders on {day}.", day=self._past_day.day)
        self.set_rows([_row(order, snapshot) for order in newest_first], empty)

    def _empty_state(self, snapshot: Snapshot) -> Text:
        sentence = say("No orders today. Here is each order with what became of it.")
        keys = (("3", say("to the plan: r makes one, e executes it")), ("[", say("the orders of the day before")))
        return empty_state(sentence, keys, snapshot, self.app.size.width)

    def action_earlier(self) -> None:
        if self._past_day is not None and self._past_day.earlier is not None:
            self._show_day(self._past_day.earlier)
        elif self._past_day is None and self.host.snapshot is not None:
            self.start(partial(self._show_last_day, self.host.snapshot), "day")

    def action_later(self) -> None:
        later, snapshot = (self._past_day.later if self._past_day else None), self.host.snapshot
        if later is None or (snapshot is not None and later == snapshot.trading_day):
            self.action_today()
        else:
            self._show_day(later)

    def action_today(self) -> None:
        self._past_day = None
        self._redraw()

    def _show_day(self, day: date) -> None:
        self._reading = day
        self.start(partial(self._read, day), "day")

    async def _show_last_day(self, snapshot: Snapshot) -> None:
        """To the newest day before today that has orders."""
        today = await self.host.ask(ReadOrders(snapshot.trading_day or snapshot.at.date()))
        if not isinstance(today, Done):
            self.host.show_message(say("The orders could not be read: {reason}", reason=today.text), failed=True)
        elif today.value.earlier is None:
            self.host.show_message(say("There are no orders before today."))
        else:
            await self._read(today.value.earlier)

    async def _read(self, day: date) -> None:
        try:
            reply = await self.host.ask(ReadOrders(day))
        finally:
            self._reading = None
        if isinstance(reply, Done):
            self._past_day = reply.value
        else:
            self.host.show_message(say("The orders could not be read: {reason}", reason=reply.text), failed=True)
        self._redraw()

    def _redraw(self) -> None:
        if self.host.snapshot is not None:
            self.show(self.host.snapshot)
        self.host.refresh_keys()

    def update_detail(self) -> None:
        order = self._selected()
        if order is not None and self.beside:
            self.detail.set_text(self._all_details(order))
        elif order is not None:
            note = f"  {order.message}" if order.message else ""
            average = "" if order.average_price is None else say("  avg {price}", price=fmt.price(order.average_price))
            self.detail.set_text(
                styled(
                    (f"{order.intent.code} {order.intent.name}", Tone.STRONG),
                    (average + say("  fee {fee}", fee=fmt.money(order.fee)), Tone.DIM),
                    f"  {_why(order.intent)}",
                    (note, Tone.WARN if order.state in _FAILED_STATES else Tone.DIM),
                )
            )

    def _all_details(self, order: Order) -> Text:
        """With the bond's figures where there is room; not those of today below an order of a past day."""
        text, snapshot, room = _details(order), self.host.snapshot, self.detail.content_size
        if snapshot is not None and self._past_day is None:
            figures = metrics_below(snapshot.metrics().get(order.intent.code), snapshot.at)
            text.append_text(fitting(figures, room, text))
        return text

    def chosen_bond(self) -> tuple[BondCode, Sequence[LevelLine]] | None:
        """With the order's limit; none of a past day, whose prices are not kept."""
        order = self._selected()
        if order is None or self._past_day is not None:
            return None
        return order.intent.code, (limit_line(order.intent.price, order.intent.side),)

    def action_open(self) -> None:
        order, snapshot = self._selected(), self.host.snapshot
        if order is not None and snapshot is not None:
            self.host.push_screen(kept_current(partial(self._card, order), snapshot))

    def _card(self, order: Order, snapshot: Snapshot) -> BondDialog:
        side = say(order.intent.side).upper()
        title = f"{side} {order.intent.code} {order.intent.name}"
        return BondDialog(self.host, title, _details(_order_now(order, snapshot)), order.intent.code)

    def action_cancel(self) -> None:
        order = self._selected()
        if order is not None:
            self._cancelling.add(order.intent.client_order_id)
            self.start(partial(self._cancel, order), f"cancel-{order.intent.client_order_id}")

    def action_settle(self) -> None:
        order = self._selected()
        if order is not None:
            self.start(partial(self._settle, order), f"settle-{order.intent.client_order_id}")

    async def _settle(self, order: Order) -> None:
        """Ask for its outcome, and show all that is known of it."""
        intent = order.intent
        snapshot = self.host.snapshot
        if snapshot is None:
            return
        answer = await self.host.push_screen_wait(kept_current(partial(_settlement, order), snapshot))
        if not answer:
            return
        reply = await self.host.ask(SettleOrder(intent.client_order_id, answer == "f"))
        if isinstance(reply, Done):
            self.host.show_message(
                say("{what}: {reason}.", what=f"{intent.code} {intent.name}", reason=say(reply.value))
            )
        else:
            self.host.show_message(
                say("{code} was not settled: {reason}", code=intent.code, reason=reply.text), failed=True
            )

    def _can_be_settled(self, order: Order) -> bool:
        """Whether the broker's lists cannot settle it: they do not have it, or its day is over."""
        snapshot = self.host.snapshot
        today = snapshot.trading_day if snapshot else None
        return order.unresolved or (order.live and today is not None and order.intent.trading_day < today)

    async def _cancel(self, order: Order) -> None:
        intent, snapshot = order.intent, self.host.snapshot
        try:
            if snapshot is None:
                return
            if not await self.host.push_screen_wait(kept_current(partial(_cancellation, order), snapshot)):
                return
            reply = await self.host.ask(CancelOrder(intent.client_order_id))
        finally:
            self._cancelling.discard(intent.client_order_id)
        if isinstance(reply, Done):
            self.host.show_message(
                say("{what}: {reason}.", what=f"{intent.code} {intent.name}", reason=say(reply.value))
            )
        else:
            self.host.show_message(
                say("{code} was not cancelled: {reason}", code=intent.code, reason=reply.text), failed=True
            )

    def _selected(self) -> Order | None:
        return self._orders.get(self.table.cursor_key or "")


def _order_now(order: Order, snapshot: Snapshot) -> Order:
    """This order as the snapshot has it; one of another day is as it was."""
    key = order.intent.client_order_id
    return next((newer for newer in snapshot.orders if newer.intent.client_order_id == key), order)


def _settlement(order: Order, snapshot: Snapshot) -> ChoiceDialog:
    order = _order_now(order, snapshot)
    left, price, filled = fmt.volume(order.remaining), fmt.price(order.intent.price), fmt.volume(order.filled_volume)
    return ChoiceDialog(
        say("Settle this order"),
        _settle_facts(order, snapshot),
        say("Check the account in MiniQMT. What happened to this order?"),
        (
            ("f", say("Filled: all {volume} 张 at {price}", volume=left, price=price)),
            ("d", say("Dead: it has ended, {volume} 张 were filled", volume=filled)),
        ),
    )


def _settle_facts(order: Order, snapshot: Snapshot) -> list[Fact]:
    intent = order.intent
    held, ours = fmt.NOT_KNOWN, fmt.NOT_KNOWN
    if isinstance(snapshot.positions, Known):
        row = next((row for row in snapshot.positions.value if row.code == intent.code), None)
        held, ours = (fmt.volume(row.volume), fmt.volume(row.ours)) if row else ("0", "0")
    last = order.log[-1] if order.log else None
    figures = {"day": intent.trading_day, "volume": fmt.volume(intent.volume), "price": fmt.price(intent.price)}
    booked = fmt.volume(order.filled_volume)
    return [
        (say("Order"), f"{say(intent.side)} {intent.code} {intent.name}", Tone.STRONG),
        (say("Of"), say("{day}, {volume} 张 at {price}", **figures), Tone.TEXT),
        (say("State"), labelled(say(order.state), order.message), Tone.WARN),
        (say("Last update"), f"{fmt.clock(last.at)} {last.text}" if last else say("none"), Tone.TEXT),
        (say("Broker id"), order.order_id or say("none: it may never have arrived"), Tone.TEXT),
        (say("Filled"), say("{volume} 张 are booked", volume=booked), Tone.TEXT),
        (say("Account"), say("holds {held} 张, {ours} of them the strategy's", held=held, ours=ours), Tone.TEXT),
    ]


def _cancellation(order: Order, snapshot: Snapshot) -> Confirm:
    order = _order_now(order, snapshot)
    filled = say("{volume} 张; what is filled stays filled", volume=fmt.volume(order.filled_volume))
    return Confirm(
        say("Cancel this order"),
        [
            (say("Mode"), say(snapshot.mode).upper(), Tone.STRONG),
            (say("Account"), snapshot.account, Tone.STRONG),
            (say("Order"), f"{say(order.intent.side)} {order.intent.code} {order.intent.name}", Tone.STRONG),
            (say("Left"), _left(order), Tone.STRONG),
            (say("Filled"), filled, Tone.TEXT),
        ],
        say("Cancel the unfilled rest?"),
        say("Yes, cancel it"),
    )


def _left(order: Order) -> str:
    price = order.intent.price
    return say(
        "{volume} 张 at {price}, {amount} CNY",
        volume=fmt.volume(order.remaining),
        price=fmt.price(price),
        amount=fmt.money(order.remaining * price),
    )


def _why(intent: Intent) -> str:
    """What the order was sent for, and why. Only the reasons of a list's orders do not name their origin."""
    from_list = intent.origin in (Origin.REBALANCE, Origin.REFILL)
    return labelled(say(intent.origin), intent.reason) if from_list else intent.reason


def _summary(orders: list[Order], day: date | None) -> Text:
    title = say_many("{count} order today", "{count} orders today", len(orders))
    if day is not None:
        title = say_many("{count} order on {day}", "{count} orders on {day}", len(orders), day=day)
    text = styled((title, Tone.TITLE))
    working = sum(order.live for order in orders)
    unresolved = sum(order.unresolved for order in orders)
    filled = sum(order.filled_amount for order in orders)
    if orders:
        text.append_text(styled((f"  {say('Unfilled')} ", Tone.DIM), str(working)))
        text.append_text(styled((f"  {say('Filled')} ", Tone.DIM), fmt.cny(fmt.money(filled))))
        text.append_text(styled((f"  {say('Fees')} ", Tone.DIM), fmt.money(sum(order.fee for order in orders))))
    if unresolved:
        text.append("  " + say("{count} UNRESOLVED", count=unresolved), STYLES[Tone.BAD])
    return text


def _row(order: Order, snapshot: Snapshot) -> TableRow:
    intent = order.intent
    troubled = bool(order.message) and order.state in _FAILED_STATES
    note = noted(order.message, intent.reason) if troubled else intent.reason
    # The age of an order that has ended is of no use.
    seconds = None if order.done else (snapshot.at - order.created_at).total_seconds()
    age, average = "" if seconds is None else fmt.age(seconds), order.average_price
    cells = (
        cell(fmt.clock(order.created_at), Tone.DIM, order.created_at),
        cell(say(intent.side), SIDE_TONES[intent.side], intent.side),
        cell(intent.code, Tone.STRONG),
        cell(intent.name),
        cell(fmt.volume(intent.volume), value=intent.volume),
        cell(fmt.price(intent.price), value=intent.price),
        cell(fmt.volume(order.filled_volume), Tone.TEXT if order.filled_volume else Tone.DIM, order.filled_volume),
        cell(fmt.price(average) if order.filled_volume else "", value=average),
        cell(fmt.money(order.fee) if order.fee else "", Tone.DIM, order.fee),
        cell(say(order.state).upper() if order.unresolved else say(order.state), state_tone(order.state), order.state),
        cell(age, Tone.WARN if order.unresolved else Tone.DIM, seconds),
        cell(say(intent.origin), Tone.DIM if intent.origin in _SCHEDULED_ORIGINS else Tone.STRONG, intent.origin),
        cell(note, Tone.WARN if troubled else Tone.DIM),
    )
    return TableRow(intent.client_order_id, cells)


def _details(order: Order) -> Text:
    intent = order.intent
    volume, price = fmt.volume(intent.volume), fmt.price(intent.price)
    filled, average = fmt.volume(order.filled_volume), fmt.price(order.average_price)
    what = say("{volume} 张 at {price}, attempt {attempt}", volume=volume, price=price, attempt=intent.attempt)
    text = facts(
        [
            (say("Order"), what, Tone.STRONG),
            (say("State"), say(order.state), state_tone(order.state)),
            (say("Filled"), say("{volume} 张 at {price}", volume=filled, price=average), Tone.TEXT),
            (say("Fee"), fmt.cny(fmt.money(order.fee)), Tone.TEXT),
            (say("Sent for"), say(intent.origin), Tone.TEXT),
            (say("Reason"), intent.reason, Tone.TEXT),
            (say("Message"), order.message or say("none"), Tone.WARN if order.state in _FAILED_STATES else Tone.DIM),
            (say("Our id"), intent.client_order_id, Tone.DIM),
            (say("Broker id"), order.order_id or say("none yet"), Tone.DIM),
            (say("Plan"), intent.plan_id, Tone.DIM),
        ]
    )
    text.append("\n\n" + say("History"), STYLES[Tone.TITLE])
    for step in order.log:
        clock = f"{fmt.clock(step.at)}  "
        text.append("\n").append(clock, STYLES[Tone.DIM] + hanging(len(clock)))
        text.append(fmt.fit(say(step.state), 12), STYLES[state_tone(step.state)])
        text.append(step.text, STYLES[Tone.TEXT])
    if not order.log:
        text.append("\n" + say("nothing is recorded yet"), STYLES[Tone.DIM])
    return text

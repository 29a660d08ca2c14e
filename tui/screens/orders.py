"""Orders: today's, newest first, with what happened to each."""

from typing import ClassVar

from rich.text import Text
from textual.binding import BindingType

from core.model.command import CancelOrder, Done, SettleOrder
from core.model.known import Known
from core.model.order import DONE_STATES, UNRESOLVED_STATES, Intent, Order, OrderState, Origin
from core.model.snapshot import Snapshot
from tui import format as fmt
from tui.actions import bindings_of
from tui.screens.list_pane import ListPane
from tui.screens.modals import Confirm, Decide, Fact, Reading
from tui.widgets.columns import Column, Row, cell
from tui.widgets.palette import SIDE_TONES, STYLES, Tone, state_tone, words
from tui.widgets.words import facts

_COLUMNS = (
    Column("Time", 8),
    Column("Side", 4),
    Column("Code", 9),
    Column("Name", 8, most=12),
    Column("Volume", 5, right=True),
    Column("Price", 7, right=True),
    Column("Filled", 5, right=True),
    Column("Average", 7, right=True, rank=2),
    Column("Fee", 5, right=True, rank=3),
    Column("State", 9, most=11),
    Column("For", 5, most=11, rank=4),
    Column("Reason", 10, flex=True, rank=1),
)
# States whose message is news rather than a receipt.
_TROUBLED = UNRESOLVED_STATES | DONE_STATES - {OrderState.FILLED}
# What was planned; whatever else sent an order is news.
_PLANNED = frozenset({Origin.REBALANCE, Origin.REFILL, Origin.SELF_TEST})


class OrdersPane(ListPane):
    """Today's orders, and those of past days that nobody has settled."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("orders")

    def __init__(self) -> None:
        super().__init__("orders", _COLUMNS, "code, name, state or reason")
        self._orders: dict[str, Order] = {}
        self._cancelling: set[str] = set()

    def why_not(self, action: str) -> str:
        order = self._selected()
        if action in ("open", "cancel", "settle") and order is None:
            return "There is no order here."
        if action == "settle" and order is not None and not self._in_doubt(order):
            return f"This order is {order.state}: there is nothing to settle."
        if action == "cancel" and order is not None:
            if order.intent.client_order_id in self._cancelling:
                return "This order is being cancelled."
            if order.unresolved:
                return "Nobody knows yet whether this order is live: it is being looked up."
            if not order.live:
                return f"This order is {order.state}: there is nothing to cancel."
        return ""

    def show(self, snapshot: Snapshot) -> None:
        newest_first = sorted(snapshot.orders, key=lambda order: order.created_at, reverse=True)
        self._orders = {order.intent.client_order_id: order for order in newest_first}
        self.summary.put(_summary(newest_first))
        self.set_rows([_row(order) for order in newest_first], "No orders today. Press 3 to look at the plan.")

    def draw_detail(self) -> None:
        order = self._selected()
        if order is not None:
            note = f"  {order.message}" if order.message else ""
            average = "" if order.average_price is None else f"  avg {fmt.price(order.average_price)}"
            self.detail.put(
                words(
                    (f"{order.intent.code} {order.intent.name}", Tone.STRONG),
                    (f"{average}  fee {fmt.money(order.fee)}", Tone.DIM),
                    f"  {_why(order.intent)}",
                    (note, Tone.WARN if order.state in _TROUBLED else Tone.DIM),
                )
            )

    def do_open(self) -> None:
        order = self._selected()
        if order is not None:
            self.host.push_screen(
                Reading(f"{order.intent.side.upper()} {order.intent.code} {order.intent.name}", _card(order))
            )

    def do_cancel(self) -> None:
        order = self._selected()
        if order is not None:
            self._cancelling.add(order.intent.client_order_id)
            self.start(self._cancel(order), f"cancel-{order.intent.client_order_id}")

    def do_settle(self) -> None:
        order = self._selected()
        if order is not None:
            self.start(self._settle(order), f"settle-{order.intent.client_order_id}")

    async def _settle(self, order: Order) -> None:
        """Ask what became of it, with all that is known beside the question."""
        intent = order.intent
        answer = await self.host.push_screen_wait(
            Decide(
                "Settle this order",
                self._evidence(order),
                "Look at the account in MiniQMT. What became of this order?",
                (
                    ("f", f"Filled: all {fmt.volume(order.remaining)} 张 at {fmt.price(intent.price)}"),
                    ("d", f"Dead: it is over, {fmt.volume(order.filled_volume)} 张 were filled"),
                ),
            )
        )
        if not answer:
            return
        reply = await self.host.ask(SettleOrder(intent.client_order_id, answer == "f"))
        if isinstance(reply, Done):
            self.host.tell(f"{intent.code} {intent.name}: {reply.value}.")
        else:
            self.host.tell(f"{intent.code} was not settled: {reply.text}", failed=True)

    def _evidence(self, order: Order) -> list[Fact]:
        intent, snapshot = order.intent, self.host.snapshot
        held, ours = fmt.NOT_KNOWN, fmt.NOT_KNOWN
        if snapshot is not None and isinstance(snapshot.positions, Known):
            row = next((row for row in snapshot.positions.value if row.code == intent.code), None)
            held, ours = (fmt.volume(row.volume), fmt.volume(row.ours)) if row else ("0", "0")
        last = order.log[-1] if order.log else None
        return [
            ("Order", f"{intent.side} {intent.code} {intent.name}", Tone.STRONG),
            ("Of", f"{intent.trading_day}, {fmt.volume(intent.volume)} 张 at {fmt.price(intent.price)}", Tone.TEXT),
            ("State", f"{order.state}: {order.message}", Tone.WARN),
            ("Last news", fmt.clock(last.at) if last else "none", Tone.TEXT),
            ("Broker id", order.order_id or "none: it may never have arrived", Tone.TEXT),
            ("Filled", f"{fmt.volume(order.filled_volume)} 张 are booked", Tone.TEXT),
            ("Account", f"holds {held} 张 of it, of which {ours} are the strategy's", Tone.TEXT),
        ]

    def _in_doubt(self, order: Order) -> bool:
        """Whether the broker's lists have nothing to say of it: nobody knows it, or its day is over."""
        snapshot = self.host.snapshot
        today = snapshot.trading_day if snapshot else None
        return order.unresolved or (order.live and today is not None and order.intent.trading_day < today)

    async def _cancel(self, order: Order) -> None:
        intent = order.intent
        snapshot = self.host.snapshot
        try:
            question = Confirm(
                "Cancel this order",
                [
                    ("Mode", snapshot.mode.upper() if snapshot else fmt.NOT_KNOWN, Tone.STRONG),
                    ("Account", snapshot.account if snapshot else fmt.NOT_KNOWN, Tone.STRONG),
                    ("Order", f"{intent.side} {intent.code} {intent.name}", Tone.STRONG),
                    ("Volume", f"{fmt.volume(intent.volume)} at {fmt.price(intent.price)}", Tone.TEXT),
                    ("Filled", f"{fmt.volume(order.filled_volume)}; what is filled stays filled", Tone.TEXT),
                ],
                "Cancel what is left of it?",
                "Yes, cancel it",
            )
            if not await self.host.push_screen_wait(question):
                return
            reply = await self.host.ask(CancelOrder(intent.client_order_id))
        finally:
            self._cancelling.discard(intent.client_order_id)
        if isinstance(reply, Done):
            self.host.tell(f"{intent.code} {intent.name}: {reply.value}.")
        else:
            self.host.tell(f"{intent.code} was not cancelled: {reply.text}", failed=True)

    def _selected(self) -> Order | None:
        return self._orders.get(self.table.cursor_key or "")


def _why(intent: Intent) -> str:
    """What it was sent for, and the reason, which may begin with that."""
    return intent.reason if intent.reason.startswith(intent.origin) else f"{intent.origin}: {intent.reason}"


def _summary(orders: list[Order]) -> Text:
    text = words((fmt.plural(len(orders), "order") + " today", Tone.TITLE))
    working = sum(order.live for order in orders)
    unresolved = sum(order.unresolved for order in orders)
    filled = sum(order.filled_amount for order in orders)
    if orders:
        text.append_text(words(("   Working ", Tone.DIM), str(working)))
        text.append_text(words(("   Filled ", Tone.DIM), f"{fmt.money(filled)} CNY"))
        text.append_text(words(("   Fees ", Tone.DIM), fmt.money(sum(order.fee for order in orders))))
    if unresolved:
        text.append(f"   {unresolved} UNRESOLVED", STYLES[Tone.BAD])
    return text


def _row(order: Order) -> Row:
    intent = order.intent
    troubled = bool(order.message) and order.state in _TROUBLED
    note = f"{order.message} ({intent.reason})" if troubled else intent.reason
    return Row(
        intent.client_order_id,
        (
            cell(fmt.clock(order.created_at), Tone.DIM),
            cell(intent.side, SIDE_TONES[intent.side]),
            cell(intent.code, Tone.STRONG),
            cell(intent.name),
            cell(fmt.volume(intent.volume)),
            cell(fmt.price(intent.price)),
            cell(fmt.volume(order.filled_volume), Tone.TEXT if order.filled_volume else Tone.DIM),
            cell(fmt.price(order.average_price) if order.filled_volume else ""),
            cell(fmt.money(order.fee) if order.fee else "", Tone.DIM),
            cell(order.state.upper() if order.unresolved else order.state, state_tone(order.state)),
            cell(intent.origin, Tone.DIM if intent.origin in _PLANNED else Tone.STRONG),
            cell(note, Tone.WARN if troubled else Tone.DIM),
        ),
    )


def _card(order: Order) -> Text:
    intent = order.intent
    text = facts(
        [
            (
                "Order",
                f"{fmt.volume(intent.volume)} 张 at {fmt.price(intent.price)}, attempt {intent.attempt}",
                Tone.STRONG,
            ),
            ("State", order.state, state_tone(order.state)),
            ("Filled", f"{fmt.volume(order.filled_volume)} at {fmt.price(order.average_price)}", Tone.TEXT),
            ("Fee", f"{fmt.money(order.fee)} CNY", Tone.TEXT),
            ("Sent for", intent.origin, Tone.TEXT),
            ("Reason", intent.reason, Tone.TEXT),
            ("Message", order.message or "none", Tone.WARN if order.state in _TROUBLED else Tone.DIM),
            ("Our id", intent.client_order_id, Tone.DIM),
            ("Broker id", order.order_id or "none yet", Tone.DIM),
            ("Plan", intent.plan_id, Tone.DIM),
        ],
        11,
    )
    text.append("\n\nHistory\n", STYLES[Tone.TITLE])
    for step in order.log:
        text.append(f"{fmt.clock(step.at)}  ", STYLES[Tone.DIM])
        text.append(f"{step.state:<12}", STYLES[state_tone(step.state)])
        text.append(f"{step.text}\n", STYLES[Tone.TEXT])
    if not order.log:
        text.append("nothing is recorded yet", STYLES[Tone.DIM])
    return text

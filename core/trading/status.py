"""Whether orders may be sent at all: the one answer for orders, stops, plans, screens and alerts."""

from typing import NamedTuple

from core.brokers.broker import Broker
from core.i18n import say
from core.infra.backlog import Backlog
from core.model.snapshot import BlockKind, BlockReason


class Reconciliation(NamedTuple):
    """What a reconciliation was begun for: its result counts only if nothing has come up since."""

    link: int
    events: int


class TradingStatus:
    """Trading on or off. It is off from the start until the first reconciliation."""

    def __init__(self, broker: Broker, backlog: Backlog) -> None:
        self._broker = broker
        self._backlog = backlog
        self._reasons = (BlockReason(BlockKind.NOT_RECONCILED, say("positions are not reconciled yet")),)
        self._reconciled_link: int | None = None
        self._events = 0
        self._faults: dict[str, None] = {}
        self._faults_before: dict[str, None] = {}

    @property
    def reasons(self) -> tuple[BlockReason, ...]:
        """Every reason why nothing is sent; empty where trading is on."""
        connection, unwritable = self._broker.connection, self._backlog.trouble
        faults = tuple(BlockReason(BlockKind.BOOKING_FAULT, text) for text in self.faults)
        if unwritable is not None:
            faults = (BlockReason(BlockKind.BOOKS_UNWRITABLE, unwritable), *faults)
        if not connection.connected:  # the other reasons are old, and are checked again after a reconnect
            since, text = connection.since, connection.detail
            text = say("connection lost since {since:%m-%d %H:%M:%S}: {text}", since=since, text=text)
            return (*faults, BlockReason(BlockKind.CONNECTION_LOST, text))
        if self._reconciled_link in {None, connection.number}:
            return (*faults, *self._reasons)
        reconnected = BlockReason(BlockKind.RECONNECTED, say("reconnected; positions are not reconciled yet"))
        return (*faults, reconnected, *self._reasons)

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(reason.text for reason in self.reasons)

    @property
    def blocked(self) -> bool:
        return bool(self.reasons)

    @property
    def why_blocked(self) -> str | None:
        """The first reason as a sentence, None where trading is on."""
        reasons = self.reasons
        return say("trading is off: {why}", why=reasons[0].text) if reasons else None

    @property
    def faults(self) -> tuple[str, ...]:
        """What could not be booked."""
        return tuple({**self._faults_before, **self._faults})

    def has(self, kind: BlockKind) -> bool:
        return any(reason.kind is kind for reason in self.reasons)

    def woke_up(self) -> None:
        """The machine slept: events may be lost, and prices are old."""
        self._block(BlockKind.WOKE_UP, say("the computer was asleep; positions are not reconciled yet"))

    def account_silent(self, why: str) -> None:
        """The account was asked and did not answer."""
        self._block(BlockKind.ACCOUNT_SILENT, say("the account does not answer: {reason}", reason=why))

    def account_answers(self) -> None:
        """The account answers again and cannot be reconciled now: a run has it, and looks at it before each step."""
        self._reasons = tuple(reason for reason in self._reasons if reason.kind is not BlockKind.ACCOUNT_SILENT)

    def add_fault(self, text: str) -> bool:
        """An event could not be booked; whether this is new since the last reconciliation began."""
        new = text not in self._faults
        self._faults[text] = None
        return new

    def begin_reconciliation(self) -> Reconciliation:
        """Faults stay in force until the end; what is still wrong comes up again meanwhile."""
        self._faults_before.update(self._faults)
        self._faults.clear()
        return Reconciliation(self._broker.connection.number, self._events)

    def end_reconciliation(self, begun: Reconciliation, reasons: tuple[BlockReason, ...]) -> None:
        """Take over what it found, unless the connection changed or the machine slept meanwhile."""
        connection = self._broker.connection
        if not connection.connected or connection.number != begun.link or self._events != begun.events:
            return
        self._reconciled_link = connection.number
        self._reasons = tuple(reasons)
        if not any(reason.kind is BlockKind.ACCOUNT_SILENT for reason in reasons):
            self._faults_before.clear()

    def _block(self, kind: BlockKind, text: str) -> None:
        self._reasons = (*(reason for reason in self._reasons if reason.kind is not kind), BlockReason(kind, text))
        self._events += 1

"""Alerts from snapshots: one notification when a condition begins and one when it ends, across restarts too."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from itertools import groupby
from typing import NamedTuple, Self

from core.i18n import language, reasons, say
from core.infra.clock import Clock
from core.model.known import Known
from core.model.notification import Notification, NotificationKind
from core.model.order import STOP_ORIGINS
from core.model.quote import SessionPhase, TradingState
from core.model.settings import NotifyEvents
from core.model.snapshot import BlockKind, BlockReason, Control, Level, Snapshot, SourceStatus
from core.notify.digests import TURNED_DOWN, closing_digest, filled_of, opening_check
from core.notify.outbox import Outbox, SentNotification
from core.retold import retold
from core.rules.redemption import HeldDanger

_OPENING_FROM, _CLOSING_FROM = time(9, 20), time(15, 0)
_STEADY = 10.0
"""Real seconds that a lost connection or a block of trading has to last before it is reported."""

_DOUBT = 20.0
"""Real seconds after which an order with an unknown outcome is reported; until then the broker is asked."""

_IN_HOURS = frozenset(
    {SessionPhase.PRE_OPEN, SessionPhase.OPENING_CALL, SessionPhase.OPEN, SessionPhase.BREAK, SessionPhase.CLOSING_CALL}
)
_CLOSED = frozenset({SessionPhase.CLOSED, SessionPhase.CLOSED_DAY})
_FAULTS = frozenset({BlockKind.MISMATCH, BlockKind.BOOKING_FAULT, BlockKind.BOOKS_UNWRITABLE, BlockKind.ENGINE_FAILED})
"""What needs the user. Other blocks end once the terminal answers: no alert while the market is closed."""

_BLOCKED_KEY, _STOPS_KEY, _DISK_KEY = "off", "stops", "health:disk"


class AlertKey(NamedTuple):
    """Names an alert of one mode and account; `str()` is its form in the outbox. An account has no slash."""

    mode: str
    account: str
    name: str

    @classmethod
    def of(cls, snapshot: Snapshot, name: str) -> Self:
        return cls(snapshot.mode, snapshot.account, name)

    @classmethod
    def parse(cls, text: str) -> Self:
        mode, _, rest = text.partition("/")
        account, _, name = rest.partition("/")
        return cls(mode, account, name)

    def __str__(self) -> str:
        return "/".join(self)


@dataclass(frozen=True, slots=True)
class Condition:
    """Something to report. `ended_text` is sent when it ends; empty for an event.

    `hold`: real seconds that it has to last before it is reported.
    """

    key: str
    kind: NotificationKind
    text: str
    ended_text: str = ""
    hold: float = 0.0


TRADE_KINDS = frozenset({NotificationKind.ORDER, NotificationKind.STOP, NotificationKind.REBALANCE})
"""What a command that trades and exits reports; connections and checks belong to an engine that runs all day."""


class AlertFinder:
    """Compares each snapshot with what was announced, and puts new notifications into the outbox."""

    def __init__(
        self, outbox: Outbox, events: NotifyEvents, clock: Clock, wall: Clock, kinds: Container[NotificationKind]
    ) -> None:
        """`clock` is the market's, `wall` the machine's. `kinds`: those reported at all."""
        self._outbox = outbox
        self.events = events
        self._clock = clock
        self._wall = wall
        self._kinds = kinds
        self._since: dict[AlertKey, float] = {}
        self._day: object = None

    def check_for_alerts(
        self, snapshot: Snapshot, dangers: Iterable[HeldDanger], failed_part: str | None, back: str | None = None
    ) -> bool:
        """Whether there was something new.

        `failed_part`: the part of the engine that has just failed; `back`: a sentence on a restart after a crash.
        """
        found = {
            AlertKey.of(snapshot, item.key): item
            for item in find_conditions(snapshot, tuple(dangers), failed_part, back)
            if item.kind in self._kinds
        }
        announced = {AlertKey.parse(text): sent for text, sent in self._outbox.announced.items()}
        real, fresh = self._clock.real(), False
        self._since = {key: self._since.get(key, real) for key in found}
        for key, item in found.items():
            if key not in announced and real - self._since[key] >= item.hold:
                fresh |= self._announce(key, item, snapshot)
        for key, sent in announced.items():
            here = key == AlertKey.of(snapshot, key.name)
            if here and key not in found and sent.ended_text and sent.kind in self._kinds:
                fresh |= self._announce_end(key, sent, snapshot)
        if self._day != snapshot.trading_day:
            self._day = snapshot.trading_day
            self._outbox.forget_old(self._wall.now())
        return fresh

    def _announce(self, key: AlertKey, item: Condition, snapshot: Snapshot) -> bool:
        opening = AlertKey.of(snapshot, _opening_key(snapshot.trading_day))
        if item.kind is NotificationKind.CLOSING and str(opening) not in self._outbox.announced:
            return False  # no digest after a start in the evening
        notification = self._notification(item.kind, item.text, snapshot)
        self._outbox.announce(str(key), notification, heading(snapshot), item.ended_text, item.kind, self._wall.now())
        return notification is not None

    def _announce_end(self, key: AlertKey, sent: SentNotification, snapshot: Snapshot) -> bool:
        if not _can_judge_end(sent.kind, key.name, snapshot):
            return False
        notification = self._notification(sent.kind, retold(sent.ended_text, language()), snapshot)
        self._outbox.end(str(key), notification, heading(snapshot))
        return notification is not None

    def _notification(self, kind: NotificationKind, text: str, snapshot: Snapshot) -> Notification | None:
        wanted = str(getattr(self.events, str(kind)))
        return None if wanted == "off" else Notification(kind, Level(wanted), snapshot.at, text)


def _can_judge_end(kind: NotificationKind, name: str, shown: Snapshot) -> bool:
    """Whether the snapshot shows it at all: outside a check's hours, or where data is unknown, nothing has ended."""
    if name == _BLOCKED_KEY:
        return not shown.blockers
    if kind is NotificationKind.CONNECTION:
        return (shown.session in _IN_HOURS or name == _DISK_KEY) and bool(shown.health)
    if kind is NotificationKind.BOND or name == _STOPS_KEY:
        return shown.session == SessionPhase.OPEN and isinstance(shown.positions, Known)
    return True


def _opening_key(day: date | None) -> str:
    return f"opening:{day}"


def heading(snapshot: Snapshot) -> str:
    """Mode and account: the first line of every message."""
    return f"rotor {say(snapshot.mode).upper()} {snapshot.account}".rstrip()


def find_conditions(
    snapshot: Snapshot, dangers: Iterable[HeldDanger], failed_part: str | None, back: str | None
) -> Iterator[Condition]:
    """Everything in the snapshot that the user should know of."""
    for find in (_trading, _connections, _orders, _stops, _runs, _bonds, _listed):
        yield from find(snapshot)
    for danger in dangers:
        yield Condition(f"danger:{danger.code}:{danger.sell}", NotificationKind.BOND, danger.text)
    if failed_part is not None:
        yield Condition(
            "engine",
            NotificationKind.TRADING,
            say("a part of the engine failed and was restarted: {part}", part=failed_part),
            say("the engine runs steadily again"),
        )
    if back is not None:
        yield Condition(f"back:{back}", NotificationKind.TRADING, back)
    yield from _day(snapshot)


def faults_of(shown: Snapshot) -> tuple[BlockReason, ...]:
    """Why trading is off, as far as the user must know: a terminal that is closed for the night is no fault."""
    return tuple(one for one in shown.blockers if one.kind in _FAULTS or shown.session not in _CLOSED)


def _trading(shown: Snapshot) -> Iterator[Condition]:
    if faults := faults_of(shown):
        why = reasons(fault.text for fault in faults)
        text = say("trading is off, no order is sent and no stop fires: {why}", why=why)
        at_once = any(reason.kind is BlockKind.BOOKS_UNWRITABLE for reason in shown.blockers)
        yield Condition(
            _BLOCKED_KEY, NotificationKind.TRADING, text, say("trading is on again"), 0.0 if at_once else _STEADY
        )
    texts: Mapping[Control, Callable[[], tuple[str, str]]] = {
        Control.TRIPPED: lambda: (
            say("the breaker tripped: too many orders in a row were rejected, only protective sells are sent"),
            say("the breaker was reset"),
        ),
        Control.HALTED: lambda: (
            say("trading is halted: no order is sent and no stop fires"),
            say("the halt was ended"),
        ),
        Control.PAUSED: lambda: (say("buys are paused"), say("the pause of buys was ended")),
    }
    for control in shown.controls:
        text, over = texts[control]()
        yield Condition(f"control:{control}", NotificationKind.TRADING, text, over)
    if shown.stops is not None and shown.stops.armed < shown.stops.managed and shown.session == SessionPhase.OPEN:
        armed = say("{armed} of {managed} stops are armed", armed=shown.stops.armed, managed=shown.stops.managed)
        note = f": {shown.stops.note}" if shown.stops.note else ""
        yield Condition(_STOPS_KEY, NotificationKind.TRADING, armed + note, say("every stop is armed again"), 60.0)


def _connections(shown: Snapshot) -> Iterator[Condition]:
    """Only in trading hours: a terminal that is closed for the night is no alert. A disk can be mended before them."""
    in_hours = shown.session in _IN_HOURS
    reported = {"QMT", "broker", "quotes", "FactorCat", "clock", "disk"} if in_hours else {"disk"}
    for one in shown.health:
        if one.level is not Level.ERROR or one.name not in reported:
            continue
        name = say(one.name, context="health")
        yield Condition(
            f"health:{one.name}",
            NotificationKind.CONNECTION,
            say("{name} has failed since {since:%H:%M:%S}: {text}", name=name, since=one.since, text=one.text),
            say("{name} works again", name=name),
            _STEADY,
        )
    for source in shown.sources if in_hours else ():
        if source.status is not SourceStatus.WORKING:
            yield Condition(
                f"source:{source.name}",
                NotificationKind.CONNECTION,
                say("no quotes from {name}: {why}", name=source.name, why=source.reason),
                say("quotes from {name} are back", name=source.name),
                _STEADY,
            )


def _orders(shown: Snapshot) -> Iterator[Condition]:
    for order in shown.orders:
        intent = order.intent
        what = say(
            "{side} of {volume} 张 {code} {name} at {price}",
            side=say(str(intent.side)),
            volume=intent.volume,
            code=intent.code,
            name=intent.name,
            price=intent.price,
        )
        if order.state in TURNED_DOWN:
            why = order.message or say("no reason given")
            text = say("order rejected: {what}: {why}", what=what, why=why)
            yield Condition(f"order:{intent.client_order_id}:no", NotificationKind.ORDER, text)
        elif order.unresolved:
            text = say("order outcome unknown: {what}. The bond is frozen until it is known.", what=what)
            over = say("order outcome known again: {what}", what=what)
            yield Condition(f"order:{intent.client_order_id}:unknown", NotificationKind.ORDER, text, over, _DOUBT)


def _stops(shown: Snapshot) -> Iterator[Condition]:
    """A stop that fired, with the outcome of its orders once none of them is open."""
    fired = sorted(
        (order for order in shown.orders if order.intent.origin in STOP_ORIGINS and shown.trading_day is not None),
        key=lambda order: (order.intent.code, str(order.intent.origin), order.created_at),
    )
    for (code, origin), group in groupby(fired, key=lambda order: (order.intent.code, order.intent.origin)):
        orders = list(group)
        first = orders[0].intent
        if first.trading_day != shown.trading_day:
            continue
        key = f"stop:{code}:{first.trading_day}:{origin.name}"
        what = say(
            "{origin} of {code} {name} fired at {level}: selling {volume} 张",
            origin=say(str(origin)),
            code=code,
            name=first.name,
            level=first.level if first.level is not None else say("its trigger price"),
            volume=first.volume,
        )
        yield Condition(key, NotificationKind.STOP, what)
        if all(order.done for order in orders):
            sold, fetched = filled_of(orders)
            average = f"{fetched / sold:.3f}" if sold else "--"
            told = say(
                "{origin} of {code} {name}: {sold} 张 sold at {average}",
                origin=say(str(origin)),
                code=code,
                name=first.name,
                sold=sold,
                average=average,
            )
            yield Condition(f"{key}:sold:{sold}", NotificationKind.STOP, told)


def _runs(shown: Snapshot) -> Iterator[Condition]:
    if shown.missed is not None:
        missed = shown.missed
        text = say(
            "the {name} of {at:%Y-%m-%d %H:%M} was missed: {why}. Run it on the Home screen if it is still due.",
            name=say(missed.name),
            at=missed.planned_at,
            why=missed.why,
        )
        yield Condition(f"missed:{missed.planned_at:%Y-%m-%dT%H:%M}", NotificationKind.MISSED, text)
    run = shown.rebalance
    if run is None or run.finished_at is None or run.finished_at.date() != shown.trading_day:
        return
    lines = [say("{origin} finished: {stage}", origin=say(str(run.origin)), stage=run.stage)]
    for leg in run.legs:
        average = f" @ {leg.average_price:.3f}" if leg.average_price is not None else ""
        lines.append(
            f"  {say(str(leg.side))} {leg.code} {leg.name} {leg.filled_volume}/{leg.volume}{average}  {say(leg.status)}"
        )
    if run.listed:
        lines.append(f"  {run.listed}")
    if run.cash_after is not None:
        lines.append(say("  cash afterwards: {cash:,.2f} CNY", cash=run.cash_after))
    yield Condition(f"run:{run.plan_id}", NotificationKind.REBALANCE, "\n".join(lines))


def _bonds(shown: Snapshot) -> Iterator[Condition]:
    if shown.session != SessionPhase.OPEN or not isinstance(shown.positions, Known):
        return
    for row in shown.positions.value:
        if row.state == TradingState.HALTED:
            code, name = row.code, row.name
            held = say(
                "{code} {name} is suspended: your {volume} 张 cannot be sold", code=code, name=name, volume=row.volume
            )
            over = say("{code} {name} trades again", code=code, name=name)
            yield Condition(f"suspended:{code}", NotificationKind.BOND, held, over, _STEADY)


def _listed(shown: Snapshot) -> Iterator[Condition]:
    for row in shown.suspended:
        text = say(
            "{code} {name} is on the list and suspended: not bought, its slot stays empty", code=row.code, name=row.name
        )
        yield Condition(f"listed:{shown.trading_day}:{row.code}", NotificationKind.BOND, text)


def _day(shown: Snapshot) -> Iterator[Condition]:
    """The check before the open and the digest after the close, each once a session day."""
    day, now = shown.trading_day, shown.at.time()
    if day is None or shown.session in {SessionPhase.CLOSED_DAY, SessionPhase.UNKNOWN}:
        return
    if _OPENING_FROM <= now < _CLOSING_FROM:
        # As soon as the start has settled: the account is read, the login done, the stops armed. Where that does not
        # come about, the check says so.
        armed = shown.stops is None or shown.stops.armed >= shown.stops.managed
        settled = shown.ready and shown.platform_user is not None and armed
        hold = 0.0 if settled else 60.0
        yield Condition(_opening_key(day), NotificationKind.OPENING, opening_check(shown), hold=hold)
    elif now >= _CLOSING_FROM:
        yield Condition(f"closing:{day}", NotificationKind.CLOSING, closing_digest(shown))

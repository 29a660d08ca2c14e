"""Snapshots: what every screen shows, read from the components."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import TypeVar, cast

from core.engine.adoption import adoption_of
from core.engine.assembly import Components
from core.engine.bond_metrics import MetricsReader
from core.engine.health import HealthMonitor
from core.engine.scheduler import RunScheduler
from core.i18n import language, mark, reasons, say
from core.infra.credentials import Credentials
from core.infra.updates import UpdateCheck
from core.model.account import Owned, Position
from core.model.bond import BondCode
from core.model.bond_info import BondDetail, SourcePrice
from core.model.known import Known, Maybe, Unknown
from core.model.order import Order, Side
from core.model.plan import Blocked
from core.model.platform import Selected, Selection
from core.model.quote import Quote
from core.model.record_card import ListedBond
from core.model.series import DayLine
from core.model.snapshot import Adoption, Followed, Limit, PositionRow, Snapshot, StopRow
from core.notify.heartbeat import Heartbeat
from core.quotes.failover import FailoverQuotes
from core.retold import retell, retold
from core.rules.day_line import gaps
from core.rules.pricing import plan_price
from core.rules.priority import COOLING
from core.rules.record_schedule import differences
from core.rules.redemption import HeldDanger

T = TypeVar("T")

_MOST_RETOLD = 5000
"""Objects of earlier snapshots that are remembered with their sentences in the language in use."""


class SnapshotBuilder:
    """Makes snapshots from what its components know; it holds nothing itself but the number of the last one.

    What was logged, stored or kept in memory may have been made in another language than the one in use: its sentences
    are made again.
    """

    def __init__(
        self,
        components: Components,
        credentials: Credentials,
        scheduler: RunScheduler,
        health: HealthMonitor,
        update_check: UpdateCheck,
        heartbeat: Heartbeat,
        metrics: MetricsReader,
    ) -> None:
        self._components = components
        self._credentials = credentials
        self._scheduler = scheduler
        self._health = health
        self._update_check = update_check
        self._heartbeat = heartbeat
        self._metrics = metrics
        self._number = 0
        self._retold: dict[int, tuple[object, object, str]] = {}

    def snapshot(self) -> Snapshot:
        components, scheduler, state = self._components, self._scheduler, self._components.state
        now = components.clock.now()
        self._number += 1
        if len(self._retold) > _MOST_RETOLD:
            self._retold.clear()
        stops = components.stops.rows()
        positions, limits = self._positions(stops), self._limits(now.date())
        names = {row.code: row.name for row in positions.value} if isinstance(positions, Known) else {}
        blockers = retell(components.order_manager.status.reasons, language())
        terms, figures = self._metrics.rows()
        return Snapshot(
            number=self._number,
            at=now,
            mode=components.settings.mode,
            account=components.order_manager.broker.account,
            session=components.calendar.phase(now),
            trading_day=now.date(),
            ready=not blockers,
            blockers=blockers,
            platform_user=components.platform.user,
            username=components.settings.factorcat.username,
            health=self._told(self._health.report(now)),
            followed=self._followed(),
            asset=components.rotation.account.latest.asset,
            positions=positions,
            orders=self._told(self._orders(now.date())),
            plan=self._told_one(components.rotation.pending_plan),
            suspended=self._told(self._suspended(now.date())),
            rebalance=self._told_one(components.rotation.current_run()),
            events=self._told(state.events),
            day=components.equity.day(components.rotation.account.latest.asset),
            controls=(pulled,) if (pulled := components.rotation.controls.engaged) else (),
            needs=components.live_consent.missing() if components.live_consent else (),
            jobs=scheduler.jobs(),
            missed=self._told_one(scheduler.missed),
            stops=components.stops.summary(stops, names),
            notices=tuple(retold(text, language()) for text in self._notices(now, limits)),
            dangers=tuple(danger.text for danger in self._dangers_of(positions)),
            limits=limits,
            sources=components.feed.states() if isinstance(components.feed, FailoverQuotes) else (),
            language=language(),
            look=components.settings.screen,
            locked=self._credentials.locked,
            release=self._update_check.release,
            sparks=state.day_lines.sparks(now),
            terms=terms,
            figures=figures,
        )

    def _told(self, values: Iterable[T]) -> tuple[T, ...]:
        return tuple(self._told_one(value) for value in values)

    def _told_one(self, value: T) -> T:
        """Each object is looked through once: the next snapshot has most of them again."""
        known = self._retold.get(id(value))
        if known is None or known[0] is not value or known[2] != language():
            known = self._retold[id(value)] = (value, retell(value, language()), language())
        return cast(T, known[1])

    def dangers(self) -> tuple[HeldDanger, ...]:
        """What threatens the holdings, with the money at stake."""
        return self._dangers_of(self._positions({}))

    def _dangers_of(self, positions: Maybe[tuple[PositionRow, ...]]) -> tuple[HeldDanger, ...]:
        return self._components.eligibility.held_dangers(positions.value) if isinstance(positions, Known) else ()

    def _silent_sources(self) -> tuple[str, ...]:
        """Which sources of prices are out of reach, since when, and what that means."""
        feed = self._components.feed
        troubled = [state for state in feed.states() if not state.works] if isinstance(feed, FailoverQuotes) else []
        if not troubled or not isinstance(feed, FailoverQuotes):
            return ()
        told = reasons(
            say("{name} since {since:%H:%M:%S}: {trouble}", name=one.name, since=one.since, trouble=one.reason)
            for one in troubled
        )
        if len(troubled) == len(feed.states()):
            return (say("cannot reach any quote source, no orders are sent: {told}", told=told),)
        return (say("prices come from {name}; cannot reach {told}", name=feed.name, told=told),)

    def _followed(self) -> Followed | None:
        components, chosen = self._components, self._components.settings.strategy
        if not chosen.history_id:
            return None
        rule = components.followed_record.rule
        differs = differences(rule, components.settings.schedule)
        return Followed(chosen.strategy_id, chosen.history_id, components.state.strategy_name, rule, differs)

    def _suspended(self, today: date) -> tuple[Blocked, ...]:
        plan = self._components.rotation.newest_plan
        rows = plan.blocked if plan is not None and plan.trading_day == today else ()
        return tuple(row for row in rows if row.suspended and row.side is Side.BUY)

    def _limits(self, today: date) -> tuple[Limit, ...]:
        components = self._components
        bought = Limit(
            mark("bought, CNY"), components.order_manager.bought_today(today), components.settings.guards.max_daily_buys
        )
        return (*components.limits.rows(today), bought)

    def _notices(self, now: datetime, limits: tuple[Limit, ...]) -> tuple[str, ...]:
        """What needs attention and does not keep trading off."""
        components = self._components
        guarding = components.settings.stops.enabled and bool(components.order_manager.ledger.holdings())
        troubles = components.followed_record.ratios.troubles if guarding else ()
        ends = components.calendar.warning(now.date()) if components.settings.mode != "sandbox" else None
        calendar = (ends, components.calendar.trouble)
        followed = self._followed()
        return (
            *(say("a stop is not armed: {trouble}", trouble=trouble) for trouble in troubles),
            *(followed.differs if followed is not None else ()),
            *(
                say("{why}: nothing of it is bought or sold until MiniQMT reports the right figure", why=why)
                for why in components.order_manager.frozen.values()
            ),
            *(text for text in calendar if text),
            *self._silent_sources(),
            *components.bonds.notices(),
            *self._heartbeat.notices(),
            *(
                say(
                    "the day's limit is reached: {name} {used} of {most}",
                    name=say(row.name),
                    used=row.used,
                    most=row.most,
                )
                for row in limits
                if row.reached
            ),
        )

    def _positions(self, stops: Mapping[BondCode, StopRow]) -> Maybe[tuple[PositionRow, ...]]:
        positions = self._components.rotation.account.latest.positions
        if isinstance(positions, Unknown):
            return positions
        ledger, quotes = self._components.order_manager.ledger.holdings(), self._components.state.quotes
        return Known(
            tuple(
                _row(
                    position,
                    ledger[position.code].volume if position.code in ledger else 0,
                    quotes.get(position.code),
                    stops.get(position.code),
                    self._components.bonds.name(position.code),
                    self._adoption(position, ledger.get(position.code), quotes.get(position.code, _NO_QUOTE)),
                )
                for position in positions.value
            )
        )

    def _adoption(self, position: Position, owned: Owned | None, found: Maybe[Quote]) -> Adoption | None:
        more = position.volume - (owned.volume if owned else 0)
        if more <= 0:
            return None
        return adoption_of(self._components, position.code, more, position.cost, owned, found)

    def _orders(self, today: date) -> tuple[Order, ...]:
        """Today's, and before them what earlier days have left open."""
        journal = self._components.order_manager.journal
        left = (order for order in journal.open() if order.intent.trading_day < today)
        return (*left, *journal.of_day(today))


def _row(
    position: Position,
    ours: int,
    found: Maybe[Quote] | None,
    stop: StopRow | None,
    known_as: str,
    adoption: Adoption | None,
) -> PositionRow:
    quote = found.value if isinstance(found, Known) else None
    return PositionRow(
        code=position.code,
        name=(quote.name if quote else "") or known_as,
        volume=position.volume,
        sellable=position.sellable,
        ours=min(ours, position.volume),
        cost=position.cost or None,
        last=quote.last if quote else None,
        prev_close=quote.prev_close if quote else None,
        quoted_at=quote.at if quote else None,
        state=str(quote.state) if quote else say("no quote"),
        stop=stop,
        adoption=adoption,
    )


_NO_QUOTE = Unknown(say("no price: the quote source does not list the bond"))


async def bond_card(components: Components, metrics: MetricsReader, code: BondCode) -> BondDetail:
    """All that is known of the bond; the verdict is by the planner's own rules."""
    feed, eligibility = components.feed, components.eligibility
    quotes, _ = await asyncio.gather(feed.snapshot([code]), metrics.refresh_shares([code]))
    found = quotes[code]
    prices = [SourcePrice(say(feed.name), True, found)]
    if isinstance(feed, FailoverQuotes):
        second = (await feed.second_opinion([code]))[code]
        other = second.value.source if isinstance(second, Known) else say("second source")
        prices.append(SourcePrice(other, False, second))
    return BondDetail(
        code,
        (found.value.name if isinstance(found, Known) else "") or eligibility.name(code),
        tuple(prices),
        eligibility.bond_info(code),
        eligibility.not_buyable([code]).get(code) or _why_no_price(components, found),
        eligibility.notes([code]).get(code, ""),
        metrics.of([code], quotes)[code],
    )


def _why_no_price(components: Components, quote: Maybe[Quote]) -> str:
    """Why a plan would not buy at this quote, empty where it would."""
    price = plan_price(Side.BUY, quote, components.settings, components.clock.now())
    return say(price.reason) if isinstance(price, Unknown) else ""


async def bond_day_line(components: Components, code: BondCode) -> DayLine:
    """The bond's prices of the session, with the levels of its stop where it has one."""
    found = components.state.quotes.get(code)
    if not isinstance(found, Known):
        found = (await components.feed.snapshot([code]))[code]
    quote = found.value if isinstance(found, Known) else None
    lines, stop = components.state.day_lines, components.stops.rows().get(code)
    points, position = lines.points(code), components.rotation.account.latest.position(code)
    return DayLine(
        code,
        (quote.name if quote else "") or components.bonds.name(code),
        lines.day,
        points,
        gaps([point.at for point in points]),
        quote.prev_close if quote and quote.at.date() == lines.day else None,
        stop.loss if stop else None,
        stop.profit if stop else None,
        (position.cost or None) if position else None,
    )


async def listed_bonds(components: Components, metrics: MetricsReader, selection: Selection) -> tuple[ListedBond, ...]:
    """The list in its order, by the rules of a plan."""
    codes, found = selection.codes, list[ListedBond]()
    quotes, _ = await asyncio.gather(components.feed.snapshot(codes), metrics.refresh_shares(codes))
    barred, figures = components.eligibility.not_buyable(codes), metrics.of(codes, quotes)
    sold_for_today = components.order_manager.stopped_today()
    for bond in selection.bonds:
        quote = quotes.get(bond.code, _NO_QUOTE)
        blocked = barred.get(bond.code) or _why_no_price(components, quote)
        if bond.code in sold_for_today:
            blocked = say(COOLING)
        known = quote.value if isinstance(quote, Known) else None
        found.append(
            ListedBond(
                bond.code,
                bond.name or (known.name if known else ""),
                bond.price,
                known.last if known else None,
                known.at if known else None,
                blocked,
                _not_listed(bond),
                bond.extra,
                figures.get(bond.code),
            )
        )
    return tuple(found)


def _not_listed(bond: Selected) -> str:
    """What the quote source shows in place of the list, in words."""
    if bond.name and bond.price is not None:
        return ""
    if bond.price is not None:
        return say("name from the quote source: the list has none")
    if bond.name:
        return say("price from the quote source: the list has none")
    return say("name and price from the quote source: the list has neither")

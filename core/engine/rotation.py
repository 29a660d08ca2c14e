"""A rotation: one strategy on one account. It looks, plans, and carries plans out."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import date, datetime

from core.clock import Clock
from core.model.account import Asset, Position
from core.model.bond import BondCode
from core.model.command import SelfTest
from core.model.known import Known, Maybe, Unknown
from core.model.plan import Plan
from core.model.platform import Selection
from core.model.quote import Quote
from core.model.settings import Settings
from core.quotes.feed import QuoteFeed
from core.rules.planner import Situation, plan_rebalance
from core.rules.selection import check_selection
from core.trading.desk import Desk
from core.trading.executor import Executor, RebalanceRefused
from core.trading.reconcile import reconcile
from core.trading.runs import Runs
from core.trading.selftest import self_test

_NO_LIST = Unknown("the list of this plan is no longer at hand: make a new plan")

FetchSelection = Callable[[], Awaitable[Maybe[Selection]]]


class Rotation:
    """What `plan` shows is what `execute` carries out, with the list that it was made from.

    `expected_list` tells of which date a list must be at a moment; `seconds_left`, how long orders may work.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        clock: Clock,
        feed: QuoteFeed,
        desk: Desk,
        runs: Runs,
        fetch: FetchSelection,
        expected_list: Callable[[datetime], Maybe[date]],
        seconds_left: Callable[[datetime], float],
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.feed = feed
        self.desk = desk
        self.runs = runs
        self.executor = Executor(desk, runs, clock, self.look, seconds_left)
        self._turn = asyncio.Lock()
        self._executing: str | None = None
        self._fetch = fetch
        self._expected_list = expected_list
        self._lists: dict[str, Maybe[Selection]] = {}

    async def plan(self) -> Plan:
        """What a rebalance would do now. Sends nothing."""
        settings, selection = self.settings, await self.selection()
        if settings is not self.settings:
            raise RebalanceRefused("another strategy was chosen meanwhile: make a new plan")
        plan_id = f"{self.clock.now():%y%m%d}-{secrets.token_hex(3)}"
        self._lists = {key: kept for key, kept in self._lists.items() if key == self._executing}
        self._lists[plan_id] = selection
        return plan_rebalance(await self.look(plan_id), settings)

    async def execute(self, plan: Plan) -> str:
        """Carry `plan` out; answers with the closing sentence. Raises `RebalanceRefused`, nothing sent then."""
        if self._executing is not None:
            raise RebalanceRefused(f"rebalance {self._executing} is running: a second one is not begun")
        self._executing = plan.plan_id
        try:
            async with self._turn:
                return await self.executor.run(plan, self.settings)
        finally:
            self._executing = None

    async def reconcile(self) -> tuple[str, ...] | None:
        """What keeps trading off, row by row; None while a rebalance has the account to itself."""
        if self._turn.locked():
            return None
        async with self._turn:
            return await reconcile(self.desk)

    async def self_test(self, quotes: Sequence[Quote], begun: Callable[[str], None]) -> SelfTest:
        """Test the account's units, while nothing else has the account."""
        async with self._turn:
            return await self_test(self.desk, quotes, begun)

    async def selection(self) -> Maybe[Selection]:
        """The day's list, checked against its date and the last one followed; else the reason why it is not used."""
        fetched = await self._fetch()
        if isinstance(fetched, Unknown):
            return fetched
        expected = self._expected_list(self.clock.now())
        if isinstance(expected, Unknown):
            return expected
        chosen = self.settings.strategy
        last = self.runs.last_list(chosen.strategy_id, chosen.history_id)
        refusal = check_selection(fetched.value, last, expected.value, self.settings.guards)
        return Unknown(refusal) if refusal is not None else fetched

    async def look(self, plan_id: str) -> Situation:
        """Gather everything that this plan is made from, with its own list."""
        asset, positions = await self._account()
        now = self.clock.now()
        ledger = self.desk.ledger.holdings()
        selection = self._lists.get(plan_id, _NO_LIST)
        listed = selection.value.codes if isinstance(selection, Known) else ()
        codes = _without_duplicates([*listed, *sorted(ledger)])
        quotes = await self.feed.snapshot(codes)
        return Situation(
            plan_id=plan_id,
            mode=self.settings.mode,
            now=now,
            trading_day=now.date(),
            selection=selection,
            positions=positions,
            ledger=Known(ledger),
            asset=asset,
            quotes=quotes,
            busy=Known(self.desk.journal.busy()),
            bought_today=self.desk.bought_today(now.date()),
        )

    async def _account(self) -> tuple[Maybe[Asset], Maybe[tuple[Position, ...]]]:
        """The asset and the positions. An account out of reach may list no positions without an error, so the asset is
        asked before and after, in one go: it proves the link."""
        broker = self.desk.broker
        before, positions, after = await asyncio.gather(broker.asset(), broker.positions(), broker.asset())
        silent = next((asset for asset in (before, after) if isinstance(asset, Unknown)), None)
        return (after, positions) if silent is None else (silent, silent)


def _without_duplicates(codes: Iterable[BondCode]) -> tuple[BondCode, ...]:
    return tuple(dict.fromkeys(codes))

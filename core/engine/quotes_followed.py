"""The engine's quotes: which bonds are followed, what a tick sets off, and what is done when none comes."""

from collections.abc import Callable, Mapping

from core.engine.assembly import Components, LastQuotes
from core.engine.bond_metrics import MetricsReader
from core.engine.health import HealthMonitor
from core.engine.supervisor import Supervisor
from core.i18n import mark, say
from core.model.bond import BondCode
from core.model.known import Known
from core.model.quote import Quote

_FEED_SILENCE = 60.0
"""Real seconds without a quote in a session after which the feed is restarted."""


class QuotesFollowed:
    """`by_itself`: prices are compared with the stops; `changed` is called with each quote."""

    def __init__(
        self,
        components: Components,
        metrics: MetricsReader,
        health: HealthMonitor,
        supervisor: Supervisor,
        changed: Callable[[], None],
        *,
        by_itself: bool,
    ) -> None:
        self._components = components
        self._metrics = metrics
        self.codes: frozenset[BondCode] = frozenset()
        """The bonds that are followed."""
        self._state = components.state
        self._health = health
        self._supervisor = supervisor
        self._changed = changed
        self._by_itself = by_itself
        self._restarted_at: float | None = None

    def follow(self) -> None:
        """Subscribe to the quotes of what is held, owned, planned and on order, and to those of their shares; a new
        session begins new day lines."""
        today = self._components.clock.now().date()
        if self._components.calendar.is_session(today) != Known(value=False):
            self._state.day_lines.begin(today)
        followed = self._metrics.codes()
        self._components.feed.watch(followed)
        self.codes = frozenset(followed)
        if not followed:
            self._state.watched_at = None
        elif self._state.watched_at is None:
            self._state.watched_at = self._components.clock.real()
        self._components.shares.watch(self._metrics.share_codes(followed))

    def on_quotes(self, quotes: Mapping[BondCode, Quote]) -> None:
        """Quotes have come in."""
        if self._health.overslept:  # these may come before the next check
            self._components.order_manager.status.woke_up()
        if self._by_itself:
            self._components.stops.on_quotes(quotes)  # first: a stop is the most urgent
        newest = max(quote.at for quote in quotes.values())
        before, real = self._state.last_quotes, self._components.clock.real()
        self._state.last_quotes = LastQuotes(max(newest, before.newest) if before else newest, real)
        self._state.quotes = {**self._state.quotes, **{code: Known(quote) for code, quote in quotes.items()}}
        self._state.day_lines.on_quotes(quotes)
        self._changed()

    async def restart_if_silent(self) -> None:
        """Restart the feed if it stays silent: subscriptions can end without an error."""
        silence, now = self._health.quote_silence(), self._components.clock.real()
        if silence is None:
            self._restarted_at = None
        elif now - (self._restarted_at or (now - silence)) > _FEED_SILENCE:
            self._restarted_at = now
            self._supervisor.note_failure(
                mark("the source of prices"), say("nothing heard for {silence:.0f} s", silence=silence)
            )
            await self._components.feed.stop()
            await self._components.feed.start()

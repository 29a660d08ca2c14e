"""Changed settings take effect while the engine runs: at once, or when the running rebalance has ended."""

from collections.abc import Iterable

from core.engine.assembly import Components, SettingsUser
from core.i18n import use_language
from core.infra.config import value_at
from core.model.settings import Settings
from core.quotes.failover import FailoverQuotes

_DURING_A_REBALANCE = ("language", "factorcat", "stops", "notify", "storage", "updates", "screen")
"""Tables that come into force at once. A plan that is carried out keeps the others to its end."""


class CurrentSettings:
    """The settings in force are `components.settings`; `wanted` replace them when the rebalance has ended."""

    def __init__(self, components: Components, users: Iterable[SettingsUser]) -> None:
        self._components = components
        self._users = (*components.settings_users(), *users)
        self.wanted = components.settings

    def in_force(self, key: str) -> bool:
        """Whether the wanted value of this key is used already."""
        return value_at(self.wanted, key) == value_at(self._components.settings, key)

    async def change(self, settings: Settings) -> None:
        """Use these settings as soon as possible."""
        self.wanted = settings
        await self.apply()

    async def apply(self) -> None:
        """Put waiting changes into force that can be used now."""
        before, after = self._components.settings, self.wanted
        if self._components.rotation.executing:
            after = before.model_copy(update={name: getattr(after, name) for name in _DURING_A_REBALANCE})
        if after == before:
            return
        for user in self._users:
            user.use_settings(after)
        if after.language != before.language:
            use_language(after.language)
        components = self._components
        if after.quotes != before.quotes and isinstance(components.feed, FailoverQuotes):
            await components.feed.use_sources(components.quote_sources(after))
        if components.followed_record.wanted and components.platform.user is not None:
            await components.followed_record.ask()

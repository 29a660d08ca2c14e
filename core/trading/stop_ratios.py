"""Stop ratios of the followed record, from the platform; the last ones are kept for when it does not answer."""

import json
import logging
from collections.abc import Mapping
from typing import Any

from core.factorcat import FactorCatClient, FactorCatError
from core.i18n import mark, say
from core.model.known import Known, Maybe, Unknown
from core.model.settings import Settings, StrategySettings
from core.rules.stops import STOP_LOSS_PARAMETER, TAKE_PROFIT_PARAMETER, Ratios, ratios_of
from core.trading.state_store import StateStore

log = logging.getLogger(__name__)

_NO_RECORD = Unknown(mark("no strategy is followed yet"))
_KEY = "stop_parameters"


class StopRatios:
    """`ratios` is what the stops are armed with, for the strategy of the settings."""

    def __init__(self, settings: Settings, platform: FactorCatClient, state_store: StateStore) -> None:
        self._stops, self._followed = settings.stops, settings.strategy
        self._platform = platform
        self._state_store = state_store
        self._of: StrategySettings | None = None
        self._ratios = Ratios(Known(None), Known(None))
        self.asked = False

    def use_settings(self, settings: Settings) -> None:
        """Take the ratios from these settings from now on."""
        self._followed = settings.strategy
        if settings.stops != self._stops:
            self._stops, self._of, self.asked = settings.stops, None, False

    @property
    def ratios(self) -> Ratios:
        chosen = self._followed
        if chosen != self._of:
            self._take(chosen, self._remembered(chosen))
        return self._ratios

    @property
    def wanted(self) -> bool:
        """Whether the platform has yet to be asked."""
        return not self.asked and self._needs_the_record

    @property
    def _needs_the_record(self) -> bool:
        """Whether the settings leave a ratio to the strategy."""
        return "strategy" in (self._stops.take_profit, self._stops.stop_loss)

    async def ask(self) -> None:
        """Fetch the ratios; if the platform does not answer, the last ones stay in force."""
        chosen = self._followed
        if not (chosen.history_id and self._needs_the_record):
            return
        try:
            detail = await self._platform.record(chosen.strategy_id, chosen.history_id)
        except FactorCatError as error:
            log.warning("the strategy's stops could not be asked for: %s", error)
            return
        told = {name: detail.parameters.get(name) for name in (TAKE_PROFIT_PARAMETER, STOP_LOSS_PARAMETER)}
        self._state_store.keep(_name(chosen), json.dumps(told, default=str))
        if chosen == self._followed:
            self.asked = True
            self._take(chosen, Known(told))

    def _take(self, chosen: StrategySettings, parameters: Maybe[Mapping[str, Any]]) -> None:
        before, self._of = self._ratios, chosen
        self._ratios = ratios_of(self._stops, parameters)
        if self._ratios != before and isinstance(parameters, Known):
            for trouble in self._ratios.troubles:
                log.error("a stop is not armed: %s", trouble)

    def _remembered(self, chosen: StrategySettings) -> Maybe[Mapping[str, Any]]:
        self.asked = False
        kept = self._state_store.recall(_name(chosen)) if chosen.history_id else None
        if kept is not None:
            return Known(json.loads(kept))
        return Unknown(say("the platform has not been asked yet")) if chosen.history_id else _NO_RECORD


def _name(chosen: StrategySettings) -> str:
    return f"{_KEY}/{chosen.strategy_id}/{chosen.history_id}"

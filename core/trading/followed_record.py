"""The rule and the stops of the followed record, from the platform; the last ones are kept for when it is away."""

import json
import logging

from core.factorcat.client import FactorCatClient
from core.factorcat.errors import FactorCatError
from core.i18n import Language, language, mark, say
from core.model.known import Known, Maybe, Unknown
from core.model.platform import RecordRule
from core.model.settings import Settings, StrategySettings
from core.rules.record_parameters import Parameters, essential, rule_of
from core.rules.stops import Ratios, ratios_of
from core.trading.state_store import StateStore

log = logging.getLogger(__name__)

_NO_RECORD = Unknown(mark("no strategy is followed yet"))
_KEY = "stop_parameters"


class FollowedRecord:
    """`ratios` is what the stops are armed with, `rule` how the record trades, for the strategy of the settings."""

    def __init__(self, settings: Settings, platform: FactorCatClient, state_store: StateStore) -> None:
        self._stops, self._followed = settings.stops, settings.strategy
        self._platform = platform
        self._state_store = state_store
        self._of: StrategySettings | None = None
        self._parameters: Maybe[Parameters] = _NO_RECORD
        self._ratios = Ratios(Known(None), Known(None))
        self._rule: tuple[Maybe[Parameters], Language, RecordRule] | None = None
        self._asked = False
        self._failure = ""

    def use_settings(self, settings: Settings) -> None:
        """Take the record and the ratios from these settings from now on."""
        self._followed = settings.strategy
        if settings.stops != self._stops:
            self._stops = settings.stops
            self._arm()

    @property
    def ratios(self) -> Ratios:
        self._recall_if_changed()
        return self._ratios

    @property
    def rule(self) -> RecordRule:
        """The same object while the record's parameters and the language are the same."""
        self._recall_if_changed()
        made = self._rule
        if made is None or made[0] is not self._parameters or made[1] != language():
            made = self._rule = (self._parameters, language(), rule_of(self._parameters))
        return made[2]

    @property
    def wanted(self) -> bool:
        """Whether the platform has yet to be asked."""
        self._recall_if_changed()
        return not self._asked and bool(self._followed.history_id)

    async def ask(self) -> None:
        """Fetch the parameters; if the platform does not answer, the last ones stay in force."""
        chosen = self._followed
        if not chosen.history_id:
            return
        try:
            found = essential(await self._platform.parameters(chosen.strategy_id, chosen.history_id))
        except FactorCatError as error:
            if str(error) != self._failure:  # it is asked again each minute
                log.warning("the record's parameters could not be asked for: %s", error)
            self._failure = str(error)
            return
        self._failure = ""
        self._state_store.keep(_name(chosen), json.dumps(found, default=str))
        if chosen == self._followed:
            self._of, self._asked, self._parameters = chosen, True, Known(found)
            self._arm()

    def _recall_if_changed(self) -> None:
        if self._followed != self._of:
            self._of, self._asked, self._parameters = (
                self._followed,
                False,
                remembered(self._state_store, self._followed),
            )
            self._arm()

    def _arm(self) -> None:
        before, self._ratios = self._ratios, ratios_of(self._stops, self._parameters)
        if self._ratios != before and isinstance(self._parameters, Known):
            for trouble in self._ratios.troubles:
                log.error("a stop is not armed: %s", trouble)


def remembered(state_store: StateStore, chosen: StrategySettings) -> Maybe[Parameters]:
    """What the platform last said of the record."""
    kept = state_store.recall(_name(chosen)) if chosen.history_id else None
    if kept is not None:
        return Known(json.loads(kept))
    return Unknown(say("the platform has not been asked yet")) if chosen.history_id else _NO_RECORD


def _name(chosen: StrategySettings) -> str:
    return f"{_KEY}/{chosen.strategy_id}/{chosen.history_id}"

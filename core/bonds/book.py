"""What is known of every bond: the last good tables, on disk with their dates, and the user's word before them."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Protocol

from core.akshare.client import AkshareClient, Table, TableRefused, TableUnavailable, table_of
from core.bonds import tables
from core.bonds.overrides import OverridesRefused, read_overrides
from core.i18n import say
from core.infra.clock import SHANGHAI, Clock
from core.infra.home import write_atomically
from core.model.bond import BondCode
from core.model.bond_info import BondFacts, BondInfo, BondInfos, RedemptionState
from core.model.known import Maybe, Unknown
from core.rules.sessions import AFTERNOON

log = logging.getLogger(__name__)

Facts = Mapping[BondCode, BondFacts]

RETRY = timedelta(minutes=10)
"""Until a table that could not be had is asked for again."""

LEAST_OF_LAST = 0.8
"""Share of the last good table's rows that a new one must have: one that shrinks more was cut."""

_LONGEST_AGE = timedelta(days=4)
"""How old a table may be where the calendar does not know the session before."""


class BondBook(Protocol):
    """Who knows the bonds' calls, last days and names."""

    def bond_infos(self, codes: Iterable[BondCode]) -> BondInfos: ...

    def name(self, code: BondCode) -> str:
        """The bond's name, empty where no source has told it."""
        ...

    def notices(self) -> tuple[str, ...]:
        """What the user has to know of the sources themselves."""
        ...

    async def refresh_if_due(self) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Kind:
    """A table that is kept: how it is read, and how old it may become before it is fetched again."""

    name: str
    title: str
    read: Callable[[Table], dict[BondCode, BondFacts]]
    every: timedelta


_KINDS = (
    _Kind(tables.REDEMPTION_TABLE, tables.REDEMPTION_SOURCE, tables.read_redemptions, timedelta(hours=2)),
    _Kind(tables.TERMS_TABLE, tables.TERMS_SOURCE, tables.read_terms, timedelta(hours=20)),
)


@dataclass(frozen=True, slots=True)
class _Good:
    """A table that was read whole."""

    table: Table
    facts: Facts


class TableBook:
    """A `BondBook` over akshare's tables. `previous_session` tells the session before a day."""

    def __init__(
        self,
        folder: Path,
        overrides: Path,
        tables: AkshareClient,
        clock: Clock,
        previous_session: Callable[[date], Maybe[date]],
        terminal: Callable[[BondCode], BondFacts | None] = lambda code: None,
        *,
        required: bool = True,
        fetch: bool = True,
    ) -> None:
        """`terminal`: what the MiniQMT terminal tells of a bond, None where it tells nothing. `required`: whether
        nothing is bought without the table of calls; `fetch`: whether the tables are wanted at all."""
        self._folder = folder
        self._overrides = overrides
        self._tables = tables
        self._clock = clock
        self._previous_session = previous_session
        self._terminal = terminal
        self._required = required
        self._fetch = fetch
        self._turn = asyncio.Lock()
        self._good: dict[str, _Good] = {}
        self._trouble: dict[str, tuple[datetime, str]] = {}
        self._tried: dict[str, datetime] = {}
        self._own: Facts = {}
        self._own_trouble: str | None = None
        for kind in _KINDS:
            self._recall(kind)
        self._read_own()

    def bond_infos(self, codes: Iterable[BondCode]) -> BondInfos:
        missing = self.trouble()
        return {code: self._bond_info(code, missing) for code in codes}

    def name(self, code: BondCode) -> str:
        found = (good.facts.get(code) for good in self._good.values())
        return next((facts.name for facts in found if facts is not None and facts.name), "")

    def codes(self) -> tuple[BondCode, ...]:
        """The bonds of the last good table of calls; none where there is none."""
        good = self._good.get(tables.REDEMPTION_TABLE)
        return tuple(good.facts) if good is not None else ()

    def age(self) -> timedelta | None:
        """How old the last good table of calls is; None where there is none."""
        good = self._good.get(tables.REDEMPTION_TABLE)
        return self._clock.now() - good.table.fetched_at if good is not None else None

    def trouble(self) -> str | None:
        """Why what is known of calls cannot be used, None where it can."""
        return self._own_trouble or self._why_missing()

    def notices(self) -> tuple[str, ...]:
        found = [self._own_trouble] if self._own_trouble else []
        for kind in _KINDS:
            trouble = self._trouble.get(kind.name)
            if trouble is not None:
                told = self._told(kind, *trouble)
                without = self._required and kind.name == tables.REDEMPTION_TABLE and self._why_missing() is not None
                found.append(say("nothing is bought: {told}", told=told) if without else told)
        return tuple(found)

    async def refresh_if_due(self) -> None:
        """Fetch what has become old, one table after the other; what fails leaves the last good one in place."""
        self._read_own()
        if self._turn.locked() or not self._fetch:
            return
        async with self._turn:
            for kind in _KINDS:
                if self._due(kind):
                    await self._refresh(kind)

    def close(self) -> None:
        self._tables.end()

    def _due(self, kind: _Kind) -> bool:
        now, good, tried = self._clock.now(), self._good.get(kind.name), self._tried.get(kind.name)
        if tried is not None and kind.name in self._trouble and now - tried < RETRY:
            return False
        return good is None or now - good.table.fetched_at >= kind.every or self._old(good.table)

    async def _refresh(self, kind: _Kind) -> None:
        self._tried[kind.name] = self._clock.now()
        try:
            table = await self._tables.fetch(kind.name)
            good = self._checked(kind, table)
        except Exception as error:
            if not isinstance(error, TableUnavailable | TableRefused):
                log.exception("%s's table of bonds could not be read", kind.title)
            since = self._trouble.get(kind.name, (self._clock.now(), ""))[0]
            if self._trouble.get(kind.name, (since, ""))[1] != str(error):
                log.warning("%s's table of bonds is not used: %s", kind.title, error)
            self._trouble[kind.name] = (since, str(error))
            return
        self._good[kind.name] = good
        if self._trouble.pop(kind.name, None) is not None:
            log.info("%s's table of bonds is there again: %d bonds", kind.title, len(good.facts))
        await asyncio.to_thread(self._keep, kind, table)

    def _checked(self, kind: _Kind, table: Table) -> _Good:
        facts, last = kind.read(table), self._good.get(kind.name)
        if last is not None and len(facts) < LEAST_OF_LAST * len(last.facts):
            raise TableRefused(
                say("it has {facts} bonds, the last good one had {last}", facts=len(facts), last=len(last.facts))
            )
        return _Good(table, facts)

    def _bond_info(self, code: BondCode, missing: str | None) -> BondInfo:
        own = self._own.get(code)
        told = [good.facts.get(code) for good in self._good.values()]
        facts = tuple(one for one in (own, *_most_severe(*told, self._terminal(code))) if one is not None)
        calls = self._good.get(tables.REDEMPTION_TABLE)
        if own is not None and own.call is not None:
            missing = None
        elif missing is None and calls is not None and code not in calls.facts:
            missing = say("it is not in {source}'s table of {at:%Y-%m-%d %H:%M}", **_of(calls.table))
        return BondInfo(code, facts, missing)

    def _why_missing(self) -> str | None:
        kind = _KINDS[0]
        good, trouble = self._good.get(kind.name), self._trouble.get(kind.name)
        if good is not None and not self._old(good.table):
            return None
        if good is None and trouble is None:
            return say("{source}'s table of calls is not fetched yet", source=kind.title)
        return self._told(kind, *(trouble or (self._clock.now(), "")))

    def _told(self, kind: _Kind, since: datetime, why: str) -> str:
        good = self._good.get(kind.name)
        text = say("{source}'s table of bonds", source=kind.title)
        if why:
            text = say("{table} is not used since {since:%m-%d %H:%M}: {why}", table=text, since=since, why=why)
        if good is None:
            return text
        old = say("the last good one is of {at:%Y-%m-%d %H:%M}", at=good.table.fetched_at)
        return f"{text}; {old}" if why else say("{table} is too old: {old}", table=text, old=old)

    def _old(self, table: Table) -> bool:
        """Whether an issuer may have announced something since: boards do so after the close and before the open."""
        now = self._clock.now().astimezone(SHANGHAI)
        before = self._previous_session(now.date())
        if isinstance(before, Unknown):
            return now - table.fetched_at > _LONGEST_AGE
        return table.fetched_at < datetime.combine(before.value, AFTERNOON[1], SHANGHAI)

    def _read_own(self) -> None:
        try:
            self._own, trouble = read_overrides(self._overrides), None
        except OverridesRefused as error:
            self._own, trouble = {}, say("{error} (nothing is bought meanwhile)", error=error)
        if trouble is not None and trouble != self._own_trouble:
            log.error("%s", trouble)
        self._own_trouble = trouble

    def _file(self, kind: _Kind) -> Path:
        return self._folder / f"{kind.name}.json"

    def _keep(self, kind: _Kind, table: Table) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self._file(kind), json.dumps(table.as_document(), ensure_ascii=False))
        except OSError as error:
            log.warning("%s's table of bonds could not be kept on disk: %s", kind.title, error)

    def _recall(self, kind: _Kind) -> None:
        """The last good table, read with the same checks as a new one."""
        try:
            table = table_of(json.loads(self._file(kind).read_text(encoding="utf-8")))
            self._good[kind.name] = _Good(table, kind.read(table))
        except FileNotFoundError:
            return
        except (OSError, ValueError, TableRefused) as error:
            log.warning("the kept table %s is not used: %s", self._file(kind).name, error)


_SEVERITY = (RedemptionState.CALLED, RedemptionState.MATURING, RedemptionState.MET, RedemptionState.UNREADABLE)


def _most_severe(*told: BondFacts | None) -> list[BondFacts]:
    """Where sources differ on a call, the one that tells the worst is believed."""
    known = [facts for facts in told if facts is not None]
    return sorted(known, key=lambda one: _SEVERITY.index(one.call) if one.call in _SEVERITY else len(_SEVERITY))


def _of(table: Table) -> dict[str, object]:
    return {"source": tables.REDEMPTION_SOURCE, "at": table.fetched_at}

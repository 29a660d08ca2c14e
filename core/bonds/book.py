"""Redemption, listing and names of every bond: the last good tables, kept on disk with their dates, and `bonds.csv`."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Protocol

from core.akshare.cells import MOST_UNREADABLE
from core.akshare.client import AkshareClient, Table, TableRefused, TableUnavailable
from core.bonds import tables
from core.bonds.own_facts import OwnFacts
from core.i18n import mark, say
from core.infra.clock import Clock
from core.model.bond import BondCode
from core.model.bond_info import BondFacts, BondInfo, BondInfos, RedemptionState
from core.model.known import Maybe, Unknown
from core.model.settings import Settings
from core.model.time import SHANGHAI
from core.rules.sessions import AFTERNOON

log = logging.getLogger(__name__)

Facts = Mapping[BondCode, BondFacts]

RETRY = timedelta(minutes=10)
"""Until a table that could not be fetched is asked for again."""

_RETRY_SHOWN = timedelta(hours=2)
"""The same for a table that decides nothing."""

LEAST_OF_LAST = 0.8
"""Share of the last good table's rows that a new one must have: one that shrinks more was cut off."""

_RATINGS = mark("East Money (ratings)")

_MAX_AGE = timedelta(days=4)
"""How old a table may be where the calendar does not know the previous session."""


class BondInfoProvider(Protocol):
    """A source of redemptions, last trading days and names."""

    def bond_infos(self, codes: Iterable[BondCode]) -> BondInfos: ...

    def name(self, code: BondCode) -> str:
        """The bond's name, empty where no source has it."""
        ...

    def notices(self) -> tuple[str, ...]:
        """Troubles of the sources themselves, for the user."""
        ...

    async def refresh_if_due(self) -> None: ...

    def close(self) -> None: ...


@dataclass(slots=True)
class _KeptTable:
    """One table with its last good content. `trouble` is since when and why a newer one is missing; `earlier` is what
    was last read of bonds that it no longer tells of: a call stays known. `decides`: whether anything is bought or sold
    by it; what is only shown is fetched after all others, and its trouble stands in the log alone."""

    name: str
    source: str
    read: Callable[[Table], dict[BondCode, BondFacts]]
    refresh_after: timedelta
    decides: bool = True
    table: Table | None = None
    facts: Facts = field(default_factory=dict[BondCode, BondFacts])
    earlier: Facts = field(default_factory=dict[BondCode, BondFacts])
    trouble: tuple[datetime, str] | None = None
    tried_at: datetime | None = None


class AkshareBondInfo:
    """A `BondInfoProvider` over akshare's tables, the MiniQMT terminal and the user's `bonds.csv`."""

    def __init__(
        self,
        folder: Path,
        overrides: Path,
        client: AkshareClient,
        clock: Clock,
        previous_session: Callable[[date], Maybe[date]],
        terminal: Callable[[BondCode], BondFacts | None] = lambda code: None,
        *,
        required: bool = True,
        fetch: bool = True,
    ) -> None:
        """`required`: nothing is bought without the redemption table; `fetch`: whether tables are fetched at all."""
        self._folder = folder
        self._client = client
        self._clock = clock
        self._previous_session = previous_session
        self._terminal = terminal
        self._required = required
        self._fetch = fetch
        self._lock = asyncio.Lock()
        self._redemptions = _KeptTable(
            tables.REDEMPTION_TABLE, tables.REDEMPTION_SOURCE, tables.read_redemptions, timedelta(hours=2)
        )
        self._tables = (
            self._redemptions,
            _KeptTable(tables.TERMS_TABLE, tables.TERMS_SOURCE, tables.read_terms, timedelta(hours=20)),
            _KeptTable(tables.RATING_TABLE, _RATINGS, tables.read_ratings, timedelta(hours=20), decides=False),
        )
        self._own = OwnFacts(overrides, folder / "own_facts.json")
        for kept in self._tables:
            self._load(kept)
        self._own.read()

    def use_settings(self, settings: Settings) -> None:
        """Fetch and require the table of calls as these settings say, from now on."""
        self._required, self._fetch = settings.guards.redemption == "required", settings.guards.redemption != "off"

    def bond_infos(self, codes: Iterable[BondCode]) -> BondInfos:
        missing = self.trouble()
        return {code: self._bond_info(code, missing) for code in codes}

    def name(self, code: BondCode) -> str:
        found = (kept.facts.get(code) for kept in self._tables)
        return next((facts.name for facts in found if facts is not None and facts.name), "")

    def codes(self) -> tuple[BondCode, ...]:
        """The bonds of the last good redemption table."""
        return tuple(self._redemptions.facts)

    def age(self) -> timedelta | None:
        """How old the last good redemption table is; None where there is none."""
        table = self._redemptions.table
        return None if table is None else self._clock.now() - table.fetched_at

    def trouble(self) -> str | None:
        """Why redemptions are not known; None where they are."""
        return self.own_trouble() or self._why_missing()

    def own_trouble(self) -> str | None:
        """What of the user's own file cannot be read; None where all of it can."""
        told = self._own.trouble
        return say("{error} (buying is paused)", error=told) if told is not None and self._required else told

    def notices(self) -> tuple[str, ...]:
        found = [own] if (own := self.own_trouble()) else []
        for kept in self._tables:
            if not kept.decides:
                continue
            if kept.trouble is not None:
                text = self._describe(kept, *kept.trouble)
                no_buys = self._required and kept is self._redemptions and self._why_missing() is not None
                found.append(say("buying is paused: {told}", told=text) if no_buys else text)
            found += self._unreadable_rows(kept)
        return tuple(found)

    def _unreadable_rows(self, kept: _KeptTable) -> list[str]:
        """One sentence where many rows of a table cannot be read; a single one is named where its bond is wanted."""
        rows = [facts for facts in kept.facts.values() if facts.unreadable]
        if len(rows) <= MOST_UNREADABLE * len(kept.facts):
            return []
        reasons = Counter(facts.unreadable for facts in rows)
        first = max(rows, key=lambda facts: reasons[facts.unreadable])
        told = say(
            "{count} of {rows} rows of {source}'s table of bonds cannot be read, such as {code}: {why}",
            count=len(rows),
            rows=len(kept.facts),
            source=kept.source,
            code=first.code,
            why=first.unreadable,
        )
        if not self._required:
            return [told]
        return [say("{told}. They are not bought: to buy one, enter its redemption in bonds.csv", told=told)]

    async def refresh_if_due(self) -> None:
        """Fetch each table that is due, one after the other; where that fails, the last good one stays."""
        self._own.read()
        await asyncio.to_thread(self._own.keep)
        if self._lock.locked() or not self._fetch:
            return
        async with self._lock:
            due = [kept for kept in self._tables if self._is_due(kept)]
            deciding = [kept for kept in due if kept.decides]
            # What is only shown comes a minute later: the first plan waits for this fetch to end.
            for kept in deciding or due:
                await self._refresh(kept)

    def close(self) -> None:
        self._client.close()

    def _is_due(self, kept: _KeptTable) -> bool:
        now = self._clock.now()
        pause = RETRY if kept.decides else _RETRY_SHOWN
        if kept.trouble is not None and kept.tried_at is not None and now - kept.tried_at < pause:
            return False
        table = kept.table
        return table is None or now - table.fetched_at >= kept.refresh_after or self._is_outdated(table)

    async def _refresh(self, kept: _KeptTable) -> None:
        kept.tried_at = self._clock.now()
        try:
            table = await self._client.fetch(kept.name)
            facts = kept.read(table)
            if len(facts) < LEAST_OF_LAST * len(kept.facts):
                last = len(kept.facts)
                raise TableRefused(
                    say("it has {facts} bonds, the last good one had {last}", facts=len(facts), last=last)
                )
        except Exception as error:
            if not isinstance(error, TableUnavailable | TableRefused):
                log.exception("the bond table of %s could not be read", kept.source)
            since, before = kept.trouble or (self._clock.now(), "")
            if before != str(error):
                level = logging.WARNING if kept.decides else logging.INFO
                log.log(level, "the bond table of %s is not used: %s", kept.source, error)
            kept.trouble = (since, str(error))
            return
        kept.earlier = {
            code: before
            for code, before in {**kept.earlier, **kept.facts}.items()
            if (code not in facts or facts[code].unreadable) and not before.unreadable
        }
        kept.table, kept.facts = table, facts
        if kept.trouble is not None:
            kept.trouble = None
            log.info("the bond table of %s is available again: %d bonds", kept.source, len(facts))
        await asyncio.to_thread(self._save, kept, table)

    def _bond_info(self, code: BondCode, missing: str | None) -> BondInfo:
        own = self._own.get(code)
        told = [one.get(code) for kept in self._tables for one in (kept.facts, kept.earlier)]
        others = [*told, self._terminal(code)]
        facts = tuple(one for one in (own, *_most_severe_first(others)) if one is not None)
        table = self._redemptions.table
        if self._own.says_whether_called(code):
            missing = None
        elif missing is None and table is not None and code not in self._redemptions.facts:
            source = self._redemptions.source
            missing = say("it is not in {source}'s table of {at:%Y-%m-%d %H:%M}", source=source, at=table.fetched_at)
        return BondInfo(code, facts, missing)

    def _why_missing(self) -> str | None:
        kept = self._redemptions
        if kept.table is not None and not self._is_outdated(kept.table):
            return None
        if kept.table is None and kept.trouble is None:
            return say("{source}'s redemption table is not fetched yet", source=kept.source)
        return self._describe(kept, *(kept.trouble or (self._clock.now(), "")))

    def _describe(self, kept: _KeptTable, since: datetime, why: str) -> str:
        text = say("{source}'s table of bonds", source=kept.source)
        if why:
            text = say("{table} is not used since {since:%m-%d %H:%M}: {why}", table=text, since=since, why=why)
        if kept.table is None:
            return text
        old = say("the last good one is of {at:%Y-%m-%d %H:%M}", at=kept.table.fetched_at)
        return f"{text}; {old}" if why else say("{table} is too old: {old}", table=text, old=old)

    def _is_outdated(self, table: Table) -> bool:
        """Whether an issuer may have announced something since: boards do so after the close and before the open."""
        now = self._clock.now().astimezone(SHANGHAI)
        before = self._previous_session(now.date())
        if isinstance(before, Unknown):
            return now - table.fetched_at > _MAX_AGE
        return table.fetched_at < datetime.combine(before.value, AFTERNOON[1], SHANGHAI)

    def _file(self, kept: _KeptTable) -> Path:
        return self._folder / f"{kept.name}.json"

    def _save(self, kept: _KeptTable, table: Table) -> None:
        try:
            table.save(self._file(kept))
        except OSError as error:
            log.warning("the bond table of %s could not be saved: %s", kept.source, error)

    def _load(self, kept: _KeptTable) -> None:
        """Read the saved table with the same checks as a new one."""
        if (saved := Table.saved_in(self._file(kept), kept.read)) is not None:
            kept.table, kept.facts = saved


_SEVERITY = (RedemptionState.CALLED, RedemptionState.MATURING, RedemptionState.MET, RedemptionState.UNREADABLE)


def _most_severe_first(found: Iterable[BondFacts | None]) -> list[BondFacts]:
    """Where sources differ on a redemption, the worst state is believed."""
    known = [facts for facts in found if facts is not None]
    return sorted(known, key=lambda one: _SEVERITY.index(one.call) if one.call in _SEVERITY else len(_SEVERITY))

"""What every quote source does."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from decimal import Decimal

import pytest

from core.model.bond import BondCode
from core.model.known import Known, Unknown
from core.model.quote import Quote
from tests.contract.feed_venues import STRANGER, VENUES, A, B, FeedVenue
from tests.waiting import PATIENCE, until


@pytest.fixture(params=sorted(VENUES))
async def venue(request: pytest.FixtureRequest) -> AsyncGenerator[FeedVenue]:
    async with VENUES[request.param]() as venue:
        for code in (A, B):
            venue.show(code, "100")
        await venue.feed.start()
        yield venue
        await venue.feed.stop()


class Ear:
    """What a listener received, newest last."""

    def __init__(self, venue: FeedVenue) -> None:
        self.heard: list[Quote] = []
        venue.feed.subscribe(self._hear)

    def _hear(self, quotes: Mapping[BondCode, Quote]) -> None:
        self.heard += quotes.values()

    def last(self, code: BondCode) -> Decimal | None:
        return next((quote.last for quote in reversed(self.heard) if quote.code == code), None)


async def test_a_snapshot_has_exactly_the_requested_bonds(venue: FeedVenue) -> None:
    found = await venue.feed.snapshot([A, STRANGER])
    assert set(found) == {A, STRANGER}
    known, unknown = found[A], found[STRANGER]
    assert isinstance(known, Known)
    assert (known.value.code, known.value.last) == (A, Decimal(100))
    assert known.value.at.tzinfo is not None
    assert known.value.source
    assert isinstance(unknown, Unknown)
    assert unknown.reason


async def test_a_snapshot_of_no_bonds_is_empty(venue: FeedVenue) -> None:
    assert await venue.feed.snapshot([]) == {}


async def test_listeners_get_watched_bonds_only(venue: FeedVenue) -> None:
    ear = Ear(venue)
    venue.feed.watch([A])
    await until(lambda: ear.last(A) == 100 or bool(_shown(venue, A, "100")))
    venue.show(B, "103")
    venue.show(A, "102")
    await until(lambda: ear.last(A) == 102)
    assert ear.last(B) is None


async def test_listeners_get_nothing_after_the_feed_stopped(venue: FeedVenue) -> None:
    ear = Ear(venue)
    venue.feed.watch([A])
    await until(lambda: ear.last(A) == 100 or bool(_shown(venue, A, "100")))
    await venue.feed.stop()
    venue.show(A, "102")
    await asyncio.sleep(0.1)
    assert ear.last(A) in (None, 100)


async def test_a_restarted_source_continues(venue: FeedVenue) -> None:
    ear = Ear(venue)
    venue.feed.watch([A])
    await venue.feed.stop()
    await venue.feed.start()
    venue.show(A, "102")
    await until(lambda: ear.last(A) == 102)


@pytest.mark.parametrize("venue", ["akshare", "sources", "tencent"], indirect=True)
async def test_an_unreachable_source_is_reported_for_each_bond(venue: FeedVenue) -> None:
    """A replay has no connection to lose; QMT's losses are tested in tests/quotes/test_qmt.py."""
    ear = Ear(venue)
    venue.feed.watch([A])
    venue.fail()
    found = await venue.feed.snapshot([A, B])
    async with asyncio.timeout(PATIENCE):  # a source's last response counts for a while
        while any(isinstance(one, Known) for one in found.values()):
            await asyncio.sleep(0.005)
            found = await venue.feed.snapshot([A, B])
    assert all(isinstance(one, Unknown) and "reach" in one.reason for one in found.values())
    assert ear.last(A) in (None, 100)


def _shown(venue: FeedVenue, code: BondCode, last: str) -> bool:
    """A replay publishes changes only: show the price once more."""
    venue.show(code, last)
    return not hasattr(venue.feed, "trouble")

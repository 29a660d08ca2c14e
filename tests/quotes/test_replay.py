"""The replay feed shows exactly the quotes it was given."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from core.model.bond import BondCode
from core.model.known import Known, Unknown
from core.model.quote import Quote
from core.model.time import SHANGHAI
from core.quotes.feed import QuoteFeed
from core.quotes.replay import ReplayFeed

A, B, C = BondCode("110073"), BondCode("123225"), BondCode("127033")
FIRST, SECOND = date(2026, 5, 14), date(2026, 5, 15)


def quote(code: BondCode, price: str, day: date = FIRST) -> Quote:
    at = datetime(day.year, day.month, day.day, 14, 50, tzinfo=SHANGHAI)
    return Quote(code, "", Decimal(price), at, "panel")


def shown(*quotes: Quote) -> dict[BondCode, Quote]:
    return {one.code: one for one in quotes}


async def heard_by(feed: ReplayFeed) -> list[Mapping[BondCode, Quote]]:
    heard: list[Mapping[BondCode, Quote]] = []
    feed.subscribe(heard.append)
    await feed.start()
    return heard


async def test_the_snapshot_is_the_last_set_shown() -> None:
    feed: QuoteFeed = (replay := ReplayFeed())
    replay.show(FIRST, shown(quote(A, "106.7")))
    replay.show(SECOND, shown(quote(B, "141.9", SECOND)))
    assert await feed.snapshot([A, B]) == {
        A: Unknown("no recorded price on that date"),
        B: Known(quote(B, "141.9", SECOND)),
    }


async def test_nothing_is_known_before_the_first_set() -> None:
    assert await ReplayFeed().snapshot([A]) == {A: Unknown("no recorded price on that date")}


async def test_listeners_get_watched_bonds_that_changed() -> None:
    feed = ReplayFeed()
    heard = await heard_by(feed)
    feed.watch([A, B, C])
    feed.show(FIRST, shown(quote(A, "106.7"), quote(B, "141.9")))
    feed.show(FIRST, shown(quote(A, "106.8"), quote(B, "141.9")))
    feed.show(FIRST, shown(quote(A, "106.8"), quote(B, "141.9")))
    feed.watch([B])
    feed.show(SECOND, shown(quote(A, "107", SECOND), quote(B, "141.9", SECOND)))
    assert heard == [
        shown(quote(A, "106.7"), quote(B, "141.9")),
        shown(quote(A, "106.8")),
        shown(quote(B, "141.9", SECOND)),
    ]


async def test_a_stopped_feed_publishes_nothing_and_can_still_be_read() -> None:
    feed = ReplayFeed()
    heard = await heard_by(feed)
    feed.watch([A])
    await feed.stop()
    feed.show(FIRST, shown(quote(A, "106.7")))
    assert heard == []
    assert await feed.snapshot([A]) == {A: Known(quote(A, "106.7"))}


async def test_the_shown_set_is_copied() -> None:
    feed = ReplayFeed()
    quotes = shown(quote(A, "106.7"))
    feed.show(FIRST, quotes)
    quotes.clear()
    assert await feed.snapshot([A]) == {A: Known(quote(A, "106.7"))}

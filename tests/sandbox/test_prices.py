"""A price path through a day stays inside its limits, even at them."""

from core.sandbox.prices import MINUTES, DayPath, Incident, day_path, limits


def hovering(price: int) -> DayPath:
    low, high = limits(100_000)
    return DayPath("seed", low, high, (price,) * (MINUTES + 1), (10,) * (MINUTES + 1))


def test_limits_round_half_up() -> None:
    assert limits(188_760) == (151_008, 226_512)
    assert limits(100_003) == (80_002, 120_004)
    assert limits(100_002) == (80_002, 120_002)


def test_quotes_close_to_a_limit_never_pass_it() -> None:
    low, high = limits(100_000)
    for price in (low + 1, high - 1):
        for minute in range(MINUTES):
            tick = hovering(price).tick(minute * 60)
            assert tick.last == price
            assert tick.bid is not None
            assert tick.ask is not None
            assert low <= tick.bid < tick.ask <= high


def test_at_a_limit_one_side_is_empty_and_the_other_queues() -> None:
    low, high = limits(100_000)
    up, down = hovering(high).tick(1_234.5), hovering(low).tick(1_234.5)
    assert (up.last, up.bid, up.ask, up.ask_volume) == (high, high, None, None)
    assert (down.last, down.ask, down.bid, down.bid_volume) == (low, low, None, None)
    assert (up.bid_volume or 0) >= 10_000
    assert (down.ask_volume or 0) >= 10_000


def test_a_path_ends_at_its_close_and_volume() -> None:
    path = day_path("seed", 100_000, 119_999, 123_456)
    assert path.tick(14_400).last == 119_999
    assert path.tick(14_400).volume == 123_450
    assert path.tick(0).volume >= 10
    assert list(path.volumes) == sorted(path.volumes)
    assert all(path.low <= price <= path.high for price in path.prices)


def test_an_incident_pins_the_price_for_its_minutes() -> None:
    path = day_path("seed", 100_000, 101_000, 50_000, Incident(up=False, start=20, length=7))
    pinned = [second for second in range(0, 14_400, 3) if path.tick(second).bid is None]
    assert (min(pinned), max(pinned)) == (20 * 60, 27 * 60)
    assert len(pinned) == 7 * 20 + 1
    assert path.tick(14_400).last == 101_000

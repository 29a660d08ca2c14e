"""The bond data: what is stored, what is refused, and the user's overrides."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from core.akshare.client import Table, TableRefused, TableUnavailable
from core.bonds.book import AkshareBondInfo
from core.bonds.tables import RATING_TABLE, REDEMPTION_TABLE, TERMS_COLUMNS, TERMS_TABLE
from core.calendar.calendar import Calendar
from core.infra.clock import SteppedClock
from core.model.bond import BondCode
from core.model.bond_info import BondFacts, BondInfo, RedemptionState
from core.model.bond_metrics import Dated
from core.model.settings import GuardSettings
from core.model.time import SHANGHAI
from core.rules.redemption import why_not_bought
from core.rules.valuation import figures
from core.rules.valuation import terms as terms_of
from tests.bonds.payloads import as_akshare_makes_it, raw_redemptions

MORNING = datetime(2026, 9, 14, 9, 0, tzinfo=SHANGHAI)  # a Monday
FRIDAY_NIGHT = datetime(2026, 9, 11, 23, 12, tzinfo=SHANGHAI)
PLAIN, CALLED = BondCode("127001"), BondCode("123258")


@pytest.fixture(scope="module")
def calls() -> Table:
    return as_akshare_makes_it(raw_redemptions(), REDEMPTION_TABLE)


def terms(clock: SteppedClock) -> Table:
    codes = [f"{prefix}{number:03d}" for prefix in ("127", "118") for number in range(1, 160)]
    rows = [(code, f"名{code}", "20250120", "12.3", "25.5", "正股") for code in codes]
    cells: tuple[dict[str, str | None], ...] = tuple({**dict(zip(TERMS_COLUMNS, row, strict=True))} for row in rows)
    return Table(TERMS_TABLE, clock.now(), TERMS_COLUMNS, cells)


def rated(clock: SteppedClock) -> Table:
    columns = ("债券代码", "信用评级")
    cells = tuple({"债券代码": f"{127000 + number}", "信用评级": "AA-"} for number in range(400))
    return Table(RATING_TABLE, clock.now(), columns, cells)


class Tables:
    """`AkshareClient` whose answers a test sets: a table, or what it raises."""

    def __init__(self, clock: SteppedClock, calls: Table) -> None:
        self.clock = clock
        self.calls: Table | Exception = calls
        self.ratings: Exception | None = None
        self.asked: list[str] = []

    async def fetch(self, name: str) -> Table:
        self.asked.append(name)
        if name == TERMS_TABLE:
            return terms(self.clock)
        if name == RATING_TABLE:
            if isinstance(self.ratings, Exception):
                raise self.ratings
            return rated(self.clock)
        if isinstance(self.calls, Exception):
            raise self.calls
        return replace(self.calls, fetched_at=self.clock.now())

    def close(self) -> None: ...


class TablesWorld:
    def __init__(self, folder: Path, calls: Table, start: datetime) -> None:
        self.folder = folder
        self.clock = SteppedClock(start)
        self.tables = Tables(self.clock, calls)
        self.terminal: dict[BondCode, BondFacts] = {}
        self.own = folder / "bonds.csv"
        self.book = self.open()

    def open(self) -> AkshareBondInfo:
        """The bond data as a restart opens it."""
        return AkshareBondInfo(
            self.folder / "tables",
            self.own,
            self.tables,  # type: ignore[arg-type]
            self.clock,
            Calendar().previous_session,
            self.terminal.get,
        )

    def bond_info(self, code: BondCode = PLAIN) -> BondInfo:
        return self.book.bond_infos([code])[code]

    def verdict(self, code: BondCode = PLAIN) -> str | None:
        return why_not_bought(
            self.bond_info(code), self.clock.now().date(), Calendar().sessions_between, GuardSettings()
        )


@pytest.fixture
def world(tmp_path: Path, calls: Table) -> TablesWorld:
    return TablesWorld(tmp_path, calls, MORNING)


@pytest.fixture
def friday(tmp_path: Path, calls: Table) -> TablesWorld:
    return TablesWorld(tmp_path, calls, FRIDAY_NIGHT - timedelta(hours=9))


async def test_nothing_is_known_before_the_first_table(world: TablesWorld) -> None:
    assert world.verdict() == "redemption status unknown: jisilu's redemption table is not fetched yet"
    await world.book.refresh_if_due()
    assert world.verdict() is None
    assert str(world.verdict(CALLED)).startswith("called: last trading day 2026-09-29")
    assert world.book.name(PLAIN) == "转债001"


async def test_a_bond_missing_from_all_tables_is_unknown(world: TablesWorld) -> None:
    await world.book.refresh_if_due()
    assert "is not in jisilu's table of 2026-09-14 09:00" in str(world.verdict(BondCode("128999")))


async def test_tables_survive_a_restart_with_their_dates(world: TablesWorld) -> None:
    await world.book.refresh_if_due()
    await world.book.refresh_if_due()
    world.clock.move_to(MORNING + timedelta(hours=1))
    world.book = world.open()
    assert world.verdict() is None
    assert world.bond_info(CALLED).facts[0].as_of == MORNING
    await world.book.refresh_if_due()
    assert world.tables.asked == [REDEMPTION_TABLE, TERMS_TABLE, RATING_TABLE]  # an hour old: good enough


async def test_a_table_from_before_the_last_close_is_too_old(friday: TablesWorld) -> None:
    """A board announces its call between a close and the next open."""
    world = friday
    await world.book.refresh_if_due()
    world.tables.calls = TableUnavailable("the network is unreachable")
    world.clock.move_to(MORNING)
    await world.book.refresh_if_due()
    said = str(world.verdict())
    assert "is not used since 09-14 09:00: the network is unreachable" in said
    assert "the last good one is of 2026-09-11 14:12" in said
    assert world.book.notices()[0].startswith("buying is paused: jisilu's table of bonds is not used since 09-14")


async def test_friday_night_s_table_is_valid_on_monday(friday: TablesWorld) -> None:
    world = friday
    world.clock.move_to(FRIDAY_NIGHT)
    await world.book.refresh_if_due()
    world.tables.calls = TableUnavailable("the network is unreachable")
    world.clock.move_to(MORNING)
    await world.book.refresh_if_due()
    assert world.verdict() is None
    assert world.book.notices()[0].startswith("jisilu's table")  # still valid, and the failure is reported


async def test_a_table_that_lost_a_fifth_of_its_bonds_is_refused_and_the_old_one_kept(world: TablesWorld) -> None:
    await world.book.refresh_if_due()
    assert isinstance(world.tables.calls, Table)
    world.tables.calls = replace(world.tables.calls, rows=world.tables.calls.rows[61:])  # 239: over the floor
    world.clock.move_to(MORNING + timedelta(hours=3))
    await world.book.refresh_if_due()
    assert str(world.verdict(CALLED)).startswith("called")
    assert "it has 239 bonds, the last good one had 300" in world.book.notices()[0]


@pytest.mark.parametrize(
    "trouble", [TableUnavailable("no answer"), TableRefused("it has no column 代码"), KeyError("odd")]
)
async def test_a_failed_download_is_retried_later_and_its_recovery_is_logged(
    world: TablesWorld, trouble: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    good, world.tables.calls = world.tables.calls, trouble
    await world.book.refresh_if_due()
    await world.book.refresh_if_due()
    assert world.tables.asked.count(REDEMPTION_TABLE) == 1
    world.clock.move_to(MORNING + timedelta(minutes=10))
    await world.book.refresh_if_due()
    assert world.tables.asked.count(REDEMPTION_TABLE) == 2
    assert caplog.text.count("is not used") == 1
    world.tables.calls = good
    world.clock.move_to(MORNING + timedelta(minutes=20))
    await world.book.refresh_if_due()
    assert "is available again: 300 bonds" in caplog.text
    assert world.book.notices() == ()


async def test_a_count_that_no_row_has_is_reported_once_and_pauses_buying(world: TablesWorld) -> None:
    table = world.tables.calls
    assert isinstance(table, Table)
    world.tables.calls = replace(table, rows=tuple({**row, "强赎天计数": ""} for row in table.rows))
    await world.book.refresh_if_due()
    (notice,) = world.book.notices()
    assert notice.startswith("294 of 300 rows of jisilu's table of bonds cannot be read, such as ")
    assert "its 强赎天计数 cannot be read (empty)" in notice
    assert "They are not bought: to buy one, enter its redemption in bonds.csv" in notice
    assert str(world.verdict(CALLED)).startswith("called: last trading day 2026-09-29")
    assert "强赎天计数 cannot be read (empty)" in str(world.verdict())
    world.own.write_text("code,call\n127001,none\n", encoding="utf-8")
    await world.book.refresh_if_due()
    assert world.verdict() is None


@pytest.mark.parametrize("cells", [{"最后交易日": "9月29日"}, {"代码": "登录"}])
async def test_the_last_trading_day_of_a_call_survives_a_row_that_cannot_be_read(
    world: TablesWorld, cells: dict[str, str]
) -> None:
    await world.book.refresh_if_due()
    table = world.tables.calls
    assert isinstance(table, Table)
    rows = (row | cells if row["代码"] == CALLED[:6] else row for row in map(dict, table.rows))
    world.tables.calls = replace(table, rows=tuple(rows))
    world.clock.move_to(MORNING + timedelta(hours=3))
    await world.book.refresh_if_due()
    assert world.bond_info(PLAIN).facts[0].as_of == MORNING + timedelta(hours=3)
    assert str(world.verdict(CALLED)).startswith("called: last trading day 2026-09-29")


async def test_a_stored_table_passes_the_same_checks(world: TablesWorld, caplog: pytest.LogCaptureFixture) -> None:
    await world.book.refresh_if_due()
    kept = world.folder / "tables" / f"{REDEMPTION_TABLE}.json"
    kept.write_text(kept.read_text(encoding="utf-8")[:-200], encoding="utf-8")
    world.book = world.open()
    assert "not fetched yet" in str(world.verdict())
    assert f"the saved table {kept.name} is not used" in caplog.text


async def test_user_overrides_go_before_every_table(world: TablesWorld) -> None:
    await world.book.refresh_if_due()
    world.own.write_text(
        "code,call,last_trade,restricted\n127001,,,qualified investors only\n123258,none,2026-12-31,\n", "utf-8"
    )
    await world.book.refresh_if_due()
    assert "restricted: qualified investors only [bonds.csv" in str(world.verdict())
    assert world.verdict(CALLED) == (
        "may be called in 0 sessions: 17 of 15 days counted (guards.min_days_to_call = 5) [jisilu 2026-09-14 09:00]"
    )
    world.own.unlink()
    await world.book.refresh_if_due()
    assert world.verdict() is None


async def test_a_bond_with_a_user_override_needs_no_table(world: TablesWorld) -> None:
    world.tables.calls = TableUnavailable("no answer")
    world.own.write_text("code,call,maturity\n127001,none,2030-01-01\n", encoding="utf-8-sig")
    await world.book.refresh_if_due()
    assert world.verdict() is None
    assert "status unknown" in str(world.verdict(BondCode("127002")))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kode\n1\n", "must name columns of code,call"),
        ("code,call\n127001,maybe\n", "line 2: 'maybe' is not one of none, met"),
        ("code,last_trade\n127001,soon\n", "line 2: 'soon' is not a day like 2026-09-29"),
        ("code,redemption_price\n127001,-3\n", "line 2: '-3' is not a price"),
        ("code\n600000\n", "line 2: 600000 is not a convertible bond"),
        ("code\n127001\n127001\n", "line 3: 127001.SZ is named twice"),
        ("code\n\xff", "is not a bond code"),
    ],
)
async def test_an_invalid_overrides_file_blocks_all_buying(world: TablesWorld, text: str, said: str) -> None:
    await world.book.refresh_if_due()
    world.own.write_text(text, encoding="latin-1")
    await world.book.refresh_if_due()
    assert said in str(world.verdict())
    assert said in world.book.notices()[0]


async def test_if_sources_differ_the_worst_counts(world: TablesWorld) -> None:
    await world.book.refresh_if_due()
    world.terminal[PLAIN] = BondFacts(
        PLAIN,
        "QMT",
        MORNING,
        call=RedemptionState.CALLED,
        last_trade=date(2026, 9, 30),
        redemption_price=Decimal("100.4"),
    )
    assert str(world.verdict()).startswith(
        "called: last trading day 2026-09-30, 11 sessions away [QMT 2026-09-14 09:00]"
    )
    world.terminal[CALLED] = BondFacts(CALLED, "QMT", MORNING, name="terminal")
    assert str(world.verdict(CALLED)).startswith("called: last trading day 2026-09-29")


async def test_no_table_is_fetched_if_the_settings_turn_tables_off(world: TablesWorld) -> None:
    book = AkshareBondInfo(
        world.folder,
        world.own,
        world.tables,  # type: ignore[arg-type]
        world.clock,
        Calendar().previous_session,
        fetch=False,
    )
    await book.refresh_if_due()
    assert world.tables.asked == []


async def test_ratings_come_after_the_tables_that_decide(world: TablesWorld) -> None:
    """The first plan waits for the first fetch: what is only shown must not prolong it."""
    await world.book.refresh_if_due()
    assert world.tables.asked == [REDEMPTION_TABLE, TERMS_TABLE]
    await world.book.refresh_if_due()
    assert world.tables.asked[2:] == [RATING_TABLE]
    assert terms_of(world.bond_info()).rating == Dated("AA-", "East Money", MORNING)


async def test_ratings_that_fail_are_unknown_and_forbid_nothing(world: TablesWorld) -> None:
    world.tables.ratings = TableUnavailable("Length mismatch")
    await world.book.refresh_if_due()
    await world.book.refresh_if_due()
    assert world.tables.asked.count(RATING_TABLE) == 1
    assert (world.book.notices(), world.verdict()) == ((), None)
    assert terms_of(world.bond_info()).rating is None
    world.clock.move_to(MORNING + timedelta(minutes=60))
    await world.book.refresh_if_due()
    assert world.tables.asked.count(RATING_TABLE) == 1
    world.clock.move_to(MORNING + timedelta(minutes=119))
    world.tables.ratings = None
    await world.book.refresh_if_due()  # the redemption table is due again at the same time, and goes first
    world.clock.move_to(MORNING + timedelta(minutes=121))
    await world.book.refresh_if_due()
    await world.book.refresh_if_due()
    assert terms_of(world.bond_info()).rating is not None


async def test_metrics_come_from_the_tables_with_their_times(world: TablesWorld) -> None:
    await world.book.refresh_if_due()
    found = figures(world.bond_info(), None, None)
    assert found.conversion_value == Decimal("89.9514")  # 11.10 / 12.34 * 100, by jisilu's row
    assert found.premium == Decimal("0.250675")  # 112.500 over that
    assert (found.premium_source, found.premium_at) == ("jisilu", MORNING)
    told = terms_of(world.bond_info())
    assert told.counted == Dated((0, 15), "jisilu", MORNING)
    assert told.remaining_size == Dated(Decimal(449000000), "jisilu", MORNING)
    assert (told.share_code, told.share_name) == ("300001", "正股")

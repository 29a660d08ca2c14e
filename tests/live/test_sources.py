"""The real program with its sources of prices and its guards: MiniQMT in another process, Tencent's service on
loopback, the user's file of bonds."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.running import Running, furnished, ledger, until
from tests.live.suspend import at, now
from tests.live.world import ACCOUNT, MOMENT, ProcessWorld, bonds
from tests.quotes.tencent_service import Service, line, served

pytestmark = pytest.mark.slow

A, B, C = bonds(3)
CHECKED = {"QUOTES__SOURCES": '["qmt", "tencent"]', "GUARDS__CROSS_CHECK": "live"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ProcessWorld]:
    with ProcessWorld(tmp_path) as world:
        world.furnish([A, B, C])
        world.platform.listed = [A, B]
        yield world


@pytest.fixture
def tencent(world: ProcessWorld) -> Iterator[Service]:
    with served() as service:
        world.settings["QUOTES__TENCENT"] = service.url
        show(service, A, B, C)
        yield service


def show(service: Service, *codes: str, last: str = "100.000", prev_close: str = "100.000", at: str = "100000") -> None:
    change = f"{float(last) - float(prev_close):.3f}"
    told = {"f4": prev_close, "f30": f"20260515{at}", "f31": change, "f47": "120.000", "f48": "80.000"}
    for code in codes:
        service.show(line(code, last, f6="500", f35=f"{last}/500/{float(last) * 5_000:.0f}", **told))


def reasons(document: dict[str, object]) -> dict[str, str]:
    return {row["code"]: row["reason"] for row in document["blocked"]}  # type: ignore[attr-defined]


def test_live_orders_need_the_same_price_from_a_second_source(world: ProcessWorld, tencent: Service) -> None:
    world.settings |= {**CHECKED, "GUARDS__SELF_TEST": "waived"}
    furnished(world, ())
    show(tencent, B, last="103.000")
    code, document = world.json("rebalance", "--yes")
    assert [leg["code"] for leg in document["legs"]] == [A]
    assert code == 0
    assert "two sources disagree: last price 100.000 (QMT 10:00" in reasons(document)[B]
    assert "103.000 (Tencent 10:00:00)" in reasons(document)[B]
    assert [request["code"] for request in world.control.requests()] == [A]


def test_live_mode_without_the_second_source_sends_nothing_and_names_it(world: ProcessWorld, tencent: Service) -> None:
    world.settings |= {**CHECKED, "GUARDS__SELF_TEST": "waived"}
    furnished(world, ())
    tencent.status = 503
    _, document = world.json("rebalance", "--yes")
    assert document["legs"] == []
    for code in (A, B):
        assert "a second source does not confirm the price: Tencent since 10:00" in reasons(document)[code]
        assert "status 503" in reasons(document)[code]
    assert world.control.requests() == []


def test_a_source_that_reports_the_open_as_previous_close_is_detected(world: ProcessWorld, tencent: Service) -> None:
    world.settings |= {**CHECKED, "GUARDS__SELF_TEST": "waived"}
    furnished(world, ())
    show(tencent, A, last="100.000", prev_close="99.500")
    _, document = world.json("plan")
    assert "two sources disagree: previous close 100.000 (QMT" in reasons(document)[A]
    assert [leg["code"] for leg in document["legs"]] == [B]


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment whose proxy is not there and whose other variables are nonsense."""
    for name, value in (
        ("ALL_PROXY", "socks5://127.0.0.1:7890"),
        ("NO_PROXY", "::1,fe80::/10"),
        ("SSL_CERT_FILE", "/no/such/file.pem"),
    ):
        monkeypatch.setenv(name, value)
        monkeypatch.setenv(name.lower(), value)


@pytest.mark.usefixtures("hostile")
def test_variables_of_the_environment_keep_no_plan_from_its_sources(world: ProcessWorld, tencent: Service) -> None:
    world.settings |= {**CHECKED, "GUARDS__SELF_TEST": "waived"}
    furnished(world, ())
    code, document = world.json("rebalance", "--yes")
    assert code == 0, document
    assert [leg["code"] for leg in document["legs"]] == [A, B]
    assert set(world.held()) == {A, B}


@pytest.mark.usefixtures("hostile")
def test_variables_of_the_environment_keep_no_stop_from_firing(world: ProcessWorld, tencent: Service) -> None:
    """With MiniQMT's quotes gone, on those of Tencent alone."""
    furnished(world, [A, B])
    for code in (A, B):
        world.control.set_position(ACCOUNT, code, 100, 100.0)
    world.settings |= {"QUOTES__SOURCES": '["qmt", "tencent"]', "SCHEDULE__FREQUENCY": "off"}
    world.settings["STOPS__STOP_LOSS"] = "0.05"

    def falls() -> None:
        """A price of this second: MiniQMT's last one contradicts for ten seconds."""
        show(tencent, A, last="94.000", at=f"{now(world):%H%M%S}")

    with Running(world).follows() as run:
        world.control.drop_link("quote")
        run.wait_for("quotes now come from Tencent")
        until(lambda: falls() or A not in ledger(world), lambda: run.said)
        assert run.end(signal.SIGTERM) == 0, run.said
    assert [(request["code"], request["volume"]) for request in world.control.requests()] == [(A, 100)]
    assert "Traceback" not in run.said


def test_a_proxy_that_does_not_answer_is_named_and_sends_nothing(world: ProcessWorld, tencent: Service) -> None:
    world.settings |= {**CHECKED, "GUARDS__SELF_TEST": "waived", "QUOTES__TENCENT": "https://qt.invalid"}
    world.settings["NETWORK__PROXY"] = "socks5://127.0.0.1:9"
    furnished(world, ())
    _, document = world.json("plan")
    assert document["legs"] == []
    assert "a second source does not confirm the price: Tencent since 10:00" in reasons(document)[A]


def test_paper_mode_trades_without_a_terminal(world: ProcessWorld, tencent: Service) -> None:
    world.settings |= {"MODE": "paper", "QUOTES__SOURCES": '["qmt", "tencent"]', "QMT__USERDATA": "/no/terminal/here"}
    code, document = world.json("rebalance", "--yes")
    assert code == 0, document
    assert [(leg["code"], leg["average_price"]) for leg in document["legs"]] == [(A, 100.001), (B, 100.001)]
    assert set(world.ledger()) == {A, B}


def test_paper_mode_without_any_source_names_each_and_orders_nothing(world: ProcessWorld, tencent: Service) -> None:
    tencent.status = 503
    world.settings |= {"MODE": "paper", "QUOTES__SOURCES": '["tencent"]'}
    code, document = world.json("rebalance", "--yes")
    assert code == 3
    said = reasons(document)[A]
    assert said.startswith("no price, no quote source can be reached: Tencent since 10:00")
    assert "status 503" in said


def test_a_called_bond_is_reported_and_sold_before_its_last_trading_day(world: ProcessWorld) -> None:
    """By the running engine, without any command; the plan says why and does not buy it again."""
    furnished(world, ())
    world.control.set_position(ACCOUNT, A, 100, 100.0)
    world.adopt(A)
    (world.home / "bonds.csv").write_text(
        "code,call,last_trade,redemption_price\n113001,called,2026-05-19,90\n", "utf-8"
    )
    world.settings["SCHEDULE__FREQUENCY"] = "off"
    _, document = world.json("plan")
    sells = [leg for leg in document["legs"] if leg["side"] == "sell"]
    assert [(leg["code"], leg["volume"]) for leg in sells] == [(A, 100)]
    assert "called, last trading day 2026-05-19, 2 sessions away [bonds.csv" in sells[0]["reason"]
    said = until_the_called_bond_is_sold(world)
    assert "redeemed at 90 against 100.000 now: 1,000.00 CNY at stake on 100 张" in said
    assert said.count("at stake") == 1
    assert A not in world.ledger()


def until_the_called_bond_is_sold(world: ProcessWorld) -> str:
    """Run the engine until its exit has sold the whole holding, once; what it said."""
    at(world, MOMENT.replace(minute=0, second=52))
    with Running(world, world.start("run")) as run:
        until(lambda: A not in ledger(world), lambda: run.said, seconds=90)
        assert run.end(signal.SIGTERM) == 0, run.said
    (request,) = world.control.requests()
    assert (request["code"], request["volume"]) == (A, 100)
    return run.said


@pytest.mark.parametrize(
    "unreadable",
    [
        "code,call,last_trade,redemption_price\r\n113001,called,46161,90\r\n,,,\r\n注：已公告\r\n".encode("gbk"),
        b"PK\x03\x04 saved as a workbook",
    ],
    ids=["a line", "the file"],
)
def test_a_called_bond_is_sold_after_the_user_s_file_became_unreadable(world: ProcessWorld, unreadable: bytes) -> None:
    """The last good entry survives the restart; without it the same file says nothing of the bond."""
    furnished(world, ())
    world.control.set_position(ACCOUNT, A, 100, 100.0)
    world.adopt(A)
    world.settings["SCHEDULE__FREQUENCY"] = "off"
    world.platform.listed = [A]
    file = world.home / "bonds.csv"
    file.write_bytes(unreadable)
    _, document = world.json("plan")
    assert [leg for leg in document["legs"] if leg["side"] == "sell"] == []
    file.write_bytes('code，call，last_trade，redemption_price\r\n="113001"，Called，2026/5/19，90\r\n'.encode("gbk"))
    _, document = world.json("plan")
    (sell,) = [leg for leg in document["legs"] if leg["side"] == "sell"]
    assert "called, last trading day 2026-05-19, 2 sessions away [bonds.csv" in sell["reason"]
    file.write_bytes(unreadable)
    said = until_the_called_bond_is_sold(world)
    assert "still in force, as read before: 113001.SH (20" in said
    assert A not in world.ledger()
    tables = next(row for row in world.json("doctor")[1]["findings"] if row["name"] == "tables")
    assert "bonds.csv" in tables["text"]

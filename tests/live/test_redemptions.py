"""The real program with jisilu's table of redemptions: what a row does to a plan and to a holding."""

import json
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from core.bonds.tables import REDEMPTION_COLUMNS, REDEMPTION_TABLE, TERMS_COLUMNS, TERMS_TABLE
from tests.live.running import Running, furnished, ledger, until
from tests.live.suspend import at
from tests.live.test_sources import reasons
from tests.live.world import ACCOUNT, MOMENT, ProcessWorld, bonds

pytestmark = pytest.mark.slow

A, B, C, D = bonds(4)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ProcessWorld]:
    with ProcessWorld(tmp_path) as world:
        world.furnish([A, B, C, D])
        world.platform.listed = [A, B, C, D]
        world.settings |= {"GUARDS__REDEMPTION": "required", "SCHEDULE__FREQUENCY": "off"}
        furnished(world, ())
        yield world


def tell(world: ProcessWorld, *, count: str = "0/15 | 30", **rows: dict[str, str]) -> None:
    """Keep a table of jisilu's and one of East Money's, fetched half an hour ago; `rows` by digits: b113001={...}."""
    sound = dict.fromkeys(REDEMPTION_COLUMNS, "") | {
        "名称": "转债",
        "到期日": "2030-07-10",
        "转股起始日": "2025-03-03",
        "转股价": "12.34",
        "强赎天计数": count,
    }
    codes = [code[:6] for code in (A, B, C, D)] + [f"110{n:03d}" for n in range(250)]
    calls: list[dict[str, str]] = [sound | {"代码": code} | rows.get(f"b{code}", {}) for code in codes]
    folder = world.home / "data" / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    for name, columns, cells in (
        (REDEMPTION_TABLE, REDEMPTION_COLUMNS, [[row[column] for column in REDEMPTION_COLUMNS] for row in calls]),
        (TERMS_TABLE, TERMS_COLUMNS, [[code, "转债", "20250120", "12.3", "25.5", "正股"] for code in codes]),
    ):
        fetched_at = (MOMENT - timedelta(minutes=30)).isoformat()
        document = {"name": name, "fetched_at": fetched_at, "columns": columns, "rows": cells}
        (folder / f"{name}.json").write_text(json.dumps(document, ensure_ascii=False), "utf-8")


def test_a_count_that_cannot_be_read_blocks_the_buy_of_its_bond_alone(world: ProcessWorld) -> None:
    tell(
        world,
        b113001={"强赎天计数": "14/30"},
        b127002={"强赎天计数": "已公告强赎"},
        b113003={"强赎价": "100.05"},
        b127004={"强赎天计数": "0／15｜30"},
    )
    code, document = world.json("rebalance", "--yes")
    assert code == 0, document
    assert [leg["code"] for leg in document["legs"]] == [D]
    said = reasons(document)
    assert said[A].startswith(
        "redemption status unknown: its 强赎天计数 cannot be read ('14/30') [jisilu 2026-05-15 09:30]"
    )
    assert said[B].startswith("called [jisilu")
    assert said[C].startswith("called [jisilu")
    assert set(world.held()) == {D}


def test_with_no_count_at_all_nothing_is_bought_and_a_called_holding_still_goes(world: ProcessWorld) -> None:
    world.control.set_position(ACCOUNT, A, 100, 100.0)
    world.adopt(A)
    tell(world, count="", b113001={"强赎状态": "已公告强赎", "最后交易日": "2026-05-19", "强赎价": "100.05"})
    _, document = world.json("plan")
    assert [(leg["side"], leg["code"]) for leg in document["legs"]] == [("sell", A)]
    assert all("强赎天计数 cannot be read (empty)" in reasons(document)[code] for code in (B, C, D))
    at(world, MOMENT.replace(minute=0, second=52))
    with Running(world, world.start("run")) as run:
        until(lambda: A not in ledger(world), lambda: run.said, seconds=90)
        assert run.end(signal.SIGTERM) == 0, run.said
    assert [(request["code"], request["volume"]) for request in world.control.requests()] == [(A, 100)]

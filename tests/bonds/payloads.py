"""Tables of the shape that was recorded in September 2026, with made-up bonds around the cases that matter."""

import asyncio
import json
import tempfile
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from core.akshare.client import AkshareClient, Table
from core.infra.clock import SteppedClock
from core.model.time import SHANGHAI
from tests.bonds.akshare_on import command
from tests.waiting import PATIENCE

FETCHED = datetime(2026, 9, 11, 23, 12, tzinfo=SHANGHAI)

_BLUE = '<span style="color:blue;">!</span>'
_RED = '<span style="color:red;font-weight:bold;">!</span>'


def raw_row(code: str, **changes: Any) -> dict[str, Any]:
    """One row of jisilu's answer, of a bond without anything special; the field set is complete."""
    cell: dict[str, Any] = {
        "bond_id": code,
        "bond_nm": f"转债{code[-3:]}",
        "price": "112.500",
        "stock_id": "300001",
        "stock_nm": "正股",
        "margin_flg": "R",
        "btype": "C",
        "orig_iss_amt": "4.500",
        "curr_iss_amt": "4.490",
        "convert_dt": "2025-03-03",
        "convert_price": "12.34",
        "next_put_dt": "2029-08-28",
        "redeem_dt": None,
        "force_redeem": None,
        "redeem_flag": "X",
        "redeem_price": "113.00",
        "redeem_price_ratio": "130%",
        "real_force_redeem_price": "-",
        "redeem_remain_days": 15,
        "redeem_real_days": 0,
        "redeem_total_days": 30,
        "recount_dt": None,
        "redeem_count_days": 15,
        "redeem_tc": "如果公司股票在任何连续三十个交易日中至少十五个交易日的收盘价格不低于当期转股价格的130%",
        "sprice": "11.10",
        "delist_dt": None,
        "maturity_dt": "2030-07-10",
        "upper_price_adj": "0.000",
        "redeem_icon": "",
        "redeem_orders": 97,
        "at_maturity": 0,
        "redeem_count": "至少还需15天<br>0/15 | 30",
        "after_next_put_dt": 0,
        "force_redeem_price": "16.042",
    }
    return {"id": code, "cell": cell | changes}


SPECIAL = (
    raw_row(  # called, its last trading day today
        "123112",
        redeem_icon="R",
        delist_dt="2026-09-11",
        real_force_redeem_price="101.332",
        redeem_count=f"已满足强赎条件{_BLUE}<br>27/15 | 30",
        maturity_dt="2027-04-08",
    ),
    raw_row(  # called, with days to go
        "123258",
        bond_nm="胜例转02",
        redeem_icon="R",
        delist_dt="2026-09-29",
        real_force_redeem_price="100.050",
        redeem_count=f"已满足强赎条件{_BLUE}<br>17/15 | 30",
        maturity_dt="2031-08-28",
    ),
    raw_row(  # maturing: the same icon as a call
        "128134",
        redeem_icon="R",
        delist_dt="2026-09-28",
        at_maturity=1,
        redeem_count=f"临近到期 {_RED}<br>2026-09-28 最后交易",
        maturity_dt="2026-10-09",
    ),
    raw_row("123243", redeem_count="至少还需3天<br>12/15 | 30"),
    raw_row("113046", redeem_icon="O", redeem_count=f"已满足强赎条件{_BLUE}<br>15/15 | 30", maturity_dt="2027-03-22"),
    raw_row("113050", redeem_icon="B", redeem_count=f"已满足强赎条件{_BLUE}<br>15/15 | 30"),
    raw_row("113051", redeem_icon="G", redeem_count=f"已满足强赎条件{_BLUE}<br>18/15 | 30"),
    raw_row("113053", redeem_icon="X"),  # an unknown icon
)


def raw_redemptions(count: int = 300, special: Iterable[dict[str, Any]] = SPECIAL) -> dict[str, Any]:
    """jisilu's whole answer: `count` rows, the special ones first."""
    special = list(special)
    taken = {row["id"] for row in special}
    plain = (f"{prefix}{number:03d}" for prefix in ("127", "118", "110") for number in range(1, 400))
    rows = special + [raw_row(code) for code in plain if code not in taken]
    return {"page": 1, "rows": rows[:count], "total": count}


def as_akshare_makes_it(document: Any, name: str) -> Table:
    """The table of this answer, made by akshare's own code in the child process."""
    return _made(json.dumps(document, ensure_ascii=False), name)


@cache
def _made(text: str, name: str) -> Table:
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "answer.json")
        answer.write_text(text, encoding="utf-8")
        return asyncio.run(answering_with(answer).fetch(name))


def answering_with(answer: Path) -> AkshareClient:
    """akshare whose every request gets the text of this file. To load pandas may take long beside other work."""
    return AkshareClient(SteppedClock(FETCHED), command(answer), timeout=10 * PATIENCE)

"""What becomes of each answer that the platform may give: used, a row skipped, refused; and what the screen says of it.

The answers come over real HTTP. The strategy holds the four bonds of `CODES`; a bond that is sold left the list.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from core.model.plan import Plan
from core.model.settings import GuardSettings, Settings, StrategySettings
from core.trading.executor import RebalanceRefused
from tests.engine.list_world import CODES, GOOD, PARAMETERS, ListWorld, list_world, listed, row
from tests.factorcat.server import Reply, answer, raw
from tui.screens.plan_rows import plan_summary

TODAY, YESTERDAY, DAY_BEFORE, TOMORROW = "2026-05-15", "2026-05-14", "2026-05-13", "2026-05-18"


@dataclass(frozen=True)
class Case:
    """An answer and what it must lead to: `refused`, or the codes that are followed; the screen says `says` too."""

    reply: Reply
    says: Sequence[str] = ()
    codes: Sequence[str] = CODES
    refused: bool = False
    skipped: Sequence[str] = ()
    guards: dict[str, Any] = field(default_factory=dict[str, Any])
    empty_list: str = "hold"
    parameters: Reply = field(default_factory=lambda: answer(500, {"detail": "no parameters"}))


def rows(**changes: Any) -> list[dict[str, Any]]:
    return [row(code, **changes) for code in CODES]


def used(*listing: object, says: Sequence[str] = (), **more: Any) -> Case:
    return Case(listed(*listing), says, **more)


def refused(*listing: object, says: Sequence[str], **more: Any) -> Case:
    return Case(listed(*listing), says, (), True, **more)


def without(key: str) -> list[dict[str, Any]]:
    return [{name: value for name, value in one.items() if name != key} for one in rows()]


def last(**changes: Any) -> list[dict[str, Any]]:
    """The four rows, the last one changed."""
    return [*rows()[:3], row(CODES[3]) | changes]


def with_another(code: object, **changes: Any) -> list[dict[str, Any]]:
    """The four rows and a fifth."""
    return [*rows(), row("x", **{"kzz_code": code, **changes})]


ALLOWED = {"undated_list": "allow"}
TIMING, NO_TIMING = answer(200, {"parameters": {"timingOption": 1}}), answer(200, {"parameters": {"timingOption": 0}})
TODAYS_HEAD = ["list of 2026-05-15, 4 bonds"]
A_SESSION_OLD = ["list of 2026-05-14, 4 bonds", "1 session old"]
FROM_QUOTES = "no name in the list: the quote source's"

CODE_FORMS: dict[str, Any] = {
    "bare": "127004",
    "with its suffix": "127004.SZ",
    "in lower case": "127004.sz",
    "with blanks": " 127004 ",
    "as a number": 127004,
    "as a number with a point": 127004.0,
    "with its market in front": "sz127004",
    "with its market on both sides": "SZ127004.SZ",
}
DATE_FORMS: dict[str, Any] = {
    "with dashes": "2026-05-15",
    "compact": "20260515",
    "with slashes": "2026/05/15",
    "with slashes, not padded": "2026/5/15",
    "as a number": 20260515,
    "as a number with a point": 20260515.0,
    "with a time": "2026-05-15 14:30:00",
    "with a time, slashes": "2026/05/15 14:30",
    "with a T": "2026-05-15T14:30:00.123",
    "with a zone": "2026-05-15T14:30:00+08:00",
    "of another zone": "2026-05-14T16:00:00Z",
    "as seconds": 1778803200,
    "as milliseconds": 1778803200000,
    "compact with a time": "20260515 143000",
}
OLD_DATE_FORMS: dict[str, Any] = {
    "yesterday": "2026-05-14",
    "yesterday, compact": "20260514",
    "yesterday, slashes": "2026/05/14",
    "yesterday, as a number": 20260514,
    "yesterday, with a time": "2026-05-14 15:00:00",
    "yesterday, as milliseconds": 1778716800000,
}
KINDS = {
    "132026": "exchangeable",
    "120001": "exchangeable or corporate",
    "117186": "exchangeable",
    "124001": "private convertible",
    "137001": "private bond",
    "145001": "restricted",
    "404001": "delisting board",
    "400001": "delisting board",
}

CASES: dict[str, Case] = {
    "plain": Case(GOOD, TODAYS_HEAD),
    **{f"code {name}": used(*last(kzz_code=code)) for name, code in CODE_FORMS.items()},
    "code under code": used(*[{"code": code, "trade_date": TODAY} for code in CODES], says=TODAYS_HEAD),
    "null kzz_code, code there": used(*last(kzz_code=None, code="127004.SZ")),
    "blank kzz_code, code there": used(*last(kzz_code=" ", code=127004)),
    "both codes, the same": used(*last(code="127004.SZ")),
    **{f"date {name}": used(*rows(trade_date=day), says=TODAYS_HEAD) for name, day in DATE_FORMS.items()},
    **{f"date {name}": used(*rows(trade_date=day), says=A_SESSION_OLD) for name, day in OLD_DATE_FORMS.items()},
    "half dated": used(
        *rows()[:2], *[row(code, trade_date=None) for code in CODES[2:]], says=[*TODAYS_HEAD, "2 of its 4 rows have no"]
    ),
    "one row dated yesterday, the others undated": used(
        row(CODES[0], trade_date=YESTERDAY),
        *without("trade_date")[1:],
        says=[*A_SESSION_OLD, "3 of its 4 rows have no"],
    ),
    "dated as a whole": Case(
        answer(200, [{"selected_bonds": without("trade_date"), "trade_date": "20260515"}]), TODAYS_HEAD
    ),
    "no date, allowed": used(
        *without("trade_date"), says=["list without a date, 4 bonds", "guards.undated_list = allow"], guards=ALLOWED
    ),
    "null date, allowed": used(*rows(trade_date=None), says=["list without a date"], guards=ALLOWED),
    "blank date, allowed": used(*rows(trade_date=" "), says=["list without a date"], guards=ALLOWED),
    "nothing but codes, allowed": used(
        *[{"kzz_code": code} for code in CODES],
        says=["list without a date", f"4 bonds have {FROM_QUOTES}", "4 bonds have no price in the list"],
        guards=ALLOWED,
    ),
    "no name": used(*without("name"), says=[f"4 bonds have {FROM_QUOTES}"]),
    "null name": used(*last(name=None), says=[f"1 bond has {FROM_QUOTES}"]),
    "blank name": used(*last(name="  "), says=[f"1 bond has {FROM_QUOTES}"]),
    "number for a name": used(*last(name=5), says=[f"1 bond has {FROM_QUOTES}"]),
    "no price": used(*without("price"), says=["4 bonds have no price in the list"]),
    "null price": used(*last(price=None), says=["1 bond has no price in the list"]),
    "blank price": used(*last(price=""), says=["1 bond has no price in the list"]),
    "price as text": used(*last(price="112.730")),
    "whole price": used(*last(price=112)),
    "unknown fields": used(*rows(score=0.93, tags=["a", {"b": None}], rank="1")),
    "unknown fields around": Case(answer(200, [{"selected_bonds": rows(), "count": 4, "next": None}]), TODAYS_HEAD),
    "one bond less": used(*rows()[:3], codes=CODES[:3], says=["list of 2026-05-15, 3 bonds"]),
    "another bond": used(*rows(), row("127005"), codes=(*CODES, "127005")),
    **{
        f"kind {code[:3]}": used(*with_another(code), says=["1 row skipped", f"{code} (", kind], skipped=[code])
        for code, kind in KINDS.items()
    },
    "kind as a number": used(*with_another(132026), says=["1 row skipped"], skipped=["132026"]),
    "kind with a suffix": used(*with_another("404001.OC"), says=["1 row skipped"], skipped=["404001"]),
    "kind without a name, a price, a date": used(
        *with_another("124001.SZ", name=None, price=None, trade_date=None),
        says=["1 row skipped", "1 of its 5 rows have no date"],
        skipped=["124001"],
    ),
    "kinds, more than allowed": refused(
        *rows()[:3], row("132026"), says=["1 of its 4 rows skipped", "exchangeable", "max_skipped_ratio allows 20.0%"]
    ),
    "kinds, as many as the setting allows": used(
        *rows()[:3],
        row("132026"),
        codes=CODES[:3],
        skipped=["132026"],
        says=["1 row skipped"],
        guards={"max_skipped_ratio": 0.25},
    ),
    "kinds, none allowed": refused(*with_another("132026"), says=["allows 0.0%"], guards={"max_skipped_ratio": 0}),
    "kinds alone": refused(row("132026"), says=["a bond must be left"], guards={"max_skipped_ratio": 1}),
    "two days old": refused(*rows(trade_date=DAY_BEFORE), says=["stale: it is dated 2026-05-13", "max_list_age = 1"]),
    "two days old, allowed": used(
        *rows(trade_date=DAY_BEFORE), says=["list of 2026-05-13", "2 sessions old"], guards={"max_list_age": 2}
    ),
    "yesterday's, today's wanted": refused(
        *rows(trade_date=YESTERDAY), says=["stale: it is dated 2026-05-14", "2026-05-15"], guards={"max_list_age": 0}
    ),
    "today's, today's wanted": used(*rows(), says=TODAYS_HEAD, guards={"max_list_age": 0}),
    "of tomorrow": refused(*rows(trade_date=TOMORROW), says=["later than the 2026-05-15"]),
    "of a closed day": refused(
        *rows(trade_date="2026-05-10"), says=["2026-05-10, which is no trading day"], guards={"max_list_age": 5}
    ),
    "two dates": refused(*last(trade_date=YESTERDAY), says=["two dates, 2026-05-15 in row 1", "2026-05-14 in row 4"]),
    "two dates, one of the whole": Case(
        answer(200, [{"selected_bonds": rows(), "trade_date": YESTERDAY}]), ["two dates"], (), True
    ),
    "two dates, one in a skipped row": refused(*with_another("132026", trade_date=YESTERDAY), says=["two dates"]),
    "no date": refused(*without("trade_date"), says=["has no date", "guards.undated_list = allow"]),
    "nothing but codes": refused(*[{"code": code} for code in CODES], says=["guards.undated_list = allow"]),
    "a date that is none": refused(*last(trade_date="soon"), says=["row 4: the trade_date 'soon' is not a date"]),
    "a date that is none, undated allowed": refused(*last(trade_date="-"), says=["not a date"], guards=ALLOWED),
    "an impossible date": refused(*last(trade_date=20260230), says=["'20260230' is not a date"]),
    "no code": refused(*last(kzz_code=None), says=["row 4 has no code"]),
    "half a code": refused(*with_another("12700"), says=["row 5", "six digits"]),
    "a name for a code": refused(*with_another("兴业转债"), says=["row 5", "six digits"]),
    "a code of fullwidth digits": refused(*with_another("１２７００５"), says=["row 5", "six digits"]),
    "an equity": refused(*with_another("600000"), says=["600000 is not a convertible bond"]),
    "an equity as a number": refused(*with_another(300750), says=["300750 is not a convertible bond"]),
    "an unknown prefix": refused(*with_another("139001"), says=["139001 is not a convertible bond"]),
    "the wrong market": refused(*with_another("127005.SH"), says=["row 5", "trade in SZ"]),
    "another code beside it": refused(*last(code="127005"), says=["row 4 names two bonds", "127004.SZ", "127005.SZ"]),
    "an equity beside it": refused(*last(code="600000"), says=["600000"]),
    "a kind beside it": refused(*last(code="132026"), says=["row 4 names two bonds"]),
    "a duplicate": refused(*with_another("127004"), says=["127004.SZ stands in it twice, in rows 4 and 5"]),
    "a duplicate, spelt otherwise": refused(*with_another("sz127004"), says=["127004.SZ stands in it twice"]),
    "a duplicate, as a number": refused(*with_another(127004), says=["127004.SZ stands in it twice"]),
    "a kind twice": refused(
        *with_another("132026"), row("132026.SH"), says=["132026 stands in it twice"], guards={"max_skipped_ratio": 1}
    ),
    "a price that is none": refused(*last(price="--"), says=["row 4: the price '--' is not a number"]),
    "a price of zero": refused(*last(price=0), says=["row 4: the price 0 is not above zero"]),
    "a row that is no object": refused(*rows(), "127005", says=["row 5 is not an object"]),
    "a row of null": refused(*rows(), None, says=["row 5 is not an object"]),
    "codes under another name": Case(
        answer(200, [{"selected_bonds": [{"id": 1}] * 4}]), ["row 1 has no code"], (), True
    ),
    "the list under another name": Case(answer(200, [{"bonds": rows()}]), ["'selected_bonds' is missing"], (), True),
    "an object without a list around it": Case(answer(200, {"selected_bonds": rows()}), ["a list was"], (), True),
    "no list": Case(answer(200, []), ["none came"], (), True),
    "two lists": Case(answer(200, [{"selected_bonds": rows()}] * 2), ["2 came"], (), True),
    "null": Case(answer(200, None), ["a list was expected"], (), True),
    "not JSON": Case(raw(200, b"<html>"), ["not JSON"], (), True),
    "too short": refused(row(CODES[0]), says=["too short: 1 bonds, after 4"]),
    "too short once rows are skipped": refused(
        row(CODES[0]), row("132026"), says=["too short: 1 bonds, after 4"], guards={"max_skipped_ratio": 0.5}
    ),
    "empty": refused(says=["The list is empty", "not known", "no parameters", "All holdings are kept"]),
    "empty, with timing": refused(says=["The list is empty", "uses market timing", "empty_list"], parameters=TIMING),
    "empty, without timing": refused(says=["does not use market timing"], parameters=NO_TIMING, empty_list="sell"),
    "empty, parameters fail": refused(says=["not known", "no parameters"], empty_list="sell"),
    "empty, parameters without it": refused(
        says=["not known", "timingOption"], parameters=answer(200, {"parameters": {}}), empty_list="sell"
    ),
    "empty, parameters unreadable": refused(
        says=["not known", "timingOption"],
        parameters=answer(200, {"parameters": {"timingOption": "yes"}}),
        empty_list="sell",
    ),
    "empty, out of the market": used(
        codes=(), says=["the strategy leaves the market"], parameters=TIMING, empty_list="sell"
    ),
    "empty, out of the market, but dated before": Case(
        answer(200, [{"selected_bonds": [], "trade_date": DAY_BEFORE}]),
        ["stale"],
        (),
        True,
        parameters=TIMING,
        empty_list="sell",
    ),
}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ListWorld]:
    async with list_world(tmp_path) as world:
        await world.follow()
        yield world


def screen(plan: Plan) -> str:
    """The head of the plan on the screen, with the refusal below it."""
    return f"{plan_summary(plan, None).plain}\n{plan.refused or ''}"


async def plan_for(world: ListWorld, case: Case) -> Plan:
    strategy = StrategySettings(strategy_id=1, history_id=1, empty_list=case.empty_list)  # pyright: ignore[reportArgumentType]
    world.use(Settings(mode="paper", strategy=strategy, guards=GuardSettings(**case.guards)))
    world.server.on(PARAMETERS, case.parameters)
    return await world.plan(case.reply)


def check(name: str, case: Case, plan: Plan) -> None:
    shown = screen(plan)
    assert all(words in shown for words in case.says), (name, shown)
    assert (plan.refused is not None) == case.refused, (name, plan.refused)
    if case.refused:
        assert plan.legs == (), name
        return
    assert [code[:6] for code in plan.codes] == list(case.codes), name
    assert [row.code for row in plan.skipped_rows] == list(case.skipped), name
    assert {leg.code[:6] for leg in plan.sells} == set(CODES) - set(case.codes), name
    assert {leg.code[:6] for leg in plan.buys} == set(case.codes) - set(CODES), name
    assert all(leg.name for leg in plan.legs), name
    assert all(row.name for row in plan.kept), name


async def test_what_becomes_of_each_answer(world: ListWorld) -> None:
    assert len(CASES) >= 60
    for name, case in CASES.items():
        check(name, case, await plan_for(world, case))
    assert set(world.components.order_manager.ledger.holdings()) == {"113001.SH", "113002.SH", "123003.SZ", "127004.SZ"}


FORMS: dict[str, tuple[dict[str, Any], str]] = {
    "code as a number": ({"kzz_code": 127004}, ""),
    "code with its market": ({"kzz_code": "sz127004"}, ""),
    "code under code": ({"kzz_code": None, "code": "127004"}, ""),
    "compact date": ({"trade_date": "20260515"}, ""),
    "date as a number": ({"trade_date": 20260515}, ""),
    "date with a time": ({"trade_date": "2026/05/15 14:30:00"}, ""),
    "date as milliseconds": ({"trade_date": 1778803200000}, ""),
    "no date": ({"trade_date": None}, "1 of its 4 rows have no date"),
    "no name": ({"name": None}, "1 bond has no name"),
    "no price": ({"price": None}, "1 bond has no price"),
    "price as text": ({"price": "100.5"}, ""),
    "unknown field": ({"score": [1, {"a": 2}]}, ""),
}
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "code of an equity": ({"kzz_code": 600000}, "600000"),
    "code missing": ({"kzz_code": None, "code": None}, "no code"),
    "code twice": ({"kzz_code": "113001"}, "twice"),
    "yesterday's date": ({"trade_date": YESTERDAY}, "two dates"),
    "no date at all": ({"trade_date": "later"}, "is not a date"),
    "negative price": ({"price": -1}, "above zero"),
}


async def test_forms_in_pairs_are_used_and_a_fault_beside_any_form_refuses_the_list(world: ListWorld) -> None:
    for (name, (first, says)), (other, (second, says_too)) in combinations(FORMS.items(), 2):
        if not first.keys() & second.keys():
            case = used(*last(**first, **second), says=[says, says_too])
            check(f"{name}, {other}", case, await plan_for(world, case))
    for name, (form, _) in FORMS.items():
        for other, (fault, says) in FAULTS.items():
            if not form.keys() & fault.keys():
                case = refused(*last(**form, **fault), says=[says])
                check(f"{name}, {other}", case, await plan_for(world, case))


async def test_an_empty_list_of_a_strategy_out_of_the_market_sells_everything_and_a_new_list_buys_again(
    world: ListWorld,
) -> None:
    case = CASES["empty, out of the market"]
    plan = await plan_for(world, case)
    await world.components.rotation.execute(plan)
    assert world.components.order_manager.ledger.holdings() == {}
    again = await plan_for(world, CASES["plain"])
    assert {leg.code[:6] for leg in again.buys} == set(CODES)


async def test_a_run_keeps_the_list_that_it_followed_in_words(world: ListWorld) -> None:
    rotation = world.components.rotation
    await rotation.execute(
        await plan_for(world, used(*rows(trade_date=YESTERDAY)[:3], row("127005", trade_date=YESTERDAY)))
    )
    run = rotation.current_run()
    assert run is not None
    assert run.listed == "list of 2026-05-14, 4 bonds. The list is 1 session old: it is not today's."


@pytest.mark.parametrize(("max_age", "runs"), [(0, False), (1, True)])
async def test_a_plan_made_before_the_open_is_refused_once_its_list_has_grown_too_old(
    world: ListWorld, max_age: int, runs: bool
) -> None:
    case = used(*rows()[:3], guards={"max_list_age": max_age})
    rotation = world.components.rotation
    monday = world.clock.now() + timedelta(days=3)
    world.clock.move_to(monday.replace(hour=9, minute=15))
    plan = await plan_for(world, case)
    assert plan.refused is None
    world.clock.move_to(monday.replace(hour=9, minute=31))
    if runs:
        await rotation.execute(plan)
        return
    with pytest.raises(RebalanceRefused, match="stale: it is dated 2026-05-15, and 2026-05-18"):
        await rotation.execute(plan)


async def test_a_list_without_a_date_is_kept_and_measures_the_next_one(world: ListWorld) -> None:
    await world.components.rotation.execute(await plan_for(world, used(*without("trade_date")[:3], guards=ALLOWED)))
    kept = world.components.rotation.runs.last_list(1, 1)
    assert kept is not None
    assert (kept.trade_date, kept.codes) == (None, ("113001.SH", "113002.SH", "123003.SZ"))
    plan = await plan_for(world, refused(row(CODES[0]), says=[]))
    assert "too short: 1 bonds, after 3 on 2026-05-15" in (plan.refused or "")

"""An engine in Chinese, then switched to English: each place has its one language, whenever a sentence was made."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from core.engine.engine import Engine
from core.i18n import use_language
from core.infra.config import load_settings, write_setting
from core.infra.home import Home
from core.infra.logs import path_of
from core.model.command import ChangeSetting, DayOfOrders, ExecutePlan, FindInLog, MakePlan, ReadLog, ReadOrders
from core.model.log_page import LogLine, LogPage
from core.model.order import Order
from core.model.plan import Plan
from core.model.snapshot import Snapshot
from tests.cli.command import rotor_process
from tests.engine.test_engine import FAST, ask, ended, started, until
from tests.language.chinese import latin_words
from tui.cli.offline import prepare_demo

pytestmark = pytest.mark.slow
_HAN = re.compile("[\u4e00-\u9fff]")
_RECONCILED = "持仓核对一致"


@dataclass(frozen=True)
class Day:
    """What was seen of an engine that traded in Chinese and was then switched to English."""

    names: frozenset[str]
    plan: Plan
    file: str
    page: LogPage
    chinese: Snapshot
    orders: DayOfOrders
    found: LogLine | None
    not_found: LogLine | None
    code_found: LogLine | None
    documents: dict[str, Any]
    english: Snapshot
    english_orders: DayOfOrders
    english_page: LogPage


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    home = Home(tmp_path_factory.mktemp("home"))
    prepare_demo(home)
    write_setting(home.path, {"language": "zh"})
    use_language("zh")
    try:
        with started(Engine(home, load_settings(home.path, environ={}), speed=FAST)) as engine:
            engine.wait_ready()
            yield _traded(engine, home)
    finally:
        use_language("en")


def _traded(engine: Engine, home: Home) -> Day:
    plan = ask(engine, MakePlan())
    ask(engine, ExecutePlan(plan.plan_id))
    chinese = until(engine, ended(plan.plan_id))
    assert chinese.trading_day is not None
    read = ReadOrders(chinese.trading_day)
    orders, page = ask(engine, read), ask(engine, ReadLog())
    code = plan.legs[0].code
    found, not_found, code_found = (
        ask(engine, FindInLog(text, 1 << 30, forward=False)) for text in (_RECONCILED, "reconciled", code)
    )
    documents = {words: _document(home, *words.split()) for words in ("status", "export orders", "plan")}
    file = path_of(home, chinese.trading_day).read_text("utf-8")
    ask(engine, ChangeSetting("language", "en"))
    english = until(engine, lambda shown: shown.language == "en")
    return Day(
        frozenset(leg.name for leg in plan.legs) | {terms.share_name for terms in chinese.terms},
        plan,
        file,
        page,
        chinese,
        orders,
        found,
        not_found,
        code_found,
        documents,
        english,
        ask(engine, read),
        ask(engine, ReadLog()),
    )


def _document(home: Home, *words: str) -> Any:
    return json.loads(rotor_process("--home", str(home.path), *words, "--json", LC_ALL="zh_CN.UTF-8").stdout)


def _without(text: str, names: frozenset[str]) -> str:
    return re.sub("|".join(map(re.escape, sorted(names, key=len, reverse=True))), "", text)


def _sentences(orders: tuple[Order, ...]) -> str:
    return "\n".join(
        text for order in orders for text in (order.intent.reason, order.message, *(step.text for step in order.log))
    )


def test_the_log_file_is_english(day: Day) -> None:
    assert "Positions reconciled, trading enabled" in day.file
    assert not _HAN.search(_without(day.file, day.names))


def test_the_log_screen_is_chinese(day: Day) -> None:
    shown = "\n".join(line.text for line in day.page.lines)
    assert _RECONCILED in shown
    assert latin_words(shown) == []


def test_the_log_is_searched_as_it_is_shown(day: Day) -> None:
    assert day.found is not None
    assert _RECONCILED in day.found.text
    assert day.not_found is None
    assert day.code_found is not None
    assert day.plan.legs[0].code in day.code_found.text


def test_events_and_orders_are_chinese(day: Day) -> None:
    assert latin_words("\n".join(event.text for event in day.chinese.events)) == []
    assert latin_words(_sentences(day.orders.orders)) == []


def test_json_is_english_over_a_chinese_engine(day: Day) -> None:
    """Names of bonds and shares are Chinese; whatever else is said is not."""
    assert _HAN.search(day.plan.legs[0].reason), "the engine's own sentence is Chinese"
    for words, document in day.documents.items():
        text = _without(json.dumps(document, ensure_ascii=False), day.names)
        assert [line for line in re.findall(r'"[^"]*"', text) if _HAN.search(line)] == [], words
    assert day.documents["export orders"][0]["reason"].startswith("joined the list")


def test_what_was_stored_in_chinese_is_english_after_the_switch(day: Day) -> None:
    assert _HAN.search(_sentences(day.orders.orders))
    assert not _HAN.search(_without(_sentences(day.english_orders.orders), day.names))
    assert not _HAN.search(_without(_sentences(day.english.orders), day.names))
    assert not _HAN.search(_without("\n".join(event.text for event in day.english.events), day.names))
    assert not _HAN.search(_without("\n".join(line.text for line in day.english_page.lines), day.names))

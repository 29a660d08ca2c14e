"""The user's file of bonds: good lines stay in force, bad ones are named, and the last good state survives."""

import os
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from core.bonds.own_facts import OwnFacts
from core.model.bond import BondCode
from core.model.bond_info import RedemptionState

A, B, C = BondCode("110001"), BondCode("123002"), BondCode("118003")
HEADER = "code,call,last_trade,redemption_price,restricted"
GOOD = f"{HEADER}\n110001,called,2026-12-01,100.5,\n123002,none,,,仅合格投资者，见公告\n"


class World:
    def __init__(self, folder: Path) -> None:
        self.file = folder / "bonds.csv"
        self.copy = folder / "tables" / "own_facts.json"
        self.facts = self.restarted()

    def restarted(self) -> OwnFacts:
        self.facts = OwnFacts(self.file, self.copy)
        return self.facts

    def write(self, content: str | bytes) -> OwnFacts:
        self.file.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.facts.read()
        self.facts.keep()
        return self.facts

    @property
    def trouble(self) -> str:
        return self.facts.trouble or ""

    def called(self, code: BondCode = A) -> bool:
        facts = self.facts.get(code)
        return facts is not None and facts.call is RedemptionState.CALLED and facts.last_trade == date(2026, 12, 1)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gbk"])
@pytest.mark.parametrize("separator", [",", "\t", ";", "，"])
def test_a_file_of_excel_is_read_like_one_typed_by_hand(world: World, encoding: str, separator: str) -> None:
    lines = [
        "Code,CALL,last_trade,redemption_price,restricted,,",
        '="110001",Called,2026/12/1,100.50,,,',
        "123002.0,none,,,仅合格投资者（试点）,,",
        "# 备注,,,",
        ",,,,,,",
        "",
    ]
    world.write("\r\n".join(lines).replace(",", separator).encode(encoding))
    assert world.trouble == ""
    assert world.called()
    facts = world.facts.get(B)
    assert facts is not None
    assert (facts.call, facts.restricted) == (RedemptionState.NONE, "仅合格投资者（试点）")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("110001,called,46357,100.5,", "bonds.csv, line 2: '46357' is Excel's number of a day"),
        ("110001,caled,2026-12-01,,", "line 2: 'caled' is not one of none"),
        ("110001,called,2026-12-01,1e2,", "line 2: '1e2' is not a price"),
        ("110001,called,12/1/2026,,", "line 2: '12/1/2026' is not a day"),
        ("11O001,called,2026-12-01,,", "line 2: '11O001' is not a bond code"),
        ("110001\tcalled\t46357", "line 2: '46357' is Excel's number"),
        ("注意：", "line 2: '注意:' is not a bond code"),
        ('"110001,called,2026-12-01', "line 2: "),
        ("110001,called," + "9" * 200_000, "line 2: "),
    ],
    ids=range(9),
)
def test_a_line_that_became_unreadable_keeps_its_last_good_entry(world: World, line: str, said: str) -> None:
    world.write(GOOD)
    world.write(f"{HEADER}\n{line}\n123002,none,,,\n118003,called,2026-12-01,,\n")
    for _ in range(2):
        assert said in world.trouble
        assert "still in force, as read before: 110001.SH (20" in world.trouble
        assert world.called(A)
        assert not world.facts.says_whether_called(A), "nothing is bought because of an old entry"
        assert world.called(C)
        assert world.facts.says_whether_called(C)
        assert world.facts.get(B) is not None
        world.restarted().read()
    world.write(f"{HEADER}\n123002,none,,,\n")
    assert world.trouble == ""
    assert world.facts.get(A) is None, "what the user removed from a file that can be read is removed"
    assert world.restarted().get(A) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 400,
        b"PK\x03\x04",
        b"\x80\xff",
        "代码,强赎\n".encode(),
        b"code,call,call\n110001,none,none\n",
        b"110001,none\n",
    ],
)
def test_a_file_that_cannot_be_read_at_all_leaves_everything_in_force(world: World, content: bytes) -> None:
    world.write(GOOD)
    world.write(content)
    for _ in range(2):
        assert world.called()
        assert world.facts.get(B) is not None
        assert "still in force, as read before: 110001.SH (" in world.trouble
        world.restarted().read()
    world.file.unlink()
    world.facts.read()
    assert (world.facts.get(A), world.facts.trouble) == (None, None)


def test_a_folder_in_its_place_leaves_everything_in_force(world: World) -> None:
    world.write(GOOD)
    world.file.unlink()
    world.file.mkdir()
    world.restarted().read()
    assert world.called()
    assert "is a folder or a pipe" in world.trouble


def test_a_mistyped_column_is_named_and_hides_no_earlier_value(world: World) -> None:
    world.write(GOOD)
    world.write("code,call,last_trad\n110001,called,\n123002,called,\n")
    assert "line 1: unknown column 'last_trad'" in world.trouble
    assert world.called()
    facts = world.facts.get(B)
    assert facts is not None
    assert facts.call is RedemptionState.CALLED


@pytest.mark.parametrize("pair", [("none", "called"), ("called", "none")])
def test_of_two_lines_of_a_bond_the_call_counts(world: World, pair: tuple[str, str]) -> None:
    world.write(f"{HEADER}\n" + "".join(f"110001,{call},2026-12-01,,\n" for call in pair))
    assert "line 3: 110001.SH is named twice" in world.trouble
    assert world.called()


@pytest.mark.parametrize("price", ["100.05元", "¥100.05", '"1,000.05"', "100。05"])
def test_a_price_as_people_write_it_is_read(world: World, price: str) -> None:
    world.write(f"{HEADER}\n110001,called,2026-12-01,{price},\n")
    assert world.called()
    facts = world.facts.get(A)
    assert (facts.redemption_price if facts else None) in {Decimal("100.05"), Decimal("1000.05")}
    assert (world.trouble, world.facts.says_whether_called(A)) == ("", True)


@pytest.mark.parametrize(
    ("line", "call", "last_trade"),
    [
        ("110001,called,2026-12-01,待定,", RedemptionState.CALLED, date(2026, 12, 1)),
        ("110001,called,soon,100.5,", RedemptionState.CALLED, None),
        ("110001,caled,2026-12-01,100.5,", None, date(2026, 12, 1)),
    ],
)
def test_a_cell_that_cannot_be_read_leaves_the_others_of_its_line_in_force(
    world: World, line: str, call: RedemptionState | None, last_trade: date | None
) -> None:
    for _ in range(2):
        world.write(f"{HEADER}\n{line}\n")
        facts = world.facts.get(A)
        assert facts is not None
        assert (facts.call, facts.last_trade) == (call, last_trade)
        assert "bonds.csv, line 2: '" in world.trouble
        assert "still in force" not in world.trouble
        assert not world.facts.says_whether_called(A), "nothing is bought because of a line that cannot be read"
        world.restarted()


def test_a_cell_that_cannot_be_read_any_more_keeps_what_it_said(world: World) -> None:
    world.write(GOOD)
    world.write(f"{HEADER}\n110001,called,2026-11-20,待定,\n123002,none,,,\n")
    facts = world.facts.get(A)
    assert facts is not None
    assert (facts.last_trade, facts.redemption_price) == (date(2026, 11, 20), Decimal("100.5"))
    assert "still in force, as read before: 110001.SH" in world.trouble


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_lines_of_a_called_bond_the_earlier_day_counts(world: World, order: int) -> None:
    lines = ["110001,called,2026-12-10,100.5,", "110001,called,2026-12-01,,"][::order]
    world.write("\n".join([HEADER, *lines]))
    assert "line 3: 110001.SH is named twice" in world.trouble
    assert world.called()
    assert not world.facts.says_whether_called(A)


@pytest.mark.parametrize("title", ["我的转债强赎表", "更新于 2026-11-20,,,,\n\n,说明", "\0\0"])
def test_a_title_above_the_header_costs_nothing(world: World, title: str) -> None:
    world.write(f"{title}\n{GOOD}")
    assert (world.trouble, world.called()) == ("", True)
    world.write(f"{title}\n118003,called,2026-12-01,,\n{GOOD}")
    assert (world.trouble, world.called(), world.called(C)) == ("", True, True)


def test_zeros_where_lines_were_lost_take_no_exit(world: World) -> None:
    world.write(GOOD)
    world.write(f"{HEADER}\n123002,none,,,\n".encode() + b"\0" * 60)
    assert "line 3: " in world.trouble
    assert world.called()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
def test_a_pipe_in_place_of_the_copy_does_not_stop_the_start(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.write(GOOD)
    world.copy.unlink()
    os.mkfifo(world.copy)
    world.restarted().read()
    assert world.called()
    assert "is a link, a folder or a pipe" in caplog.text


def test_many_bad_lines_are_counted(world: World) -> None:
    world.write(f"{HEADER}\n" + "x\n" * 9)
    assert world.trouble.endswith("line 4: 'x' is not a bond code: six digits are expected; and 6 more lines")


def test_a_damaged_copy_is_named_in_the_log_and_does_no_harm(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.write(GOOD)
    world.copy.write_text('{"110001.SH": {"call": "called"}}', encoding="utf-8")
    world.restarted().read()
    assert world.called()
    assert "the copy own_facts.json is not used" in caplog.text

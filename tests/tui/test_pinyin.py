"""Initials of Chinese names."""

import pytest

from tui.pinyin import has_initials, initials


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("兴业转债", "xyzz"),
        ("兴业转债", "YZ"),
        ("鑫铂转债", "xbzz"),  # both of the second level
        ("长汽转债", "cqzz"),
        ("长汽转债", "zqzz"),
        ("重银转债", "cyzz"),
        ("天23转债", "t23z"),
        ("G三峡EB2", "gsxeb2"),
    ],
)
def test_a_name_is_found_by_the_letters_of_its_characters(name: str, typed: str) -> None:
    assert has_initials(typed, initials(name))


@pytest.mark.parametrize(("name", "typed"), [("兴业转债", "xzz"), ("兴业转债", ""), ("兴业转债", "xyzzx"), ("", "a")])
def test_other_letters_do_not_find_it(name: str, typed: str) -> None:
    assert not has_initials(typed, initials(name))

"""Bytes that are no input are dropped alone: what is typed after them is read."""

import os
import time

import pytest
from textual import events

from tui.driver import InputReader

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows' console delivers characters, no bytes")


@pytest.mark.parametrize(
    "noise",
    [
        "转债".encode("gbk"),
        b"\xff\xfe\x80",
        b"\x1b[M \xf0\xff",
        b"\x1b[M\xff\xff\xff",
        b"\x1b[48;999999;999999;1;1t",
        b"\x1b[<;;M",
    ],
    ids=["GBK", "no UTF-8", "X10 mouse", "X10 mouse far out", "garbled size", "garbled mouse"],
)
def test_input_after_unreadable_bytes_is_read(noise: bytes) -> None:
    reader = InputReader()
    messages = [*reader.feed(noise), *reader.feed(b"q")]
    assert [message.key for message in messages if isinstance(message, events.Key)][-1:] == ["q"]


def typed(*parts: bytes | float) -> list[str]:
    """The keys and pastes that these bytes are; a number is a pause of so many seconds."""
    reader, messages = InputReader(), []
    for part in parts:
        if not isinstance(part, bytes):
            time.sleep(part)
        else:
            messages += reader.feed(part)
        messages += reader.tick()
    return [
        message.key if isinstance(message, events.Key) else message.text
        for message in messages
        if isinstance(message, (events.Key, events.Paste))
    ]


@pytest.mark.parametrize(
    ("parts", "keys"),
    [
        ((b"\x1b1?",), ["escape", "1", "question_mark"]),
        ((b"\x1b\x1b[A",), ["escape", "up"]),
        ((b"\x1b", 0.12, b"1"), ["escape", "1"]),
        ((b"\x1b[", 0.12, b"x"), ["escape", "left_square_bracket", "x"]),
        ((b"\x1b[A\x1b[5~\x1bOP\x1b[Z",), ["up", "pageup", "f1", "shift+tab"]),
        ((b"\x1b[", b"A"), ["up"]),
        (("转".encode()[:2], "转".encode()[2:] + b"q"), ["转", "q"]),
        ((b"\x1b[200~a\tb\x1b[20", b"1~q"), ["a\tb", "q"]),
    ],
    ids=[
        "esc and keys",
        "esc and an arrow",
        "esc",
        "esc and [",
        "keys",
        "a key in two",
        "a character in two",
        "a paste",
    ],
)
def test_each_key_of_a_packet_is_read(parts: tuple[bytes | float, ...], keys: list[str]) -> None:
    assert typed(*parts) == keys


@pytest.mark.parametrize(
    "garbled",
    [
        "你好".encode("gbk"),
        b"\xc4y",
        b"\x1b[?;c",
        b"\x1b[?1;2c",
        b"\x1b]0;yes\x07",
        b"\x1bP>|term y\x1b\\",
        b"\x1b[38;2;3m",
    ],
)
def test_nothing_of_an_unreadable_sequence_is_typed(garbled: bytes) -> None:
    assert typed(garbled + b"q") == ["q"]


@pytest.mark.parametrize("cut", [b"\x1b[<35;12", b"\x1b[M", b"\x1b[48;24", b"\x1bPyes", b"\x1b]0;y"])
def test_a_sequence_whose_rest_does_not_come_is_dropped(cut: bytes) -> None:
    assert typed(cut, 1.05, b"q") == ["q"]


def test_a_paste_without_its_end_takes_in_no_later_key() -> None:
    assert typed(b"\x1b[200~113050", 1.05, b"q") == ["113050", "q"]


def test_a_report_in_two_pieces_types_nothing() -> None:
    reader = InputReader()
    messages = [*reader.feed(b"a\x1b[M"), *reader.feed(b" \xff\xffb")]
    assert [message.key for message in messages if isinstance(message, events.Key)] == ["a", "b"]

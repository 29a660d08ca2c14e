"""Bytes that are no input are dropped alone: what is typed after them is read."""

import os

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


def test_a_report_in_two_pieces_types_nothing() -> None:
    reader = InputReader()
    messages = [*reader.feed(b"a\x1b[M"), *reader.feed(b" \xff\xffb")]
    assert [message.key for message in messages if isinstance(message, events.Key)] == ["a", "b"]

"""Text and codes as people and Excel write them."""

import os
from pathlib import Path

import pytest

from core.infra.user_files import UserFileRefused, decoded, lines_of, parse_code, read_user_text, used_lines
from core.model.bond import CodeRefused

TEXT = "code,restricted\r\n110001,仅合格投资者\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gbk"])
def test_each_encoding_of_notepad_and_excel_is_read(encoding: str) -> None:
    assert decoded(TEXT.encode(encoding)) == TEXT


def test_one_line_in_another_encoding_leaves_the_others_readable() -> None:
    content = "一,备注\n".encode() + "二,备注\n".encode("gbk") + b"3,\xff\n" + "四\n".encode()
    assert decoded(content) == "一,备注\n二,备注\n3,\N{REPLACEMENT CHARACTER}\n四\n"
    with pytest.raises(UserFileRefused, match="in line 3"):
        decoded(content, complete=True)
    assert decoded("# \N{REPLACEMENT CHARACTER}".encode(), complete=True)


def test_zeros_between_cells_are_padding_and_zeros_behind_the_last_line_are_shown() -> None:
    text = b"code,call\0\0\n110001\0\0,\0called\r\n\0\0\0\n"
    assert decoded(text) == "code,call\n110001,called\r\n\n"
    lost = decoded(b"code\n110001\n" + b"\0" * 400)
    assert lost == "code\n110001\n" + "\N{REPLACEMENT CHARACTER}" * 400
    assert decoded(b"2026-1\0-12\n") == "2026-1\N{REPLACEMENT CHARACTER}-12\n", "a figure may be lost there"
    with pytest.raises(UserFileRefused, match="in line 1"):
        decoded(text, complete=True)


@pytest.mark.parametrize("content", [b"PK\x03\x04\x14", b"\xd0\xcf\x11\xe0\xa1"])
def test_a_workbook_is_named(content: bytes) -> None:
    with pytest.raises(UserFileRefused, match="is an Excel workbook: save it as CSV"):
        decoded(content)


def test_what_is_no_file_or_has_no_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserFileRefused, match="is a folder or a pipe"):
        read_user_text(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(UserFileRefused, match="is a folder or a pipe"):
            read_user_text(tmp_path / "pipe")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(20_000_000)
    with pytest.raises(UserFileRefused, match="is too large: 20,000,000 bytes"):
        read_user_text(tmp_path / "large")


def test_lines_that_say_nothing_are_left_out_and_the_others_keep_their_numbers() -> None:
    text = "sep=;\r\n\r\n# 说明\n,,,\n，，\n\t\t\na;b\rc\n \n"
    assert used_lines(text) == [(7, "a;b"), (8, "c")]
    assert lines_of("a\r\r\nb") == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "110001",
        "110001.SH",
        "110001.sh",
        '="110001"',
        '"110001"',
        "'110001",
        "110001.0",
        "sh110001",
        "SH.110001",
        "１１０００１",
        "\ufeff110001 ",
    ],
)
def test_a_code_is_read_as_excel_and_quote_programs_write_it(text: str) -> None:
    assert parse_code(text) == "110001.SH"


@pytest.mark.parametrize("text", ["", "11000", "1.10001E+05", "110001.5", "sz110001", "110001.SZ", "600000", "110,001"])
def test_another_code_is_refused(text: str) -> None:
    with pytest.raises(CodeRefused):
        parse_code(text)

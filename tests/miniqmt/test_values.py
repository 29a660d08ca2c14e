"""The native value classes; neither xtquant nor a terminal is needed here."""

from __future__ import annotations

from typing import Any

import pytest
from miniqmt_emulator.native.values import CLASSES, build, c_string, from_wire
from miniqmt_emulator.protocol import decode, encode, to_bytes, to_text


def test_both_spellings_share_one_value() -> None:
    request = CLASSES["OrderStockReq"]()
    request.m_strStockCode = "113050.SH"
    assert request.stock_code == "113050.SH"
    request.order_volume = 10
    assert request.m_nOrderVolume == 10
    assert len(CLASSES) == 98


def test_zero_values() -> None:
    order = CLASSES["XtOrder"]()
    assert (order.order_id, order.price, order.order_remark) == (0, 0.0, "")


def test_unknown_attributes() -> None:
    request = CLASSES["OrderStockReq"]()
    with pytest.raises(AttributeError):
        request.nonsense = 1
    with pytest.raises(TypeError):
        vars(request)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("order_volume", 10.0),
        ("order_volume", "10"),
        ("price", "1"),
        ("price", None),
        ("order_remark", None),
    ],
)
def test_wrong_types(attribute: str, value: Any) -> None:
    with pytest.raises(TypeError):
        setattr(CLASSES["OrderStockReq"](), attribute, value)


@pytest.mark.parametrize(
    ("attribute", "kept"),
    [
        ("strategy_name", 23),
        ("m_strOrderRemark", 23),
        ("m_strOrderRemarkNew", 127),
        ("stock_code", 15),
    ],
)
def test_buffers(attribute: str, kept: Any) -> None:
    request = CLASSES["OrderStockReq"]()
    setattr(request, attribute, "x" * 300)
    assert len(getattr(request, attribute)) == kept


def test_text_cut_inside_a_character() -> None:
    request = CLASSES["OrderStockReq"]()
    request.order_remark = "转债" * 4  # 24 bytes
    with pytest.raises(UnicodeDecodeError):
        request.order_remark  # noqa: B018


def test_strlcpy() -> None:
    assert c_string("abc\0def", 24) == b"abc"
    assert c_string("abcdef", 4) == b"abc"
    assert c_string("abcdef", None) == b"abcdef"


def test_cut_text_survives_the_wire() -> None:
    raw = "转债".encode()[:5]
    message = decode(encode({"text": to_text(raw)}))
    assert to_bytes(message["text"]) == raw


def test_objects_from_the_wire() -> None:
    wire = {
        "class": "XtOrder",
        "fields": {"m_nOrderID": 7, "m_strOrderRemark": "x" * 30},
        "long": {"order_remark": "x" * 30},
    }
    (order,) = from_wire([wire])
    assert order.order_id == 7
    assert (order.order_remark, order.m_strOrderRemark) == ("x" * 30, "x" * 23)
    assert from_wire(-1) == -1


def test_filled_objects_are_read_only() -> None:
    order = build("XtOrder", m_nOrderID=1)
    with pytest.raises(AttributeError):
        order.order_id = 2

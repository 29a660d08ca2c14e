"""The value classes of ``xtquant.xtpythonclient`` (``XtOrder``, ``OrderStockReq``, ...).

``native_classes.json`` lists, per class, every attribute and its type.  Most attributes exist in
two spellings (``m_strOrderRemark`` and ``order_remark``) that share one stored value.  Strings live
in fixed C buffers: a setter keeps at most *size - 1* bytes of the UTF-8 text, and a getter decodes
strictly, so reading a text that was cut inside a character raises ``UnicodeDecodeError``.
"""

from __future__ import annotations

import json
import operator
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from miniqmt_emulator.protocol import to_bytes

_ZERO: dict[str, Any] = {"int": 0, "float": 0.0, "bool": False, "str": b""}

# Buffer sizes in bytes, including the closing NUL.  "*" stands for every class.
_BUFFER_SIZE: dict[tuple[str, str], int] = {
    ("*", "m_strAccountID"): 24,
    ("*", "m_strAccountID1"): 128,
    ("*", "m_strStockCode"): 16,
    ("*", "m_strStockCode1"): 64,
    ("*", "m_strStrategyName"): 24,
    ("*", "m_strOrderRemark"): 24,
    ("*", "m_strOrderSysID"): 24,
    ("OrderStockReq", "m_strOrderRemarkNew"): 128,
    ("CancelOrderStockReq", "m_strMarket"): 12,
    ("XtOrder", "m_strStatusMsg"): 24,
    ("XtTrade", "m_strTradedID"): 24,
    ("XtOrderError", "m_strErrorMsg"): 128,
    ("XtCancelError", "m_strErrorMsg"): 128,
    ("OrderStockResp", "m_strErrorMsg"): 128,
    ("CancelOrderStockResp", "m_strErrorMsg"): 128,
}
_LONG_COPY_SIZE = 128

# Plain spellings whose m_ form is not found by comparing the names.
_ALIAS: dict[tuple[str, str], str] = {
    ("OrderStockReq", "order_remark1"): "m_strOrderRemarkNew",
    ("XtAccountInfo", "login_status"): "m_nStatus",
    ("CancelOrderStockReq", "market1"): "m_strMarket",
}

# Attributes that return a longer copy of the text when the terminal supplied one.
_HAS_LONG_COPY: dict[str, tuple[str, ...]] = {
    "XtOrder": ("order_remark",),
    "XtTrade": ("order_remark",),
    "XtOrderError": ("order_remark",),
}


def c_string(value: str | bytes, size: int | None) -> bytes:
    """What ``strlcpy`` leaves of a text in a buffer of ``size`` bytes."""
    raw = value if isinstance(value, bytes) else value.encode("utf-8")
    raw = raw.split(b"\0", 1)[0]
    return raw if size is None else raw[: size - 1]


class NativeValue:
    """Base of all value classes: a fixed set of attributes and no ``__dict__``."""

    __slots__ = ("_long_copies", "_stored")

    _types: ClassVar[dict[str, str]] = {}
    _canonical: ClassVar[dict[str, str]] = {}

    if TYPE_CHECKING:  # the attributes of each class are made from the table

        def __getattr__(self, name: str) -> Any: ...

        def __setattr__(self, name: str, value: Any) -> None: ...

    def __init__(self) -> None:
        self._long_copies: dict[str, bytes] = {}
        self._stored: dict[str, Any] = {
            name: _ZERO[self._types[attribute]] for attribute, name in self._canonical.items()
        }


def raw_text(value: NativeValue, attribute: str) -> bytes:
    """The stored bytes of a string attribute, undecoded."""
    raw: bytes = value._stored[value._canonical[attribute]]
    return raw


def build(class_name: str, **fields: Any) -> NativeValue:
    """A filled object, written the way native code writes it (read-only attributes included)."""
    cls = CLASSES[class_name]
    value = cls()
    for attribute, content in fields.items():
        value._stored[cls._canonical[attribute]] = _convert(cls, attribute, content)
    return value


def from_wire(payload: Any) -> Any:
    """Turn a message's ``value`` into native objects; plain numbers stay as they are."""
    if isinstance(payload, list):
        return [from_wire(item) for item in payload]
    if not isinstance(payload, dict):
        return payload
    fields = {
        name: to_bytes(content) if isinstance(content, str) else content for name, content in payload["fields"].items()
    }
    value = build(payload["class"], **fields)
    for attribute, content in payload.get("long", {}).items():
        value._long_copies[attribute] = c_string(to_bytes(content), _LONG_COPY_SIZE)
    return value


def _buffer_size(class_name: str, stored_name: str) -> int | None:
    return _BUFFER_SIZE.get((class_name, stored_name), _BUFFER_SIZE.get(("*", stored_name)))


def _convert(cls: type[NativeValue], attribute: str, content: Any) -> Any:
    """Check the type as the native setter does, and cut strings to their buffer."""
    kind = cls._types[attribute]
    if kind == "str":
        if isinstance(content, (str, bytes)):
            return c_string(content, _buffer_size(cls.__name__, cls._canonical[attribute]))
    elif kind == "bool":
        return bool(content)
    elif content is not None and not isinstance(content, (str, bytes)):
        try:
            if kind == "float":
                return float(content)
            if not isinstance(content, float):
                return operator.index(content)
        except (TypeError, ValueError):
            pass
    raise TypeError(
        "(): incompatible function arguments. The following argument types are supported:\n"
        f"    1. (arg0: xtpythonclient.{cls.__name__}, arg1: {kind}) -> None\n\n"
        f"Invoked with: <{cls.__name__}>, {content!r}  [{attribute}]"
    )


def _property(attribute: str, stored_name: str, has_long_copy: bool, writable: bool) -> property:
    def read(self: NativeValue) -> Any:
        content = self._stored[stored_name]
        if has_long_copy:
            content = self._long_copies.get(attribute) or content
        return content.decode("utf-8") if isinstance(content, bytes) else content

    def write(self: NativeValue, content: Any) -> None:
        self._stored[stored_name] = _convert(type(self), attribute, content)

    return property(read, write if writable else None)


def _plain(name: str) -> str:
    """``m_strOrderRemark`` and ``order_remark`` both become ``orderremark``."""
    return re.sub(r"^m_(str|n|d|b|e)(?=[A-Z])", "", name).replace("_", "").lower()


def _make_class(class_name: str, attributes: list[tuple[str, str]]) -> type[NativeValue]:
    types = dict(attributes)
    m_names = {_plain(attribute): attribute for attribute in types if attribute.startswith("m_")}
    canonical = {
        attribute: _ALIAS.get((class_name, attribute), m_names.get(_plain(attribute), attribute)) for attribute in types
    }
    long_copies = _HAS_LONG_COPY.get(class_name, ())
    writable = class_name.endswith("Req") or class_name == "TransferParam"
    namespace: dict[str, Any] = {
        attribute: _property(attribute, stored_name, attribute in long_copies, writable)
        for attribute, stored_name in canonical.items()
    }
    namespace |= {
        "__slots__": (),
        "__module__": "xtpythonclient",
        "_types": types,
        "_canonical": canonical,
    }
    return type(class_name, (NativeValue,), namespace)


def _load_classes() -> dict[str, type[NativeValue]]:
    table = json.loads(Path(__file__).with_name("native_classes.json").read_text("utf-8"))
    return {name: _make_class(name, attributes) for name, attributes in table.items()}


CLASSES = _load_classes()

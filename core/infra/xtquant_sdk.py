"""The SDK of MiniQMT (xtquant): imported when it is needed, without its output; one sentence says when it is missing.

It is a Python package over native Windows libraries. Importing it asks a web server for a newer version,
and some of its modules print; neither happens here.
"""

import importlib
import logging
import sys
from functools import cache
from types import ModuleType
from typing import Any

from core.i18n import say
from core.infra.imports import import_without
from core.model.errors import SetupError

log = logging.getLogger(__name__)

_PRINTING = ("xttrader", "xtdata", "xtconn", "xtdatacenter")


class SdkMissing(SetupError):
    """The SDK cannot be used on this machine; the message says what is missing and what to do."""


@cache
def trading_sdk() -> ModuleType:
    """`xtquant.xttrader`. Raises `SdkMissing`."""
    return _module("xttrader")


@cache
def account_class() -> Any:  # noqa: ANN401  (a class of an untyped package)
    """`xtquant.xttype.StockAccount`. Raises `SdkMissing`."""
    return _module("xttype").StockAccount


@cache
def quote_sdk() -> ModuleType:
    """`xtquant.xtdata`, without the line that it prints at import. Raises `SdkMissing`."""
    xtdata = _module("xtdata")
    vars(xtdata)["enable_hello"] = False
    return xtdata


def _module(name: str) -> ModuleType:
    try:
        package = import_without("xtquant", "requests", "pkg_resources")  # what it would ask for news with
    except ImportError as error:
        if sys.platform != "win32":
            raise SdkMissing(say("MiniQMT and its SDK run on 64-bit Windows only")) from None
        raise SdkMissing(
            say(
                "xtquant, the SDK of MiniQMT, is not installed ({error}): run python -m pip install xtquant",
                error=error,
            )
        ) from None
    try:
        module = importlib.import_module(f"{package.__name__}.{name}")
    except ImportError as error:
        log.debug("%s", error)
        raise SdkMissing(
            say("MiniQMT's libraries do not load: they run on 64-bit Windows only, in a 64-bit Python")
        ) from None
    if name in _PRINTING:
        vars(module)["print"] = _to_the_log
    return module


def _to_the_log(*words: object, **_: object) -> None:
    """What the SDK prints, in the log instead of on the screen."""
    text = " ".join(str(word) for word in words).strip()
    if text:
        log.info("the SDK says: %s", text)

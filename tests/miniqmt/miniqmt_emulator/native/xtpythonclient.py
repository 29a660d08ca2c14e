"""Served as ``xtquant.xtpythonclient``: the trade client, talking to the emulated terminal.

Answers while not connected, time-outs, sequence numbers and string buffers behave like the native
module; what the terminal itself does is decided on the other side of the socket.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
from collections.abc import Callable
from typing import Any

from miniqmt_emulator.native.callbacks import Callback, CallbackThread
from miniqmt_emulator.native.values import CLASSES, NativeValue, build, from_wire, raw_text
from miniqmt_emulator.protocol import LineSocket, Message, read_port, to_bytes, to_text

globals().update(CLASSES)

_CONNECT_TIMEOUT = 3.0
_TIMEOUT_ERROR_ID = 1

# xttrader binds many more callbacks; those are stored and never called.
_KIND_OF_BINDING = {
    f"bindOn{name}Callback": name.removesuffix("Resp") if name.startswith("Query") else name
    for name in (
        "Disconnected",
        "SubscribeResp",
        "UnsubscribeResp",
        "OrderStockResp",
        "CancelOrderStockResp",
        "QueryAccountInfos",
        "QueryAccountStatus",
        "QueryStockAsset",
        "QueryStockOrders",
        "QueryStockTrades",
        "QueryStockPositions",
        "QueryNewPurchaseLimit",
        "QueryIPOData",
        "StockAsset",
        "StockOrder",
        "StockTrade",
        "StockPosition",
        "OrderError",
        "CancelError",
        "UpdateAccountStatus",
    )
}


class XtQuantAsyncClient:
    """One session with the terminal that serves the userdata folder ``path``."""

    def __init__(self, path: bytes | str, name: str, session: int) -> None:
        if not isinstance(name, str) or isinstance(session, (str, float)):
            raise TypeError("__init__(): incompatible constructor arguments.")
        folder = path.decode("gb18030") if isinstance(path, bytes) else path
        self._userdata = os.path.normpath(folder)
        self._name = name
        self._session = int(session)
        self._seq = itertools.count(1)
        self._thread = CallbackThread(f"miniqmt-native-{session}")
        self._link: LineSocket | None = None
        self._connected = False
        self._stopped = False
        self._timeout = 0.0

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("bindOn"):
            kind = _KIND_OF_BINDING.get(name, name)

            def bind(callback: Callback) -> None:
                self._thread.callbacks[kind] = callback

            return bind
        if name.endswith("WithSeq"):

            def unsupported(seq: int, *args: Any) -> None:
                raise NotImplementedError(f"the emulator has no {name}")

            return unsupported
        raise AttributeError(name)

    # -- life cycle ---------------------------------------------------------------------------

    def init(self) -> None:
        """Nothing to prepare."""

    def start(self) -> None:
        if not self._thread.is_alive():
            self._thread.start()

    def stop(self) -> None:
        self._stopped = True
        self._connected = False
        self._thread.stop()
        self._drop_link()

    def connect(self) -> int:
        """0 when connected (also when it already was), else -1; waits at most 3 seconds."""
        if self._connected:
            return 0
        port = read_port(self._userdata)
        if port is None or not self._thread.is_alive() or self._stopped:
            return -1
        link = None
        try:
            link = LineSocket(port, _CONNECT_TIMEOUT)
            link.send({"role": "trade", "session": self._session, "name": self._name})
            reply = link.receive(_CONNECT_TIMEOUT)
        except (OSError, ValueError):
            if link is not None:
                link.close()
            return -1
        if reply is None or reply.get("result") != 0:
            link.close()
            return -1
        self._link = link
        self._connected = True
        threading.Thread(
            target=self._read,
            args=(link,),
            name=f"miniqmt-link-{self._session}",
            daemon=True,
        ).start()
        return 0

    def nextSeq(self) -> int:
        return next(self._seq)

    def setTimeout(self, milliseconds: int) -> None:
        """Values of 0 and below are ignored, so a timeout cannot be switched off again."""
        if milliseconds > 0:
            self._timeout = milliseconds / 1000

    # -- requests -----------------------------------------------------------------------------

    def subscribeWithSeq(self, seq: int, req: Any) -> int:
        return self._request(
            seq,
            "SubscribeResp",
            {"op": "subscribe", "account": req.m_strAccountID, "account_type": req.m_nAccountType},
            _refused,
            _refused,
        )

    def unsubscribeWithSeq(self, seq: int, req: Any) -> int:
        return self._request(
            seq,
            "UnsubscribeResp",
            {"op": "unsubscribe", "account": req.m_strAccountID},
            _refused,
            _refused,
        )

    def orderStockWithSeq(self, seq: int, req: Any) -> int:
        def offline() -> NativeValue:
            return build(
                "OrderStockResp",
                m_nAccountType=req.m_nAccountType,
                m_strAccountID=req.m_strAccountID,
                m_nOrderID=-1,
            )

        def timed_out() -> NativeValue:
            return build("OrderStockResp", m_nErrorID=_TIMEOUT_ERROR_ID)

        message = {
            "op": "order",
            "account_type": req.m_nAccountType,
            "account": req.m_strAccountID,
            "code": req.m_strStockCode1 or req.m_strStockCode,
            "side": req.m_nOrderType,
            "volume": req.m_nOrderVolume,
            "price_type": req.m_nPriceType,
            "price": req.m_dPrice,
            "strategy": to_text(raw_text(req, "m_strStrategyName")),
            "remark": to_text(raw_text(req, "m_strOrderRemark")),
            "long_remark": to_text(raw_text(req, "m_strOrderRemarkNew")),
        }
        return self._request(seq, "OrderStockResp", message, offline, timed_out)

    def cancelOrderStockWithSeq(self, seq: int, req: Any) -> int:
        def offline() -> NativeValue:
            return build(
                "CancelOrderStockResp",
                m_strAccountID=req.m_strAccountID,
                m_nCancelResult=-1,
                m_nOrderID=req.m_nOrderID,
                m_strOrderSysID=req.m_strOrderSysID,
            )

        def timed_out() -> NativeValue:
            return build("CancelOrderStockResp", m_nErrorID=_TIMEOUT_ERROR_ID)

        message = {
            "op": "cancel",
            "account_type": req.m_nAccountType,
            "account": req.m_strAccountID,
            "order_id": req.m_nOrderID,
            "sysid": req.m_strOrderSysID,
            "market": req.m_nMarket,
        }
        return self._request(seq, "CancelOrderStockResp", message, offline, timed_out)

    def queryStockAssetWithSeq(self, seq: int, req: Any) -> int:
        return self._query(seq, "QueryStockAsset", {"op": "query_asset", "account": req.m_strAccountID})

    def queryStockOrdersWithSeq(self, seq: int, req: Any) -> int:
        message = {
            "op": "query_orders",
            "account": req.m_strAccountID,
            "order_id": req.m_nOrderID,
            "cancelable_only": req.m_bCanCancel,
        }
        return self._query(seq, "QueryStockOrders", message)

    def queryStockTradesWithSeq(self, seq: int, req: Any) -> int:
        return self._query(seq, "QueryStockTrades", {"op": "query_trades", "account": req.m_strAccountID})

    def queryStockPositionsWithSeq(self, seq: int, req: Any) -> int:
        message = {
            "op": "query_positions",
            "account": req.m_strAccountID,
            "code": req.m_strStockCode1 or req.m_strStockCode,
        }
        return self._query(seq, "QueryStockPositions", message)

    def queryAccountInfosWithSeq(self, seq: int, req: Any) -> int:
        return self._query(seq, "QueryAccountInfos", {"op": "query_account_infos"})

    def queryAccountStatusWithSeq(self, seq: int, req: Any) -> int:
        return self._query(seq, "QueryAccountStatus", {"op": "query_account_status"})

    def queryNewPurchaseLimitWithSeq(self, seq: int, req: Any) -> int:
        self._thread.answer("QueryNewPurchaseLimit", seq, [])
        return seq

    def queryIPODataWithSeq(self, seq: int, req: Any) -> int:
        self._thread.answer("QueryIPOData", seq, [])
        return seq

    # -- plumbing -----------------------------------------------------------------------------

    def _query(self, seq: int, kind: str, message: Message) -> int:
        return self._request(seq, kind, message, list, list)

    def _request(
        self,
        seq: int,
        kind: str,
        message: Message,
        offline: Callable[[], Any],
        timed_out: Callable[[], Any],
    ) -> int:
        """Send a request; without a connection it is answered here, on the callback thread."""
        if not self._connected:
            self._thread.answer(kind, seq, offline())
            return seq
        if self._timeout:
            self._thread.expect(seq, kind, self._timeout, timed_out)
        link = self._link
        if link is not None:
            # A loss is noticed by the reader; this request then stays unanswered.
            with contextlib.suppress(OSError):
                link.send({**message, "seq": seq})
        return seq

    def _read(self, link: LineSocket) -> None:
        while (message := link.receive()) is not None:
            if "chatter" in message:
                _print_past_python(message["chatter"])
            elif "answer" in message:
                self._thread.answer(message["answer"], message["seq"], from_wire(message["value"]))
            else:
                self._thread.post(message["push"], from_wire(message["value"]))
        if self._stopped:
            return
        self._connected = False
        self._drop_link()
        self._thread.post("Disconnected")

    def _drop_link(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()


def _print_past_python(text: str) -> None:
    """One line on both standard descriptors, as the native library's logger writes it."""
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):  # the program may have closed it; the logger does not mind
            os.write(descriptor, to_bytes(text) + b"\n")


def _refused() -> int:
    return -1

"""Which SDK calls return when made inside ``on_stock_order``?  Prints a JSON object."""

import json
import os
import sys
import threading
from typing import Any

from xtquant.xttrader import XtQuantTrader, XtQuantTraderCallback
from xtquant.xttype import StockAccount

USERDATA, ACCOUNT_ID = sys.argv[1:3]
LONG_ENOUGH, A_MOMENT = 5.0, 0.3

account = StockAccount(ACCOUNT_ID)


def order(trader: XtQuantTrader, method: Any, remark: str) -> Any:
    return method(account, "113050.SH", 23, 10, 11, 100.0, "probe", remark)


# name: (relaxed mode, what to do in the callback, how long to wait for it)
CASES = {
    "default, sync query": (False, lambda t: t.query_stock_orders(account), A_MOMENT),
    "relaxed, sync query": (True, lambda t: t.query_stock_orders(account), LONG_ENOUGH),
    "relaxed, sync order": (True, lambda t: order(t, t.order_stock, "inner"), A_MOMENT),
    "default, async query": (
        False,
        lambda t: t.query_stock_orders_async(account, lambda orders: None),
        LONG_ENOUGH,
    ),
    "default, async order": (False, lambda t: order(t, t.order_stock_async, "inner"), LONG_ENOUGH),
}


class Probe(XtQuantTraderCallback):
    def __init__(self, session: int, remark: str, relaxed: bool, action: Any) -> None:
        self.remark, self.action = remark, action
        self.entered, self.left = False, threading.Event()
        self.trader = XtQuantTrader(USERDATA, session)
        self.trader.set_relaxed_response_order_enabled(relaxed)
        self.trader.register_callback(self)
        self.trader.start()
        assert self.trader.connect() == 0
        assert self.trader.subscribe(account) == 0

    def on_stock_order(self, pushed: Any) -> None:
        if pushed.order_remark == self.remark and not self.entered:
            self.entered = True
            self.action(self.trader)
            self.left.set()


probes = {
    name: Probe(900 + number, f"outer-{number}", relaxed, action)
    for number, (name, (relaxed, action, _)) in enumerate(CASES.items())
}
for probe in probes.values():
    order(probe.trader, probe.trader.order_stock_async, probe.remark)
found = {name: "returns" if probe.left.wait(CASES[name][2]) else "hangs" for name, probe in probes.items()}
print(json.dumps(found))
sys.stdout.flush()
os._exit(0)  # the hung executor threads would keep the interpreter from ending

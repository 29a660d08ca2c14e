"""A small command line program that trades through xtquant and knows nothing of the emulator.

    sample_app.py USERDATA SESSION ACCOUNT order SIDE CODE VOLUME PRICE REMARK
    sample_app.py USERDATA SESSION ACCOUNT orders | asset | ticks CODE...

Prints one JSON document and ends with 0, or with 3 when it cannot connect.
"""

import json
import sys

from xtquant import xtdata
from xtquant.xttrader import XtQuantTrader, XtQuantTraderCallback
from xtquant.xttype import StockAccount


def main() -> int:
    userdata, session, account_id, command, *rest = sys.argv[1:]
    if command == "ticks":
        xtdata.enable_hello = False
        print(json.dumps(xtdata.get_full_tick(rest)))
        return 0
    account = StockAccount(account_id)
    trader = XtQuantTrader(userdata, int(session))
    trader.register_callback(XtQuantTraderCallback())
    trader.start()
    if trader.connect() != 0 or trader.subscribe(account) != 0:
        print("cannot connect", file=sys.stderr)
        return 3
    if command == "order":
        side, code, volume, price, remark = rest
        result = trader.order_stock(account, code, int(side), int(volume), 11, float(price), "sample", remark)
    elif command == "orders":
        result = [
            {
                "id": o.order_id,
                "remark": o.order_remark,
                "status": o.order_status,
                "traded": o.traded_volume,
            }
            for o in trader.query_stock_orders(account)
        ]
    else:
        asset = trader.query_stock_asset(account)
        result = asset.cash if asset else None
    print(json.dumps(result))
    trader.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())

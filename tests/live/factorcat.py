"""A Factor Cat server on loopback, on its own thread: one strategy with one record, and the list a test sets."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from core.model.time import SHANGHAI
from core.sandbox.platform import new_token

STRATEGY, RECORD = 7, 70
USER, PASSWORD = "trader", "open sesame"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The client was killed meanwhile, as these tests do."""


class LoopbackPlatform:
    """`listed` are the codes of the list, dated `day`."""

    def __init__(self, day: str) -> None:
        self.day = day
        self.listed: Sequence[str] = ()
        self.asked = 0
        self.says_it_is: float | None = None
        """Time of its Date header, seconds since 1970; None for this machine's time."""
        platform = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self._answer()

            def log_message(self, *_: Any) -> None: ...

            def date_time_string(self, timestamp: float | None = None) -> str:
                return super().date_time_string(platform.says_it_is or timestamp)

            def _answer(self) -> None:
                body = json.dumps(platform.answer(self.path.partition("?")[0])).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = _Server(("127.0.0.1", 0), Handler)
        Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str) -> Any:
        if path == "/auth/login":
            return {"access_token": self._token(), "token_type": "bearer", "username": USER, "role_name": "user"}
        if path == "/auth/generate-long-term-token":
            return {"access_token": self._token()}
        if path == "/bond-selection/today-bond-selection":
            self.asked += 1
            bonds = [
                {"code": code, "name": f"bond {code}", "price": 100.0, "trade_date": self.day} for code in self.listed
            ]
            return [{"selected_bonds": bonds}]
        if path.endswith("/parameters"):
            return {"parameters": {"profitTargetRatio": 0.2, "stopLossRatio": 0.05}}
        if path.endswith(f"/{RECORD}"):
            return {"id": RECORD, "remark": "a record"}
        return {"total_count": 1, "total_pages": 1, "page": 1, "limit": 20, "items": [self._item(path)]}

    @staticmethod
    def _item(path: str) -> dict[str, Any]:
        """The only record, or the only strategy."""
        if path.endswith("/histories"):
            figures = {"strategy_return": 0.3, "win_rate": 0.6, "annualized_return": 0.2}
            return {
                "id": RECORD,
                "backtest_time": "2026-05-01 15:00:00",
                "max_drawdown": 0.1,
                "sharpe_ratio": 1.2,
                **figures,
            }
        return {"id": STRATEGY, "name": "double low", "description": "", "backtest_count": 1, "created_at": None}

    @staticmethod
    def _token() -> str:
        return new_token(USER, datetime.now(SHANGHAI) + timedelta(days=400))

"""The app in a browser of this machine, at an address with a token that opens once.

Each tab is its own process, attached to the engine; closing it stops nothing else. The server contacts no other
machine, and no other machine or web page can reach it.
"""

import asyncio
import hmac
import secrets
import socket
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from aiohttp import web
from textual_serve.server import Server

from core.i18n import mark, say

HOST = "127.0.0.1"
LOOPBACK = frozenset({HOST, "localhost"})
_COOKIE = "rotor"
_USED = mark(
    "This address was used already, or is not the one that rotor printed. Start rotor serve again for a new one."
)
_FORBIDDEN = mark("Open the address that rotor serve printed.")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ViewServer(Server):
    """`command` is what a browser tab runs; the server listens on this machine only."""

    def __init__(self, command: str, port: int) -> None:
        super().__init__(command, host=HOST, port=port, title="rotor")
        self._token: str | None = secrets.token_urlsafe(24)
        self._session = secrets.token_urlsafe(32)
        self.address = f"{self.public_url}/?{urlencode({'token': self._token})}"

    def initialize_logging(self) -> None:
        """Set up no logging: that of the base class prints local variables."""

    async def on_startup(self, app: web.Application) -> None:
        """Print nothing: the command line prints the address."""

    async def run(self, opened: Callable[[], None], ended: asyncio.Event) -> None:
        """Serve until `ended` is set; call `opened` when the server listens. Raises `OSError` for a taken port."""
        runner = web.AppRunner(await self._make_app(), access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, self.port, reuse_address=False).start()
            opened()
            await ended.wait()
        finally:
            await runner.cleanup()

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._guard(request, handler)

        app.middlewares.append(guard)
        return app

    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        here = f"{HOST}:{self.port}"
        # Refuse other host names (DNS rebinding) and pages of other sites.
        if request.headers.get("Host") != here or request.headers.get("Origin", f"http://{here}") != f"http://{here}":
            return web.Response(status=403, text=say(_FORBIDDEN))
        if request.path == "/" and "token" in request.query:
            return self._open_session(request.query["token"])
        if not hmac.compare_digest(request.cookies.get(_COOKIE, "").encode(), self._session.encode()):
            return web.Response(status=403, text=say(_FORBIDDEN))
        response = await handler(request)
        if not response.prepared:
            response.headers["Content-Security-Policy"] = (
                f"default-src 'self' 'unsafe-inline' data:; connect-src ws://{here}; frame-ancestors 'none'"
            )
            response.headers["Referrer-Policy"] = "no-referrer"
            response.headers["Cache-Control"] = "no-store"
        return response

    def _open_session(self, token: str) -> web.StreamResponse:
        known, self._token = self._token, None
        if known is None or not hmac.compare_digest(token.encode(), known.encode()):
            # A wrong token does not use up the right one.
            self._token = known
            return web.Response(status=403, text=say(_USED))
        answer = web.Response(status=303, headers={"Location": "/"})
        answer.set_cookie(_COOKIE, self._session, httponly=True, samesite="Strict", path="/")
        return answer


def is_free(port: int) -> bool:
    """Whether no program listens on this port of this machine."""
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True

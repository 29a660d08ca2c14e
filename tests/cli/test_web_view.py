"""The browser view: a token that opens once, a cookie, this machine only, and the app behind it."""

import asyncio
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner

from tests.waiting import PATIENCE
from tui.cli.main import main
from tui.cli.web_view import ViewServer, is_free


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@asynccontextmanager
async def serving(command: str = "true") -> AsyncGenerator[tuple[ViewServer, aiohttp.ClientSession]]:
    server = ViewServer(command, free_port())
    opened, ended = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(server.run(opened.set, ended))
    await opened.wait()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        yield server, browser
    ended.set()
    await task


async def test_the_address_opens_once_for_one_browser() -> None:
    async with serving() as (server, browser):
        base = f"http://127.0.0.1:{server.port}"
        async with browser.get(base) as stranger:
            assert stranger.status == 403
        async with browser.get(f"{base}/?token=guess") as guess:
            assert guess.status == 403
        async with browser.get(server.address, allow_redirects=False) as first:
            assert first.status == 303
            cookie = SimpleCookie(first.headers["Set-Cookie"])["rotor"]
            assert cookie["httponly"]
            assert cookie["samesite"] == "Strict"
        async with browser.get(base) as page:
            assert page.status == 200
            assert "connect-src ws://127.0.0.1" in page.headers["Content-Security-Policy"]
            assert "textual.js" in await page.text()
        async with browser.get(f"{base}/static/js/textual.js") as script:
            assert script.status == 200
        async with aiohttp.ClientSession() as other, other.get(server.address, allow_redirects=False) as second:
            assert second.status == 403
            assert "used already" in await second.text()


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example:8022"}, {"Origin": "http://evil.example"}, {"Host": "localhost"}],
    ids=["name", "site", "port"],
)
async def test_other_host_names_and_other_sites_are_refused(headers: dict[str, str]) -> None:
    async with serving() as (server, browser):
        async with browser.get(server.address, allow_redirects=False):
            pass
        async with browser.get(f"http://127.0.0.1:{server.port}/", headers=headers) as page:
            assert page.status == 403
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await browser.ws_connect(f"http://127.0.0.1:{server.port}/ws", headers=headers)


async def test_a_socket_without_the_cookie_is_refused() -> None:
    async with serving() as (server, browser):
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await browser.ws_connect(f"http://127.0.0.1:{server.port}/ws")


async def test_a_tab_runs_its_own_process_of_the_app(tmp_path: Path) -> None:
    """What the view writes comes through; a small stand-in for it, speaking the protocol of the web driver."""
    program = tmp_path / "view.py"
    program.write_text(
        "import os, sys\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        "sys.stdout.buffer.write(b'__GANGLION__\\nD\\x00\\x00\\x00\\x05hello')\n"
        "sys.stdout.flush()\n"
        "sys.stdin.read(1)\n",
        encoding="utf-8",
    )
    async with serving(f"{sys.executable} {program}") as (server, browser):
        async with browser.get(server.address):
            pass
        async with browser.ws_connect(f"http://127.0.0.1:{server.port}/ws?width=80&height=24") as view:
            async with asyncio.timeout(PATIENCE):
                async for message in view:
                    if message.data == b"hello":
                        break
        await _ended(int((tmp_path / "pid").read_text("ascii")))


async def _ended(process: int) -> None:
    """A closed tab ends its process, which this loop still has to notice."""
    async with asyncio.timeout(PATIENCE):
        while Path(f"/proc/{process}").exists():  # noqa: ASYNC240, ASYNC110  (it is another process)
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::"])
def test_any_other_machine_is_refused(host: str) -> None:
    done = CliRunner().invoke(main, ["serve", "--host", host])
    assert done.exit_code == 2
    assert "is not this machine" in done.output


def test_a_taken_port_is_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert not is_free(port)
        done = CliRunner().invoke(main, ["serve", "--port", str(port)])
    assert done.exit_code == 1
    assert f"Port {port} is taken" in done.output

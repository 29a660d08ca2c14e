"""HTTP for the program's own clients: the proxy of the settings, and a limit on the size of an unpacked answer.

`network.proxy` is "none", "system" (the variables of the environment, on Windows also the system's settings) or an
address. This machine is always reached directly.
"""

import asyncio
import ssl
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from core import __version__
from core.i18n import say
from core.infra.logs import redacted
from core.model.addresses import PROXY_SCHEMES, without_userinfo
from core.model.errors import UnavailableError

HEADERS = {"Accept-Encoding": "gzip"}
"""The only packing that `read_body` unpacks."""

_SERVICE_SECONDS = 10.0
_LONGEST_OF_SERVICE = 64 * 1024

_PACKED = frozenset({"gzip", "x-gzip"})
_PLAIN = frozenset({"", "identity"})
_ANY_WRAPPER = 32 + zlib.MAX_WBITS
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


class NetworkUnavailable(UnavailableError):
    """No answer, whatever went wrong; the message says what."""


class AnswerUnreadable(UnavailableError):
    """An answer that is too long, cut off or packed in an unknown way; the message is a sentence about "it"."""


class ServiceUnavailable(UnavailableError):
    """A service gave no answer that can be used; the message is a sentence about "it"."""


def proxy_for(address: str, setting: str) -> str | None:
    """The proxy for an address by `network.proxy`, None for none.

    Raises `NetworkUnavailable` where the system names one of a kind that is not supported.
    """
    host = urlsplit(address).hostname or ""
    if setting == "none" or _this_machine(host):
        return None
    if setting != "system":
        return setting
    scheme, known = urlsplit(address).scheme, getproxies()
    found = known.get(scheme) or known.get("all")
    if not found or proxy_bypass(host):
        return None
    proxy = found.strip() if "://" in found else f"http://{found.strip()}"
    kind, _, rest = proxy.partition("://")
    if kind.lower() == "socks":  # as desktops write it
        return f"socks5://{rest}"
    if kind.lower() not in PROXY_SCHEMES:
        raise NetworkUnavailable(
            say(
                "the system's proxy {proxy} is not supported, only http, https and socks5: set network.proxy",
                proxy=without_userinfo(proxy),
            )
        )
    return proxy


def async_client(
    address: str,
    proxy: str,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    headers: Mapping[str, str] | None = None,
    verify: ssl.SSLContext | None = None,
) -> httpx.AsyncClient:
    """A client for one address. Variables of the environment do not change it, but by `network.proxy = "system"`.

    `verify`: how its certificate is checked, None for the public authorities. An https proxy has to satisfy those.

    Raises `NetworkUnavailable` for whatever keeps it from being built.
    """
    try:
        return httpx.AsyncClient(
            base_url=address,
            headers={**HEADERS, **(headers or {})},
            transport=transport,
            proxy=None if transport is not None else proxy_for(address, proxy),
            verify=_public_authorities() if verify is None else verify,
            timeout=None,
            follow_redirects=False,
            trust_env=False,
        )
    except NetworkUnavailable:
        raise
    except ImportError:
        text = say("a socks proxy needs the Python package socksio: install it, or change network.proxy")
        raise NetworkUnavailable(text) from None
    except Exception as error:
        raise NetworkUnavailable(
            say("its address or its proxy cannot be used: {error}", error=in_words(error))
        ) from None


@cache
def _public_authorities() -> ssl.SSLContext:
    """Reading their certificates takes longer than all else that a client needs: once for all clients."""
    return httpx.create_ssl_context(trust_env=False)


async def ask_service(address: str, proxy: str, *, post: str | None = None) -> bytes:
    """The short answer of a service: to a GET, or to this text. Raises `ServiceUnavailable`."""
    method, content = ("GET", None) if post is None else ("POST", post.encode("utf-8"))
    headers = {"User-Agent": f"rotor/{__version__}"}
    try:
        client = await asyncio.to_thread(async_client, address, proxy, headers=headers)  # its certificates take a while
        async with (
            asyncio.timeout(_SERVICE_SECONDS),
            client as http,
            http.stream(method, address, content=content) as answer,
        ):
            body = await read_body(answer, _LONGEST_OF_SERVICE)
            status = None if answer.is_success else answer.status_code
    except TimeoutError:
        why = say("it did not answer within {seconds:.0f} s", seconds=_SERVICE_SECONDS)
    except AnswerUnreadable as error:
        why = say("its answer cannot be used: {error}", error=error)
    except Exception as error:
        why = say("it cannot be reached: {error}", error=redacted(in_words(error)))
    else:
        if status is None:
            return body
        why = say("it answered with status {status}", status=status)
    raise ServiceUnavailable(why)


async def read_body(response: httpx.Response, most: int) -> bytes:
    """The unpacked body of a streamed response; never holds much more than `most` bytes. Raises `AnswerUnreadable`.

    httpx unpacks a whole piece at once, and a few kB may hold gigabytes.
    """
    if response.is_stream_consumed:  # of a transport within this process, which made it whole
        return response.content
    packing = response.headers.get("content-encoding", "").strip().lower()
    if packing not in _PLAIN | _PACKED:
        raise AnswerUnreadable(say("it uses a compression that cannot be read"))
    unpacker = zlib.decompressobj(_ANY_WRAPPER) if packing in _PACKED else None
    body = bytearray()
    async for piece in response.aiter_raw():
        try:
            body += piece if unpacker is None else unpacker.decompress(piece, most + 1 - len(body))
        except zlib.error:
            raise AnswerUnreadable(say("it uses a compression that cannot be read")) from None
        if len(body) > most:
            raise AnswerUnreadable(say("it is longer than {size}", size=_size(most)))
        if unpacker is not None and unpacker.eof:  # what follows would be kept, however long
            break
    if unpacker is not None and not unpacker.eof:
        raise AnswerUnreadable(say("it was cut off in the middle"))
    return bytes(body)


@cache
def limit_requests(most: int = 64 * 1024**2) -> None:
    """Keep `requests` in this process, which reads every answer whole, from unpacking more than `most` bytes of one.

    akshare and Apprise use it and offer no limit. Pieces are small: urllib3 unpacks no more than it is asked for.
    """
    import requests

    whole: Callable[..., Iterator[Any]] = requests.Response.iter_content

    def limited(self: requests.Response, chunk_size: int | None = 1, decode_unicode: bool = False) -> Iterator[Any]:
        count = 0
        for piece in whole(self, chunk_size or 64 * 1024, decode_unicode):
            count += len(piece)
            if count > most:
                self.close()
                raise AnswerUnreadable(say("it is longer than {size}", size=_size(most)))
            yield piece

    requests.Response.iter_content = limited


def _size(count: int) -> str:
    return f"{count // 1024**2} MiB" if count >= 1024**2 else f"{count // 1024} kB"


def in_words(error: Exception) -> str:
    """An exception on one line; its kind where it says nothing."""
    text = " ".join(without_userinfo(str(error)).split())
    return text[:160] or type(error).__name__


def child_environment(proxy: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child process that uses `requests`: the proxy of the settings, and no file of certificates
    that is not there."""
    kept = {
        name: value
        for name, value in environ.items()
        if not (name.upper() in _CERTIFICATES and not Path(value).exists())
        and (proxy == "system" or name.upper() not in {*_PROXIES, "NO_PROXY"})
    }
    if proxy == "none":
        return kept | {"NO_PROXY": "*"}
    return kept if proxy == "system" else kept | dict.fromkeys(_PROXIES, proxy)


def _this_machine(host: str) -> bool:
    try:
        return host.lower() == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False

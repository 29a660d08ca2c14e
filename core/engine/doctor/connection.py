"""The way to the platform, step by step: its name, its port, its certificate, its answer. Each has its own remedy."""

import asyncio
import socket
import time
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx

from core.factorcat.errors import NotAsked, Untrusted
from core.factorcat.failures import failure, how_to_trust
from core.i18n import listed, say
from core.infra.network import NetworkUnavailable, async_client, in_words, proxy_for
from core.infra.tls import Certificate, context_for, look_at_certificate
from core.model.finding import CheckResult, Finding
from core.model.known import Known, Maybe, Unknown
from core.model.settings import Settings

_SECONDS = 10.0
"""Seconds that a name, a port or a certificate may take; the answer itself has factorcat.timeout."""

_STEPS = ("dns", "tcp", "tls", "http")


async def check_connection(settings: Settings) -> list[Finding]:
    """dns, tcp, tls and http; what comes after a step that failed is not looked at. Sends no name and no password."""
    findings = await _looked_at(settings)
    unasked = say("not looked at: see above")
    return [*findings, *(Finding.note(name, unasked) for name in _STEPS[len(findings) :])]


async def _looked_at(settings: Settings) -> list[Finding]:
    """The findings up to the first step that failed."""
    address = settings.factorcat.base_url
    try:
        proxy = proxy_for(address, settings.network.proxy)
    except NetworkUnavailable as error:
        return [Finding.failed("dns", str(error), say("Correct network.proxy."))]
    place = urlsplit(proxy or address)
    host, port = place.hostname or "", place.port or (80 if place.scheme == "http" else 443)
    setting = "network.proxy" if proxy else "factorcat.base_url"
    dns, addresses = await _find(host, port, setting)
    if not addresses:
        return [dns]
    tcp = await _connect(host, port, addresses, setting)
    if tcp.state is not CheckResult.OK:
        return [dns, tcp]
    shown = await _certificate(settings) if address.lower().startswith("https") else None
    return [dns, tcp, *await _ask(settings, shown)]


async def _find(host: str, port: int, setting: str) -> tuple[Finding, tuple[str, ...]]:
    """The addresses behind a name."""
    try:
        ip_address(host)
    except ValueError:
        pass
    else:
        return Finding.ok("dns", say("{host} is an address: no name to find", host=host)), (host,)
    remedy = say("Check {setting} for a typing error, then this machine's network and DNS server.", setting=setting)
    try:
        async with asyncio.timeout(_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        text = say("no DNS server said within {seconds:.0f} s where {host} is", seconds=_SECONDS, host=host)
        return Finding.failed("dns", text, remedy), ()
    except (OSError, UnicodeError) as error:
        text = say("the name {host} is not found ({why})", host=host, why=in_words(error))
        return Finding.failed("dns", text, remedy), ()
    addresses = tuple(dict.fromkeys(str(one[4][0]) for one in found))
    text = say("the addresses of {host}: {addresses}", host=host, addresses=listed(addresses))
    return Finding.ok("dns", text), addresses


async def _connect(host: str, port: int, addresses: tuple[str, ...], setting: str) -> Finding:
    """Whether one of the addresses takes a connection on the port."""
    refused, why = False, ""
    for address in addresses:
        try:
            async with asyncio.timeout(_SECONDS / len(addresses)):
                _, writer = await asyncio.open_connection(address, port)
        except TimeoutError:
            continue
        except OSError as error:
            refused, why = refused or isinstance(error, ConnectionRefusedError), in_words(error)
            continue
        writer.close()
        return Finding.ok("tcp", say("{host} takes connections on port {port}", host=host, port=port))
    if refused:
        text = say("{host} refuses connections on port {port}: nothing listens there", host=host, port=port)
        remedy = say("Check the port in {setting}; the service may be down, or have moved.", setting=setting)
    elif why:
        text = say("no way to {host} on port {port}: {why}", host=host, port=port, why=why)
        remedy = say("Check this machine's network, and network.proxy.")
    else:
        text = say("{host} does not answer on port {port}", host=host, port=port)
        remedy = say(
            "A firewall may drop it: try another network, or set network.proxy. Check {setting}.", setting=setting
        )
    return Finding.failed("tcp", text, remedy)


async def _certificate(settings: Settings) -> Maybe[Certificate]:
    try:
        async with asyncio.timeout(_SECONDS):
            return await look_at_certificate(settings.factorcat.base_url, settings.network.proxy)
    except TimeoutError:
        return Unknown(say("no answer within {seconds:.0f} s", seconds=_SECONDS))


async def _ask(settings: Settings, shown: Maybe[Certificate] | None) -> list[Finding]:
    """The certificate, as far as it is trusted, and whether what answers speaks HTTP. `shown`: None without TLS."""
    if isinstance(shown, Unknown):
        text = say("no encrypted connection: {why}", why=shown.reason)
        return [Finding.failed("tls", text, say("Check the port in factorcat.base_url, and network.proxy."))]
    told = say("not used: plain http within this machine") if shown is None else shown.value.text
    tls, began = Finding.ok("tls", told), time.monotonic()
    address, proxy, limit = settings.factorcat.base_url, settings.network.proxy, settings.factorcat.timeout
    try:
        client = await asyncio.to_thread(_client, settings)  # its certificates take a while
        async with asyncio.timeout(limit), client as http, http.stream("GET", "/") as answer:
            status = answer.status_code
    except TimeoutError:
        text = say("no answer within {seconds} s", seconds=limit)
        remedy = say("The platform is slow or down: try again, or raise factorcat.timeout.")
        return [tls, Finding.failed("http", text, remedy)]
    except Exception as error:
        failed = failure(error, say("its state"), address, proxy)
        if isinstance(failed, Untrusted):
            remedy = how_to_trust(shown.value) if isinstance(shown, Known) else ""
            return [Finding.failed("tls", failed.brief, remedy)]
        if isinstance(failed, NotAsked):
            return [Finding.failed("tls", str(failed), say("Correct factorcat.ca_file or network.proxy."))]
        text = say("what answers does not speak HTTP: {why}", why=in_words(error))
        return [tls, Finding.failed("http", text, say("Check the port in factorcat.base_url."))]
    return [tls, _answered(status, time.monotonic() - began)]


def _client(settings: Settings) -> httpx.AsyncClient:
    trusted = context_for(settings.factorcat)
    return async_client(settings.factorcat.base_url, settings.network.proxy, verify=trusted)


def _answered(status: int, seconds: float) -> Finding:
    if 300 <= status < 400:
        text = say("it sends on to another address (HTTP {status}), which is not followed", status=status)
        return Finding.failed("http", text, say("Set factorcat.base_url to the address itself."))
    if status >= 500:
        text = say("the platform has a fault (HTTP {status})", status=status)
        return Finding.failed("http", text, say("Try again in a few minutes."))
    text = say("it answers within {seconds:.1f} s (HTTP {status})", seconds=max(seconds, 0.1), status=status)
    return Finding.ok("http", text)

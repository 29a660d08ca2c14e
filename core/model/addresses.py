"""Addresses that a user may enter: of servers, of the heartbeat, of a proxy, of mail receivers."""

import re
import unicodedata
from ipaddress import ip_address

from core.i18n import say

# Strict on purpose: whatever reads an address that passed here finds the same host in it.
_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<host>[^\s/?#@\\:\[\]]+))(?::(?P<port>[0-9]{1,5}))?(?:/[^\s?#\\]*)?",
    re.IGNORECASE,
)
_PING = re.compile(_ADDRESS.pattern + r"(?:\?[^\s#\\]*)?", re.IGNORECASE)
_MOST_PORT = 0xFFFF
_MAIL_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@"
    r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
_LONGEST_MAIL_ADDRESS = 254
_RECEIVER = re.compile(r"(?:\"[^\"]*\"|[^<>@,;|、\n\"])*<(?P<named>[^<>]*)>|(?P<plain>[^\s,;|、]+)")
_USERINFO = re.compile(r"//.*@", re.DOTALL)
PROXY_SCHEMES = frozenset({"http", "https", "socks5", "socks5h"})
_PROXY = re.compile(
    r"(?P<scheme>[a-z0-9]+)://(?:[^\s/@]*@)?(?:\[[0-9a-f:.]+\]|[^\s/?#@\\:\[\]]+)(?::[0-9]{1,5})?/?", re.IGNORECASE
)


def checked_address(text: str) -> str:
    """`text` without the blanks around it, if it is https, or plain http to this very machine.

    Raises `ValueError` with a sentence for everything else; the sentence repeats no password.
    """
    text = text.strip()
    if "@" in text:
        raise ValueError(say("a name or password does not belong into the address; set username"))
    match = _ADDRESS.fullmatch(text)
    if match is None or not text.isprintable() or int(match["port"] or 0) > _MOST_PORT:
        raise ValueError(say("{text!r} is not an address like https://host:port", text=text))
    if match["scheme"].lower() == "http" and not _loopback(match["v6"] or match["host"]):
        raise ValueError(say("{text!r} would send the password in clear; use https", text=text))
    return text


def ping_address(text: str) -> str:
    """The sentences do not repeat the address: who knows it can keep the alarm silent."""
    text = text.strip()
    match = _PING.fullmatch(text)
    if text and (match is None or not text.isprintable() or int(match["port"] or 0) > _MOST_PORT):
        raise ValueError(say("should be an address like https://hc-ping.com/..., or empty"))
    if match is not None and match["scheme"].lower() == "http" and not _loopback(match["v6"] or match["host"]):
        raise ValueError(say("would be sent in clear; use https"))
    return text


def without_userinfo(text: str) -> str:
    """`text` with *** for the name and password that an address in it carries."""
    return _USERINFO.sub("//***@", text)


def is_mail_address(text: str) -> bool:
    """Whether this is one address, as an SMTP server takes it: ASCII, such as me@example.com."""
    return len(text) <= _LONGEST_MAIL_ADDRESS and _MAIL_ADDRESS.fullmatch(text) is not None


def receivers_in(text: str) -> tuple[str, ...]:
    """The addresses in `text`, each once: separated by commas, semicolons, bars, blanks or lines; full-width signs
    are read too, and names left out."""
    plain = unicodedata.normalize("NFKC", text).replace("。", ".")
    found = (match["named"] or match["plain"] or match[0] for match in _RECEIVER.finditer(plain))
    return tuple(dict.fromkeys(address.strip().rstrip(".") for address in found))


def _loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def proxy_address(text: str) -> str:
    """A proxy as `network.proxy` names it. Raises `ValueError` with a sentence for everything else."""
    text = text.strip()
    if text in {"none", "system"}:
        return text
    match = _PROXY.fullmatch(text)
    if match is None or match["scheme"].lower() not in PROXY_SCHEMES:
        raise ValueError(say('should be "none", "system", or an address like http://host:port or socks5://host:port'))
    return text

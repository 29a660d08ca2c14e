"""Which addresses a password may be sent to."""

import re
from ipaddress import ip_address

# Strict on purpose: whatever reads an address that passed here finds the same host in it.
_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<host>[^\s/?#@\\:\[\]]+))(?::(?P<port>[0-9]{1,5}))?(?:/[^\s?#\\]*)?",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"//.*@", re.DOTALL)


def checked_address(text: str) -> str:
    """`text` without the blanks around it, if it is https, or plain http to this very machine.

    Raises `ValueError` with a sentence for everything else; the sentence repeats no password.
    """
    text = text.strip()
    if "@" in text:
        raise ValueError("a name or password does not belong into the address; set username")
    match = _ADDRESS.fullmatch(text)
    if match is None or not text.isprintable() or int(match["port"] or 0) > 0xFFFF:
        raise ValueError(f"{text!r} is not an address like https://host:port")
    if match["scheme"].lower() == "http" and not _loopback(match["v6"] or match["host"]):
        raise ValueError(f"{text!r} would send the password in clear; use https")
    return text


def without_userinfo(text: str) -> str:
    """`text` with *** for the name and password that an address in it carries."""
    return _USERINFO.sub("//***@", text)


def _loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

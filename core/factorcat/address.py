"""Which addresses a password may be sent to."""

from ipaddress import ip_address

import httpx


def platform_address(text: str) -> httpx.URL:
    """`text` as the platform's address: https, or plain http to this very machine.

    Raises `ValueError` with a sentence for everything else.
    """
    try:
        url = httpx.URL(text.strip())
    except httpx.InvalidURL:
        raise ValueError(f"factorcat.base_url: {text!r} is not an address like https://host:port") from None
    if url.userinfo:
        raise ValueError("factorcat.base_url: a name or password does not belong into the address; set username")
    if url.scheme not in ("https", "http") or not url.host or url.query or url.fragment:
        raise ValueError(f"factorcat.base_url: {text!r} is not an address like https://host:port")
    if url.scheme == "http" and not _loopback(url.host):
        raise ValueError(f"factorcat.base_url: {text!r} would send the password in clear; use https")
    return url


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

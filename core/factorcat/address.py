"""The platform's address, as the client dials it."""

import httpx

from core.model.address import checked_address


def platform_address(text: str) -> httpx.URL:
    """`text` as the platform's address: https, or plain http to this very machine.

    Raises `ValueError` with a sentence for everything else.
    """
    try:
        return httpx.URL(checked_address(text))
    except httpx.InvalidURL:
        raise ValueError(f"factorcat.base_url: {text!r} is not an address like https://host:port") from None
    except ValueError as refused:
        raise ValueError(f"factorcat.base_url: {refused}") from None

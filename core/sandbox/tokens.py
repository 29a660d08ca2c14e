"""JSON web tokens, signed with HMAC-SHA256 (RFC 7519, HS256): all that the embedded platform needs of them."""

import base64
import hashlib
import hmac
import json
from datetime import datetime
from typing import Any, cast


def issue(key: bytes, username: str, expires_at: datetime) -> str:
    """A token that tells `sub` and `exp`."""
    header = _packed({"alg": "HS256", "typ": "JWT"})
    claims = _packed({"sub": username, "exp": int(expires_at.timestamp())})
    return f"{header}.{claims}.{_signature(key, f'{header}.{claims}')}"


def subject(key: bytes, token: str, now: datetime) -> str | None:
    """Whose token it is; None where it was not signed with `key` or has expired."""
    signed, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(key, signed).encode()):
        return None
    claims = cast("dict[str, Any]", json.loads(_unpacked(signed.partition(".")[2])))
    return str(claims["sub"]) if claims["exp"] > now.timestamp() else None


def _signature(key: bytes, signed: str) -> str:
    return _text(hmac.digest(key, signed.encode(), hashlib.sha256))


def _packed(value: dict[str, str | int]) -> str:
    return _text(json.dumps(value, separators=(",", ":")).encode())


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

"""A login and its token; no repr shows a secret."""

import base64
import json
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from pydantic import SecretStr

from core.model.time import SHANGHAI


@dataclass(frozen=True, slots=True)
class LoginDetails:
    username: str
    password: SecretStr


@dataclass(frozen=True, slots=True)
class Session:
    """A token and whose it is; `began` is when it came, `expires_at` None where the token holds no end."""

    user: str
    token: SecretStr
    began: datetime
    expires_at: datetime | None

    def ends_within(self, margin: timedelta, now: datetime) -> bool:
        """Whether it is time to renew it. Never for a token that lives hardly longer than the margin, or seems to
        because this machine's clock is fast: each check would log in. The platform's refusal renews that one."""
        if self.expires_at is None or self.expires_at - self.began < 2 * margin:
            return False
        return now >= self.expires_at - margin


def expiry(token: SecretStr) -> datetime | None:
    """The moment a JWT's `exp` names, in Shanghai; None for any other token. The signature is the server's to check."""
    parts = token.get_secret_value().split(".")
    if len(parts) != 3:
        return None
    try:
        claims: Any = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return None
    exp = cast(dict[str, object], claims).get("exp") if isinstance(claims, dict) else None
    if isinstance(exp, bool) or not isinstance(exp, int | float) or not math.isfinite(exp) or exp <= 0:
        return None
    try:
        return datetime.fromtimestamp(exp, SHANGHAI)
    except (ValueError, OverflowError, OSError):
        return None

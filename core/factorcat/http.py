"""HTTP to the platform: one request, one whole answer, with deadline, size limit, retries, and errors as sentences."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from core.factorcat.errors import (
    BadAnswer,
    CutOff,
    FactorCatError,
    ServerRefused,
    TimedOut,
    Untrusted,
    server_sentence,
)
from core.factorcat.failures import failure, not_valid
from core.i18n import say
from core.infra.clock import Clock
from core.infra.network import AnswerUnreadable, async_client, read_body
from core.infra.tls import context_for, look_at_certificate
from core.model.addresses import checked_address
from core.model.settings import FactorCatSettings


def platform_address(text: str) -> str:
    """`text` as the platform's address: https, or plain http to this very machine.

    Raises `ValueError` with a sentence for everything else.
    """
    try:
        return checked_address(text)
    except ValueError as refused:
        raise ValueError(f"factorcat.base_url: {refused}") from None


LONGEST_BODY = 8 * 1024 * 1024
"""Bytes of an answer, unpacked; a day's list has a few thousand."""

_PAUSES = (0.5, 2.0)
"""Seconds before the second and the third try of a request that may be repeated."""

_LOOK = 10.0
"""Seconds to fetch a refused certificate, for the user to read."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A request to the platform. `about` names it in sentences; `repeatable`: sending it twice changes nothing."""

    about: str
    method: str
    path: str
    params: Mapping[str, str | int] = field(default_factory=dict[str, str | int])
    body: Mapping[str, str | int | SecretStr] | None = None
    repeatable: bool = False

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        return tuple(value for value in (self.body or {}).values() if isinstance(value, SecretStr))


class HttpClient:
    """HTTP to one address: TLS is verified, redirects are not followed, `proxy` is that of the settings.

    `timeout` (real seconds) covers a request from the first byte out to the last byte in, with all its tries, however
    slow the server is. `trusted` names the certificates. Pauses between tries go by `clock`. Raises `ValueError` for an
    address that is not allowed.
    """

    def __init__(
        self,
        base_url: str,
        *,
        version: str,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None,
        timeout: float,
        proxy: str,
        trusted: FactorCatSettings,
    ) -> None:
        self._address = platform_address(base_url)
        self._version = version
        self._clock = clock
        self._transport = transport
        self._timeout = timeout
        self._proxy = proxy
        self._trusted = trusted
        self._client: httpx.AsyncClient | None = None
        self._replaced: list[httpx.AsyncClient] = []

    def use(self, timeout: float, trusted: FactorCatSettings) -> None:
        """For the requests from now on; those on their way end as they began."""
        self._timeout = timeout
        before, self._trusted = self._trusted, trusted
        same = (before.ca_file, before.certificate_sha256) == (trusted.ca_file, trusted.certificate_sha256)
        if self._client is not None and not same:
            self._replaced.append(self._client)
            self._client = None

    async def aclose(self) -> None:
        clients, self._client = [*self._replaced, self._client], None
        self._replaced.clear()
        for client in clients:
            if client is not None:
                await client.aclose()

    async def send(self, call: ApiCall, token: SecretStr | None = None) -> bytes:
        """The body of a good answer; a call that is `repeatable` gets three tries within the timeout.

        Raises `ServerRefused`, `Unreachable`, `TimedOut` or `BadAnswer`.
        """
        until = asyncio.get_running_loop().time() + self._timeout
        for pause in _PAUSES if call.repeatable else ():
            try:
                return await self._once(call, token, until)
            except FactorCatError as error:
                if not error.retryable or isinstance(error, TimedOut):
                    raise
                _log.warning("%s Trying again in %s s.", error, pause)
            await self._clock.sleep(pause)
        return await self._once(call, token, until)

    async def _once(self, call: ApiCall, token: SecretStr | None, until: float) -> bytes:
        try:
            async with asyncio.timeout_at(until):
                return await self._exchange(call, token)
        except (TimeoutError, httpx.TimeoutException):
            failed: FactorCatError = self._timed_out(call)
        except FactorCatError:
            raise
        except Exception as error:
            failed = failure(error, call.about, self._address, self._proxy)
        # Outside the handlers: an error of httpx holds its request, and that the password, as this one's context.
        raise await self._with_certificate(failed) if isinstance(failed, Untrusted) else failed

    async def _with_certificate(self, refused: Untrusted) -> Untrusted:
        """With what the refused certificate says, where the error does not know it yet."""
        if not refused.why or self._transport is not None:
            return refused
        try:
            async with asyncio.timeout(min(self._timeout, _LOOK)):
                shown = await look_at_certificate(self._address, self._proxy)
        except TimeoutError:
            return refused
        return not_valid(urlsplit(self._address).hostname or self._address, refused.why, shown)

    async def _exchange(self, call: ApiCall, token: SecretStr | None) -> bytes:
        http = self._http()
        response = await http.send(self._request(http, call, token), stream=True)
        try:
            body = await _whole_body(response, call.about)
        finally:
            await response.aclose()
        if response.is_success:
            return body
        if response.is_redirect:
            raise BadAnswer(call.about, say("it is a redirect to another address, which is not followed"))
        secrets = call.secrets if token is None else (*call.secrets, token)
        raise ServerRefused(call.about, response.status_code, server_sentence(body, secrets))

    def _http(self) -> httpx.AsyncClient:
        """Built with the first request: what cannot be built fails as a request does. Raises `NetworkUnavailable`."""
        if self._client is None:
            self._client = async_client(
                self._address,
                self._proxy,
                transport=self._transport,
                headers={"X-Client-Version": self._version},
                verify=None if self._transport is not None else context_for(self._trusted),
            )
            self._client.cookies.jar = CookieJar(DefaultCookiePolicy(allowed_domains=()))  # one would outlive a logout
        return self._client

    def _request(self, http: httpx.AsyncClient, call: ApiCall, token: SecretStr | None) -> httpx.Request:
        shown = {
            key: value.get_secret_value() if isinstance(value, SecretStr) else value
            for key, value in (call.body or {}).items()
        }
        return http.build_request(
            call.method,
            call.path,
            params=call.params or None,
            json=None if call.body is None else shown,
            headers={} if token is None else {"Authorization": f"Bearer {token.get_secret_value()}"},
        )

    def _timed_out(self, call: ApiCall) -> TimedOut:
        return TimedOut(
            say(
                "Factor Cat gave no whole answer about {about} within {timeout:g} s. Check the "
                "network, then try again.",
                about=call.about,
                timeout=self._timeout,
            )
        )


async def _whole_body(response: httpx.Response, about: str) -> bytes:
    try:
        return await read_body(response, LONGEST_BODY)
    except (httpx.NetworkError, httpx.ProtocolError):
        failure = CutOff(about, say("it was cut off in the middle"))
    except AnswerUnreadable as error:
        failure = BadAnswer(about, str(error))
    raise failure

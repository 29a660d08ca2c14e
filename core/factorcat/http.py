"""HTTP to the platform: one request, one whole answer, with deadline, size limit, retries, and errors as sentences."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from core.factorcat.errors import (
    BadAnswer,
    CutOff,
    FactorCatError,
    NotAsked,
    ServerRefused,
    TimedOut,
    Unreachable,
    Untrusted,
    plain,
    server_sentence,
)
from core.i18n import say
from core.infra.clock import Clock
from core.infra.network import AnswerUnreadable, NetworkUnavailable, async_client, in_words, read_body
from core.model.addresses import checked_address


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

    `timeout` (real seconds) covers one request from the first byte out to the last byte in, however slow the server is.
    Pauses between tries go by `clock`. Raises `ValueError` for an address that is not allowed.
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
    ) -> None:
        self._address = platform_address(base_url)
        self._version = version
        self._clock = clock
        self._transport = transport
        self._timeout = timeout
        self._proxy = proxy
        self._client: httpx.AsyncClient | None = None

    async def aclose(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def send(self, call: ApiCall, token: SecretStr | None = None) -> bytes:
        """The body of a good answer; a call that is `repeatable` gets three tries.

        Raises `ServerRefused`, `Unreachable`, `TimedOut` or `BadAnswer`.
        """
        for pause in _PAUSES if call.repeatable else ():
            try:
                return await self._once(call, token)
            except FactorCatError as error:
                if not error.retryable:
                    raise
                _log.warning("%s Trying again in %s s.", error, pause)
            await self._clock.sleep(pause)
        return await self._once(call, token)

    async def _once(self, call: ApiCall, token: SecretStr | None) -> bytes:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._exchange(call, token)
        except (TimeoutError, httpx.TimeoutException):
            failure = self._timed_out(call)
        except FactorCatError:
            raise
        except Exception as error:
            failure = self._unreachable(call, error)
        # Outside the handlers: an error of httpx holds its request, and that the password, as this one's context.
        raise failure

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
                self._address, self._proxy, transport=self._transport, headers={"X-Client-Version": self._version}
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

    def _unreachable(self, call: ApiCall, error: Exception) -> Unreachable:
        host = urlsplit(self._address).hostname or self._address
        if isinstance(error, httpx.ProxyError):
            error = NetworkUnavailable(say("the proxy of network.proxy refuses ({error})", error=in_words(error)))
        if not isinstance(error, httpx.TransportError):
            return NotAsked(
                say(
                    "Factor Cat at {host} was not asked about {about}: {why}.",
                    host=host,
                    about=call.about,
                    why=in_words(error),
                )
            )
        for cause in _causes(error):
            if isinstance(cause, ssl.SSLCertVerificationError):
                return Untrusted(
                    say(
                        "The certificate of {host} is not valid ({verify_message}), so nothing was sent. "
                        "Check factorcat.base_url, this machine's date, and who stands between.",
                        host=host,
                        verify_message=plain(cause.verify_message),
                    )
                )
            if isinstance(cause, socket.gaierror) and self._proxy == "none":  # a proxy's own name may be the wrong one
                return Unreachable(
                    say("The name {host} is not found. Check the network and factorcat.base_url.", host=host)
                )
        what = say("cannot be reached") if isinstance(error, httpx.ConnectError) else say("broke the connection off")
        told = {"host": host, "what": what, "about": call.about}
        if self._proxy == "none":
            return Unreachable(
                say(
                    "Factor Cat at {host} {what} when asked about {about}. Check the network and factorcat.base_url.",
                    **told,
                )
            )
        return Unreachable(
            say(
                "Factor Cat at {host} {what} when asked about {about}. "
                "Check the network, network.proxy and factorcat.base_url.",
                **told,
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


def _causes(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__

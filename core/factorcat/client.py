"""The client of the platform: one user, one token, renewed automatically while the password is in memory."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from core import __version__
from core.factorcat.errors import FactorCatError, LoginNeeded, LoginRefused, ServerRefused
from core.factorcat.http import ApiCall, HttpClient
from core.factorcat.pages import record_page, strategy_page
from core.factorcat.schemas import (
    ParametersAnswer,
    TokenAnswer,
    checked,
    decoded,
    object_of,
)
from core.factorcat.selection_reader import read_selection
from core.factorcat.session import LoginDetails, Session, expiry
from core.i18n import say
from core.infra.clock import Clock
from core.model.figures import UnitSetting
from core.model.known import Maybe, Unknown
from core.model.platform import Page, Record, Selection, Strategy
from core.model.settings import FactorCatSettings, Settings
from core.rules.record_parameters import uses_timing

_RENEWAL_MARGIN = timedelta(minutes=2)
"""How long before its end a token is renewed."""

_NO_SUCH_CALL = frozenset({404, 405, 501})
"""What a platform without long-term tokens answers: the password renews the login."""

_LOGIN_REFUSALS = frozenset({400, 401, 403, 422})

_log = logging.getLogger(__name__)


class FactorCatClient:
    """Factor Cat, as far as a rotation needs it. For one event loop.

    `timeout` is the real time in seconds that one answer may take. Within it, asking for a list or a page is tried
    three times where the network or the server is at fault; a login never is. Every method that asks the platform
    raises `FactorCatError`s, whose str() is the sentence for the user. The constructor raises `ValueError` for an
    address that is neither https nor this machine.
    """

    def __init__(
        self,
        base_url: str,
        *,
        version: str,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: float = 30.0,
        proxy: str = "none",
        trusted: FactorCatSettings | None = None,
    ) -> None:
        self._clock = clock
        self._http = HttpClient(
            base_url,
            version=version,
            clock=clock,
            transport=transport,
            timeout=timeout,
            proxy=proxy,
            trusted=trusted or FactorCatSettings(),
        )
        self._credentials: LoginDetails | None = None
        self._session: Session | None = None
        self._renewal: asyncio.Task[Session] | None = None
        self._long_term = True  # whether the platform may issue long-term tokens

    @classmethod
    def of(
        cls, settings: Settings, clock: Clock, transport: httpx.AsyncBaseTransport | None = None
    ) -> "FactorCatClient":
        """A client by the settings."""
        return cls(
            settings.factorcat.base_url,
            version=__version__,
            clock=clock,
            transport=transport,
            timeout=settings.factorcat.timeout,
            proxy=settings.network.proxy,
            trusted=settings.factorcat,
        )

    def use_settings(self, settings: Settings) -> None:
        """Ask with this timeout, and trust these certificates, from now on; another address needs a new client."""
        self._http.use(settings.factorcat.timeout, settings.factorcat)

    @property
    def user(self) -> str | None:
        """The user who is logged in."""
        return None if self._session is None else self._session.user

    @property
    def token_expires_at(self) -> datetime | None:
        """When the token ends, Shanghai time; None without a token, or where it holds no end."""
        return None if self._session is None else self._session.expires_at

    @property
    def renews_itself(self) -> bool:
        """Whether the next request logs in again by itself where the token has ended."""
        return self._credentials is not None

    async def login(self, username: str, password: str) -> str:
        """Log in and keep the password in memory for renewals; returns the user's name.

        After a failure the former login stays. Raises `LoginRefused` for a wrong name or password.
        """
        credentials = LoginDetails(username, SecretStr(password))
        session = await self._log_in(credentials)
        self._credentials, self._session = credentials, session
        return session.user

    @property
    def token(self) -> SecretStr | None:
        """The token in use."""
        return None if self._session is None else self._session.token

    async def resume(self, username: str, token: SecretStr, password: SecretStr) -> bool:
        """Reuse a token of an earlier run; False where the platform does not accept it, or it is about to end.

        Asks the platform for one strategy, to prove that the token works. Raises `FactorCatError`
        where it cannot be asked.
        """
        ends = expiry(token)
        if ends is None or ends < self._clock.now() + _RENEWAL_MARGIN:
            return False
        session = Session(username, token, self._clock.now(), ends)
        call = ApiCall(say("the strategies"), "GET", "/strategies/", {"page": 1, "limit": 1}, repeatable=True)
        if await self._send_with(call, session) is None:
            return False
        self._credentials, self._session = LoginDetails(username, password), session
        return True

    def logout(self) -> None:
        """Forget the token and the password."""
        self._credentials = self._session = None

    async def renew_if_due(self, margin: timedelta = _RENEWAL_MARGIN) -> bool:
        """Log in again where the token ends within `margin`; returns whether it did.

        Raises `LoginNeeded` where the password is no longer accepted; the token in use works until its end.
        """
        session = self._session
        if session is None or self._credentials is None or not session.ends_within(margin, self._clock.now()):
            return False
        await self._renewed(session)
        return True

    async def strategies(self, page: int = 1, limit: int = 20, search: str = "") -> Page[Strategy]:
        """One page of the user's strategies; `search` filters by name."""
        about = say("the strategies")
        params: dict[str, str | int] = {"page": page, "limit": limit, "search": search}
        return strategy_page(await self._get(about, "/strategies/", params), about, page, limit)

    async def records(
        self, strategy_id: int, page: int = 1, limit: int = 20, unit: UnitSetting = "auto"
    ) -> Page[Record]:
        """One page of a strategy's backtest records, their figures as ratios; `unit` is what they are written in."""
        about = say("the backtest records")
        path = f"/strategies/{strategy_id:d}/histories"
        body = await self._get(about, path, {"page": page, "limit": limit})
        return record_page(body, about, page, limit, unit)

    async def parameters(self, strategy_id: int, history_id: int) -> Mapping[str, Any]:
        """The parameters of a record, of no fixed shape."""
        about = say("the record's parameters")
        answer = await self._get(about, f"{_record_path(strategy_id, history_id)}/parameters")
        return checked(ParametersAnswer, decoded(answer, about), about).parameters

    async def detail(self, strategy_id: int, history_id: int) -> Mapping[str, Any]:
        """Whatever else the platform sends about a record."""
        about = say("the record")
        answer = await self._get(about, _record_path(strategy_id, history_id))
        return object_of(decoded(answer, about), about)

    async def selection(self, strategy_id: int, history_id: int) -> Selection:
        """The day's list of a record, whole; of an empty one also whether the record uses market timing.

        Raises `SelectionRefused` where a row of it must not be traded.
        """
        call = ApiCall(
            about=say("the day's list"),
            method="POST",
            path="/bond-selection/today-bond-selection",
            body={"strategy_history_id": history_id},
            repeatable=True,
        )
        body = await self._send(call)
        selection = read_selection(body, call.about, strategy_id, history_id, self._clock.now())
        return selection if selection.rows else replace(selection, timing=await self._timing(strategy_id, history_id))

    async def _timing(self, strategy_id: int, history_id: int) -> Maybe[bool]:
        try:
            return uses_timing(await self.parameters(strategy_id, history_id))
        except FactorCatError as error:
            return Unknown(str(error))

    async def aclose(self) -> None:
        """Close every connection; the client cannot be used afterwards."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait({self._renewal})
        await self._http.aclose()

    async def _get(self, about: str, path: str, params: dict[str, str | int] | None = None) -> bytes:
        return await self._send(ApiCall(about, "GET", path, params or {}, repeatable=True))

    async def _send(self, call: ApiCall) -> bytes:
        """The answer to `call`; logs in once more where the token is no longer accepted."""
        session = self._session
        if session is None:
            raise LoginNeeded(say("Not logged in to Factor Cat. Log in, then try again."))
        body = await self._send_with(call, session)
        if body is None:
            try:
                session = await self._renewed(session)
            except LoginNeeded:
                self._forget(session)
                raise
            body = await self._send_with(call, session)
        if body is None:
            self._forget(session)
            raise LoginNeeded(say("Factor Cat rejects the token it has just issued. Log in again."))
        return body

    async def _send_with(self, call: ApiCall, session: Session) -> bytes | None:
        """None where the platform does not accept the session's token (401)."""
        try:
            return await self._http.send(call, session.token)
        except ServerRefused as refusal:
            if refusal.status != 401:
                raise
        return None

    async def _renewed(self, stale: Session) -> Session:
        """The session that replaces `stale`; simultaneous callers share one login."""
        if self._session is not None and self._session is not stale:
            return self._session
        if self._credentials is None:
            raise LoginNeeded(say("The login to Factor Cat has ended. Log in again."))
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._renew(self._credentials))
        return await asyncio.shield(self._renewal)

    async def _renew(self, credentials: LoginDetails) -> Session:
        try:
            session = await self._log_in(credentials)
        except LoginRefused as refusal:
            if self._credentials is credentials:
                self._credentials = None  # platforms lock an account that is tried again and again
            raise LoginNeeded(say("The login to Factor Cat could not be renewed. {refusal}", refusal=refusal)) from None
        if self._credentials is not credentials:
            raise LoginNeeded(say("The login to Factor Cat has changed meanwhile. Try again, or log in."))
        self._session = session
        _log.info("The login to Factor Cat was renewed.")
        return session

    def _forget(self, session: Session) -> None:
        if self._session is session:
            self.logout()

    async def _log_in(self, credentials: LoginDetails) -> Session:
        call = ApiCall(
            about=say("the login"),
            method="POST",
            path="/auth/login",
            body={"username": credentials.username, "password": credentials.password},
        )
        try:
            answer = await self._http.send(call)
        except ServerRefused as refusal:
            if refusal.status not in _LOGIN_REFUSALS:
                raise
            said = refusal.said.rstrip(".。")
            raise LoginRefused(
                say("Factor Cat refused the login: {said}. Check the name and the password.", said=said)
            ) from None
        given = checked(TokenAnswer, decoded(answer, call.about), call.about)
        token = await self._long_term_token(given.access_token)
        return Session(given.username or credentials.username, token, self._clock.now(), expiry(token))

    async def _long_term_token(self, short: SecretStr) -> SecretStr:
        """The long-term token, or the short one where the platform gives none."""
        if not self._long_term:
            return short
        call = ApiCall(say("the long-term token"), "POST", "/auth/generate-long-term-token")
        try:
            answer = await self._http.send(call, short)
            return checked(TokenAnswer, decoded(answer, call.about), call.about).access_token
        except ServerRefused as refusal:
            self._long_term = refusal.status not in _NO_SUCH_CALL
            if self._long_term:
                _log.info("The short-term token stays in use. %s", refusal)
        except FactorCatError as error:
            _log.info("The short-term token stays in use. %s", error)
        return short


def _record_path(strategy_id: int, history_id: int) -> str:
    return f"/strategies/{strategy_id:d}/histories/{history_id:d}"

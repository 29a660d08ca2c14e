"""The embedded Factor Cat: the platform's own wire, answered inside the process."""

import asyncio
import base64
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from math import ceil
from typing import TypeVar, cast

import httpx

from core.i18n import say
from core.infra.clock import Clock
from core.model.bond import BondCode
from core.model.errors import RotorError
from core.sandbox.dialects import Answer, Call, Dialect, Json, delay, refusal, spoken
from core.sandbox.market import SandboxMarket
from core.sandbox.panel import Rows
from core.sandbox.strategies import (
    Backtest,
    Recipe,
    RotationStrategy,
    Rule,
    backtest,
    benchmark,
    catalogue,
    rank,
    rankings,
)


def new_token(username: str, ends: datetime) -> str:
    """A JWT, which tells its end; a random word stands in place of its signature."""
    parts = {"alg": "none", "typ": "JWT"}, {"sub": username, "exp": int(ends.timestamp())}
    packed = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    return ".".join((*packed, secrets.token_urlsafe(32)))


TOKEN_LIFE = timedelta(hours=12)
LONG_TERM_LIFE = timedelta(days=30)
LARGEST_PAGE = 100

T = TypeVar("T")
Line = Sequence[tuple[date, float]]


class HttpError(RotorError):
    """An answer of status 400 or above; `detail` is its sentence."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class EmbeddedPlatform(httpx.AsyncBaseTransport):
    """Answers every call of the platform, as a transport of an ordinary `httpx.AsyncClient`.

    Any name and password that are not empty log in. It knows the tokens that it has issued: those of an earlier run get
    a 401, like expired ones. Backtests are computed when they are first asked for, in a thread, and remembered.
    `dialects` change the form of its answers.
    """

    def __init__(self, market: SandboxMarket, clock: Clock, dialects: Collection[Dialect] = ()) -> None:
        self._market = market
        self._clock = clock
        self._dialects = dialects
        self._tokens: dict[str, tuple[str, datetime]] = {}
        self._strategies = {strategy.id: strategy for strategy in catalogue()}
        self._recipes = {record.id: record for strategy in self._strategies.values() for record in strategy.records}
        self._lists: dict[Rule, Sequence[Sequence[BondCode]]] = {}
        self._backtests: dict[int, Backtest] = {}
        self._benchmark_line: Line | None = None
        self._routes: tuple[tuple[Call, str, re.Pattern[str], Callable[..., Awaitable[Answer]]], ...] = (
            (Call.LOGIN, "POST", re.compile(r"/auth/login"), self._login),
            (Call.LONG_TERM_TOKEN, "POST", re.compile(r"/auth/generate-long-term-token"), self._long_term),
            (Call.STRATEGIES, "GET", re.compile(r"/strategies/"), self._list_strategies),
            (Call.RECORDS, "GET", re.compile(r"/strategies/(\d+)/histories"), self._list_records),
            (Call.DETAIL, "GET", re.compile(r"/strategies/(\d+)/histories/(\d+)"), self._detail),
            (Call.PARAMETERS, "GET", re.compile(r"/strategies/(\d+)/histories/(\d+)/parameters"), self._parameters),
            (Call.LIST, "POST", re.compile(r"/bond-selection/today-bond-selection"), self._todays_list),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        try:
            return httpx.Response(200, json=await self._answer(request))
        except HttpError as error:
            headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
            return httpx.Response(error.status, json={"detail": error.detail}, headers=headers)

    async def _answer(self, request: httpx.Request) -> Answer:
        matches = [
            (call, method, match, handler)
            for call, method, pattern, handler in self._routes
            if (match := pattern.fullmatch(request.url.path))
        ]
        if not matches:
            raise HttpError(404, "Not Found")
        call, method, match, handler = matches[0]
        if method != request.method:
            raise HttpError(405, "Method Not Allowed")
        if seconds := delay(self._dialects, call):
            await self._clock.sleep(seconds)
        if refused := refusal(self._dialects, call):
            raise HttpError(*refused)
        answer = await handler(request, *map(int, match.groups()))
        return spoken(self._dialects, call, answer, self._market.session_before())

    async def _login(self, request: httpx.Request) -> Json:
        username, password = _field(request, "username", str), _field(request, "password", str)
        if not username.strip() or not password:
            raise HttpError(401, "Incorrect username or password")
        return {
            "access_token": self._issue(username, TOKEN_LIFE),
            "token_type": "bearer",
            "username": username,
            "role_name": "sandbox",
        }

    async def _long_term(self, request: httpx.Request) -> Json:
        return {"access_token": self._issue(self._user(request), LONG_TERM_LIFE)}

    async def _list_strategies(self, request: httpx.Request) -> Json:
        self._user(request)
        wanted = request.url.params.get("search", "").strip().casefold()
        found = [strategy for strategy in self._strategies.values() if wanted in strategy.rule.name.casefold()]
        shown, envelope = _paged(request, found)
        return {**envelope, "items": [self._strategy_item(strategy) for strategy in shown]}

    async def _list_records(self, request: httpx.Request, strategy_id: int) -> Json:
        self._user(request)
        shown, envelope = _paged(request, self._strategy(strategy_id).records)
        results = await self._results(shown)
        return {**envelope, "items": [self._record_item(recipe, results[recipe.id]) for recipe in shown]}

    async def _detail(self, request: httpx.Request, strategy_id: int, history_id: int) -> Json:
        self._user(request)
        recipe = self._record(strategy_id, history_id)
        result = (await self._results([recipe]))[history_id]
        dates = self._market.data.panel.dates
        return {
            **self._record_item(recipe, result),
            "strategy_id": strategy_id,
            "strategy_name": recipe.rule.name,
            say("rule", context="record"): say(
                "{bonds} bonds in equal weights. {rule}", bonds=recipe.size, rule=recipe.rule.description
            ),
            say("period", context="record"): say(
                "{first} to {last}, {count} sessions", first=dates[0], last=dates[-1], count=len(dates)
            ),
            say("closed positions"): result.closed,
            say("fees"): say("not included"),
            say("prices", context="record"): say(
                "recorded closes; a bond that leaves the market is sold at its last close"
            ),
            say("benchmark"): say("all convertible bonds in equal weights"),
            "total_return": result.strategy_return,
            "equity_curve": _curve(result.equity),
            "benchmark_equity_curve": _curve(await asyncio.to_thread(self._benchmark)),
            "daily_positions": [
                {"date": day.isoformat(), "position": list(held)}
                for (day, _), held in zip(result.equity, result.held, strict=True)
            ],
        }

    def _benchmark(self) -> Line:
        if self._benchmark_line is None:
            self._benchmark_line = benchmark(self._market.data.panel)
        return self._benchmark_line

    async def _parameters(self, request: httpx.Request, strategy_id: int, history_id: int) -> Json:
        self._user(request)
        recipe = self._record(strategy_id, history_id)
        rule = recipe.rule
        return {
            "parameters": {
                "profitTargetRatio": recipe.stops.take_profit if recipe.stops else 0,
                "stopLossRatio": recipe.stops.stop_loss if recipe.stops else 0,
                # As the backtest trades: on each session, at its close, always in the market.
                "holding_period": 1,
                "tradeTiming": "close",
                "timingOption": 0,
                "bond_selection_params": {"top_n": recipe.size},
                say("ranked by"): rule.ranked_by,
                say("filters", context="record"): list(rule.filters) or say("no filter"),
            }
        }

    async def _todays_list(self, request: httpx.Request) -> list[Json]:
        self._user(request)
        recipe = self._recipes.get(_field(request, "strategy_history_id", int))
        if recipe is None:
            raise HttpError(404, "Strategy history not found")
        day = self._market.trading_day()
        rows, names = self._listable(recipe.rule, day), self._market.names
        bonds = [
            {
                "kzz_code": code,
                "name": names[code],
                "price": float(rows[code].close),
                "trade_date": day.isoformat(),
            }
            for code in rank(recipe.rule, rows, recipe.size)
        ]
        return [{"selected_bonds": bonds}]

    def _listable(self, rule: Rule, day: date) -> Rows:
        """The bonds that a list of that day may name: without those that do not trade, and where the rule asks for
        years to maturity, without those whose trading ends before, for example because they are called."""
        rows, market = self._market.rows_for_ranking(day), self._market
        if rule.suspended:
            return rows
        needed = timedelta(days=(rule.min_years or 0) * 365)
        return {
            code: row
            for code, row in rows.items()
            if market.trades_on(code, day) and (market.data.bonds[code].last_day or date.max) - needed >= day
        }

    def _user(self, request: httpx.Request) -> str:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise HttpError(401, "Not authenticated")
        user, ends = self._tokens.get(token, ("", self._clock.now()))
        if ends <= self._clock.now():
            raise HttpError(401, "Could not validate credentials: the token is not ours or has expired")
        return user

    def _issue(self, username: str, life: timedelta) -> str:
        ends = self._clock.now() + life
        token = new_token(username, ends)
        self._tokens[token] = (username, ends)
        return token

    def _strategy(self, strategy_id: int) -> RotationStrategy:
        strategy = self._strategies.get(strategy_id)
        if strategy is None:
            raise HttpError(404, "Strategy not found")
        return strategy

    def _record(self, strategy_id: int, history_id: int) -> Recipe:
        for recipe in self._strategy(strategy_id).records:
            if recipe.id == history_id:
                return recipe
        raise HttpError(404, "Strategy history not found")

    async def _results(self, recipes: Iterable[Recipe]) -> dict[int, Backtest]:
        missing = [recipe for recipe in recipes if recipe.id not in self._backtests]
        if missing:
            await asyncio.to_thread(self._compute, missing)
        return self._backtests

    def _compute(self, recipes: Sequence[Recipe]) -> None:
        panel = self._market.data.panel
        for recipe in recipes:
            if recipe.rule not in self._lists:
                self._lists[recipe.rule] = rankings(panel, recipe.rule)
            self._backtests[recipe.id] = backtest(panel, self._lists[recipe.rule], recipe.size, recipe.stops)

    def _strategy_item(self, strategy: RotationStrategy) -> Json:
        return {
            "id": strategy.id,
            "name": strategy.rule.name,
            "description": strategy.rule.description,
            "backtest_count": len(strategy.records),
            "created_at": self._market.data.panel.dates[0].isoformat(),
        }

    def _record_item(self, recipe: Recipe, result: Backtest) -> Json:
        return {
            "id": recipe.id,
            "backtest_time": self._market.data.panel.dates[-1].isoformat(),
            "strategy_return": result.strategy_return,
            "win_rate": result.win_rate,
            "annualized_return": result.annualized_return,
            "max_drawdown": result.max_drawdown,
            "sharpe_ratio": result.sharpe_ratio,
        }


def _curve(line: Line) -> list[Json]:
    """`return` is what was earned since the first date."""
    return [{"date": day.isoformat(), "value": value, "return": value - 1} for day, value in line]


def _field(request: httpx.Request, name: str, kind: type[T]) -> T:
    """A field of the request's JSON body."""
    try:
        body = json.loads(request.content)
    except ValueError:
        raise HttpError(422, "the body is not JSON") from None
    value = cast("Json", body).get(name) if isinstance(body, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise HttpError(422, f"{name}: a value of type {kind.__name__} is required")
    return value


def _paged(request: httpx.Request, items: Sequence[T]) -> tuple[Sequence[T], Json]:
    """The items of the page asked for, and the envelope around them."""
    page, limit = _number(request, "page", 1, None), _number(request, "limit", 20, LARGEST_PAGE)
    envelope: Json = {
        "total_count": len(items),
        "total_pages": ceil(len(items) / limit),
        "page": page,
        "limit": limit,
    }
    return items[(page - 1) * limit : page * limit], envelope


def _number(request: httpx.Request, name: str, default: int, largest: int | None) -> int:
    text = request.url.params.get(name, str(default))
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) < 1:
        raise HttpError(422, f"{name}: {text!r} is not a whole number above zero")
    if largest is not None and int(text) > largest:
        raise HttpError(422, f"{name}: at most {largest}")
    return int(text)

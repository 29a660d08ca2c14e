"""What the platform sends, checked: keys that nobody needs are ignored, a key that is needed and missing is named."""

import json
import math
from collections.abc import Mapping
from typing import Annotated, Generic, TypeVar, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from core.factorcat.errors import BadAnswer
from core.factorcat.words import plain
from core.model.platform import Page, Record, Strategy

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


class Wire(BaseModel):
    """The base of every answer. Input is hidden in errors, for it may hold a token."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


def _header_safe(token: SecretStr) -> SecretStr:
    text = token.get_secret_value()
    if not text or not all("!" <= char <= "~" for char in text):
        raise ValueError("it is empty or holds characters that no token has")
    return token


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


Count = Annotated[int, Field(ge=0)]
Metric = Annotated[float | None, AfterValidator(_finite)]


class TokenAnswer(Wire):
    access_token: Annotated[SecretStr, AfterValidator(_header_safe)]
    username: str | None = None


class StrategyItem(Wire):
    id: int
    name: str
    description: str | None = None
    backtest_count: Count
    created_at: str | None = None

    def value(self) -> Strategy:
        return Strategy(self.id, self.name, self.description or "", self.backtest_count, self.created_at or "")


class RecordItem(Wire):
    id: int
    backtest_time: str
    strategy_return: Metric = None
    win_rate: Metric = None
    annualized_return: Metric = None
    max_drawdown: Metric = None
    sharpe_ratio: Metric = None

    def value(self) -> Record:
        return Record(**self.model_dump())


class PageEnvelope(Wire, Generic[T]):
    total_count: Count
    total_pages: Count
    page: Count
    limit: Count
    items: list[T]


class ParametersAnswer(Wire):
    parameters: dict[str, object]


def strategy_page(body: bytes, about: str) -> Page[Strategy]:
    """Raises `BadAnswer`."""
    envelope = checked(PageEnvelope[StrategyItem], decoded(body, about), about)
    return _page(envelope, tuple(item.value() for item in envelope.items))


def record_page(body: bytes, about: str) -> Page[Record]:
    """Raises `BadAnswer`."""
    envelope = checked(PageEnvelope[RecordItem], decoded(body, about), about)
    return _page(envelope, tuple(item.value() for item in envelope.items))


def _page(envelope: PageEnvelope[M], items: tuple[T, ...]) -> Page[T]:
    return Page(items, envelope.page, envelope.limit, envelope.total_count, envelope.total_pages)


def decoded(body: bytes, about: str) -> object:
    """`body` as JSON. Raises `BadAnswer`."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        pass
    raise BadAnswer(about, "it is not JSON")  # outside the handler: the decoder's error holds the body, and its token


def checked(model: type[M], data: object, about: str) -> M:
    """`data` as `model`. Raises `BadAnswer` naming the first key that is missing or wrong."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        fault = first_fault(error)
    raise BadAnswer(about, fault)


def object_of(data: object, about: str) -> Mapping[str, object]:
    """`data` as an object of any keys. Raises `BadAnswer`."""
    if not isinstance(data, dict):
        raise BadAnswer(about, "it is not an object")
    return cast(Mapping[str, object], data)


def first_fault(error: ValidationError) -> str:
    """The first thing wrong, in words and without the value."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = plain(".".join(str(part + 1) if isinstance(part, int) else part for part in first["loc"]), 80)
    if first["type"] == "missing":
        return f"the key {where!r} is missing"
    if first["type"] in ("model_type", "dict_type"):
        return f"{where or 'it'} is not an object"
    return f"{where} is wrong ({first['msg'].lower()})"

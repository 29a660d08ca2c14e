"""Checks what the platform sends: unneeded keys are ignored, a missing key is named."""

import json
import re
from collections.abc import Mapping
from typing import Annotated, TypeVar, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    SecretStr,
    ValidationError,
)

from core.factorcat.errors import BadAnswer, plain
from core.i18n import say

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


class WireModel(BaseModel):
    """The base of every answer. Input is hidden in errors, for it may hold a token."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


def _header_safe(token: SecretStr) -> SecretStr:
    text = token.get_secret_value()
    if not text or not all("!" <= char <= "~" for char in text):
        raise ValueError(say("it is empty or holds characters that no token has"))
    return token


class TokenAnswer(WireModel):
    access_token: Annotated[SecretStr, AfterValidator(_header_safe)]
    username: str | None = None


class ParametersAnswer(WireModel):
    parameters: dict[str, object]


_HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")


def decoded(body: bytes, about: str) -> object:
    """`body` as JSON. Raises `BadAnswer`."""
    try:
        data = json.loads(body)
        if _HALF_PAIR.search(body):
            # Half of a surrogate pair can be neither stored nor shown.
            data = json.loads(json.dumps(data, ensure_ascii=False).encode("utf-8", errors="replace"))
        return data
    except (ValueError, RecursionError):
        pass
    # Outside the handler: the decoder's error holds the body, and its token.
    raise BadAnswer(about, say("it is not JSON"))


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
        raise BadAnswer(about, say("it is not an object"))
    return cast(Mapping[str, object], data)


def first_fault(error: ValidationError) -> str:
    """The first fault as a sentence, without the value."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = plain(".".join(str(part + 1) if isinstance(part, int) else part for part in first["loc"]), 80)
    if first["type"] == "missing":
        return say("the key {key!r} is missing", key=where)
    if first["type"] in ("model_type", "dict_type"):
        return say("{key} is not an object", key=where) if where else say("it is not an object")
    return say("{key} is wrong ({fault})", key=where, fault=first["msg"].lower())

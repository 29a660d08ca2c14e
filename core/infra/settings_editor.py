"""Settings as a person reads and types them: one row a key, checked by the validators of the file."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from core.i18n import listed, say
from core.infra import config
from core.infra.config import KEYS, SettingsError, load_settings
from core.model.addresses import is_mail_address
from core.model.setting_types import AsRatio, AsShare, is_plain
from core.model.settings import Settings
from core.model.settings_rows import Kind, SettingRow, Source

NEED_RESTART = ("mode", "factorcat.base_url", "qmt", "network", "strategy", "screen.mouse")
"""Keys, or whole tables, whose change needs a restart; a strategy is changed without one on the Strategies screen."""

_MONEY = (
    *("mode", "factorcat.base_url", "factorcat.ca_file", "factorcat.certificate_sha256", "qmt", "strategy"),
    *("buy", "orders", "stops", "schedule", "guards", "fees"),
)
"""Keys, or whole tables, whose change may change what is bought or sold."""


def setting_rows(
    home: Path, following: Settings, in_use: Settings, environ: Mapping[str, str] | None = None
) -> tuple[SettingRow, ...]:
    """Every key, in the order of the file, with its value after a start (`following`) and now. Raises `SettingsError`
    where the file cannot be used."""
    variables = os.environ if environ is None else environ
    default = Settings()
    told = {name.upper() for name, text in variables.items() if text}
    written = frozenset(config.keys_in_file(home))
    return tuple(
        SettingRow(
            key=key,
            about=config.about(field),
            value=_text(key, following),
            in_use=_text(key, in_use),
            default=_text(key, default),
            source=_source(key, told, written),
            kind=_kind(field),
            choices=_choices(field),
            at_once=not config.within(key, NEED_RESTART),
            money=config.within(key, _MONEY),
            ratio=_is_ratio(field),
            bounds=_bounds(field),
        )
        for key, field in config.setting_fields()
    )


def problem_with(home: Path, key: str, text: str) -> str:
    """Why this text cannot be the key's value, in words; empty where it can."""
    if key not in KEYS:
        return say("There is no setting {key}; the nearest is {nearest}.", key=key, nearest=config.nearest(key, KEYS))
    try:
        settings = load_settings(home, {key: value_of(key, text)})
    except SettingsError as error:
        return "\n".join(line.partition("): ")[2] or line for line in error.problems)
    email = settings.notify.email
    addresses = {"notify.email.sender": (email.sender,), "notify.email.receiver": email.receivers}
    return problem_with_mail(*addresses.get(key, ()))


def problem_with_mail(*addresses: str) -> str:
    """Which of them are no mail addresses; empty where all are.

    Not a check of the whole file: stops must not wait at the start for a mail address.
    """
    wrong = [address for address in addresses if address and not is_mail_address(address)]
    return say("This is no mail address: {receivers}.", receivers=listed(wrong)) if wrong else ""


def value_of(key: str, text: str) -> Any:  # noqa: ANN401  (whatever the key's type is)
    """The typed text as the file writes it: text stays text, everything else is TOML."""
    field = dict(config.setting_fields())[key]
    if _is_text(field.annotation):
        return text.strip()
    try:
        return tomllib.loads(f"value = {text.strip()}", parse_float=_decimal)["value"]
    except (ValueError, RecursionError):  # ValueError: TOML that is none, and numbers that are too long
        return text.strip()  # the check of the whole names what it should be


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not is_plain(number):
        raise ValueError(text)
    return number


def _is_ratio(field: FieldInfo) -> bool:
    marks = _marks_of(field)
    return AsRatio in marks or AsShare in marks


_NO_LIMIT = 2**31 - 1
"""An upper bound that only keeps numbers storable."""


def _bounds(field: FieldInfo) -> str:
    """The allowed numbers in signs that every language has; empty where the type has no bounds."""
    low = high = None
    for mark in _marks_of(field):
        if isinstance(mark, Ge | Gt):
            low = (">=", mark.ge) if isinstance(mark, Ge) else (">", mark.gt)
        elif isinstance(mark, Le | Lt):
            high = ("<=", mark.le) if isinstance(mark, Le) else ("<", mark.lt)
    if high is not None and isinstance(high[1], int | Decimal) and high[1] >= _NO_LIMIT:
        high = None
    if low is not None and high is not None and (low[0], high[0]) == (">=", "<="):
        return f"{low[1]} - {high[1]}"
    return ", ".join(f"{sign} {number}" for sign, number in (bound for bound in (low, high) if bound is not None))


def _marks_of(field: FieldInfo) -> list[object]:
    """What is annotated to the field's type, or to a branch of it."""
    marks: list[object] = [*field.metadata]
    for branch in get_args(field.annotation):
        for mark in getattr(branch, "__metadata__", ()):
            marks += mark.metadata if isinstance(mark, FieldInfo) else [mark]
    return marks


def _text(key: str, settings: BaseModel) -> str:
    """The value as it is typed; what may hold a secret is masked."""
    value = config.masked(key, config.value_at(settings, key))
    return value if isinstance(value, str) else config.as_toml(value)


def _source(key: str, variables: set[str], written: frozenset[str]) -> Source:
    if config.variable_of(key) in variables:
        return "environment"
    return "file" if key in written else "default"


def _kind(field: FieldInfo) -> Kind:
    if field.annotation is bool:
        return "switch"
    return "choice" if _choices(field) else "text"


def _choices(field: FieldInfo) -> tuple[str, ...]:
    """The allowed words, where only certain words are."""
    choices = get_args(field.annotation)
    return choices if choices and all(isinstance(choice, str) for choice in choices) else ()


def _is_text(annotation: Any) -> bool:  # noqa: ANN401  (a type form)
    return annotation is str or all(isinstance(choice, str) for choice in _plain_args(annotation))


def _plain_args(annotation: Any) -> Iterator[object]:  # noqa: ANN401  (a type form)
    args = get_args(annotation)
    yield from args if args and get_origin(annotation) is not tuple else (annotation,)

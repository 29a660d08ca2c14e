"""The settings of a data folder: read from options, environment and file, checked all at once, and written back."""

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from functools import reduce
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, cast, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from core.i18n import listed, mark, noted, say
from core.infra.home import changing, write_atomically
from core.infra.toml_text import as_toml, mended, parsed, with_changes
from core.infra.user_files import UserFileRefused, read_user_text
from core.model.addresses import without_userinfo
from core.model.errors import SetupError
from core.model.settings import Settings
from core.model.settings_rows import MASK

FILE = "config.toml"
RESERVED = frozenset({"ROTOR_HOME", "ROTOR_FACTORCAT__PASSWORD", "ROTOR_NOTIFY__EMAIL__PASSWORD"})
"""Variables that are not settings: the data folder and the passwords."""

_PREFIX = "ROTOR_"
_MASKED = ("password", "secret", "token", "urls", "heartbeat_url")
_LONGEST_SHOWN = 60
_OPTION = mark("option", context="origin")
"""Where a value comes from that was given with the command or typed on the screen."""


class SettingsError(SetupError, ValueError):
    """The settings cannot be used; `problems` has one line for each thing that is wrong with them."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def load_settings(
    home: Path, overrides: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    """The settings of a data folder: `overrides` before ROTOR_… variables before config.toml before the defaults.

    `overrides` go by dotted key, such as `{"mode": "paper", "buy.amount": 20000}`; `environ` is the process's by
    default. Without a config.toml they are the defaults. Raises `SettingsError` with every problem.
    """
    return _load(home / FILE, _nested(overrides or {}), os.environ if environ is None else environ)


def masked(key: str, value: object) -> object:
    """`value`; *** where the key's name says that it is secret, and for the name and password in an address."""
    if value and any(word in key.lower() for word in _MASKED):
        return MASK
    return without_userinfo(value) if isinstance(value, str) else value


def render_example() -> str:
    """The text of config.example.toml: every key with its default and what it does."""
    lines = [
        "# Settings of rotor. Every key may be left out and has the value below then; an unknown key is an error.",
        "# A variable goes before this file, such as ROTOR_BUY__AMOUNT=20000, and an option before both.",
        "# Passwords do not belong here: they are kept in the system's keyring.",
        "",
    ]
    lines += _rendered_table(Settings(), "")
    return "\n".join(lines).strip() + "\n"


def init_config(home: Path) -> Path:
    """Write a config.toml with the defaults and return its path. Raises `FileExistsError` where there is one."""
    file = home / FILE
    home.mkdir(parents=True, exist_ok=True)
    with changing(file):
        if file.exists():
            raise FileExistsError(
                say("{file} exists already and is left as it is; move it away to begin anew", file=file)
            )
        write_atomically(file, render_example())
    return file


def write_setting(home: Path, changes: Mapping[str, Any]) -> None:
    """Change keys, by dotted name, in config.toml and leave the rest of the file as it is, comments included.

    Begins with the example where there is no file. Changes made at once, by any process, are all kept. Raises
    `SettingsError` when what would be written is not valid, and `OSError`; the file is then unchanged.
    """
    file, nested = home / FILE, _nested(changes)
    home.mkdir(parents=True, exist_ok=True)
    with changing(file):
        wanted = _load(file, nested, {})
        text = _read(file) if file.exists() else render_example()
        changed = with_changes(text, dict(_leaves(nested)))
        if _load(None, parsed(changed), {}) != wanted:
            told = say(
                "{file} cannot be changed in its present form: set {keys} by hand", file=FILE, keys=listed(changes)
            )
            raise SettingsError([told])
        write_atomically(file, changed)


# --- reading


class _File(TomlConfigSettingsSource):
    """config.toml in any encoding that Notepad writes."""

    def _read_file(self, file_path: Path | Traversable) -> dict[str, Any]:
        return parsed(_read(Path(str(file_path))))


class _Environment(EnvSettingsSource):
    """The variables that were found to be settings."""

    def __init__(self, settings_cls: type[BaseSettings], variables: Mapping[str, str]) -> None:
        super().__init__(settings_cls, case_sensitive=False, env_prefix=_PREFIX, env_nested_delimiter="__")
        self.env_vars = {name.lower(): value for name, value in variables.items()}

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: object) -> object:
        try:
            return super().decode_complex_value(field_name, field, value)
        except (ValueError, RecursionError):
            return value  # the check of the whole names the key and shows the value


def _sources(file: Path | None, variables: Mapping[str, str]) -> type[BaseSettings]:
    """Settings that read this file and these variables: pydantic-settings fixes its sources by class."""

    class SettingsSources(Settings, BaseSettings):
        model_config = SettingsConfigDict(
            frozen=True, extra="forbid", case_sensitive=True, nested_model_default_partial_update=True
        )

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, _Environment(settings_cls, variables), _File(settings_cls, file)

    return SettingsSources


def _load(file: Path | None, options: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    ours = {name.upper(): value for name, value in environ.items() if name.upper().startswith(_PREFIX)}
    variables = {name: value for name, value in ours.items() if name in _VARIABLES}
    problems = [_unknown_variable(name) for name in ours if name not in _VARIABLES and name not in RESERVED]
    try:
        if file is not None and os.path.lexists(file) and not file.is_file():
            _read(file)  # names what it is; the source of settings would take it for a missing file
        loaded = _sources(file, variables)(**options)
    except ValidationError as error:
        keys = {_VARIABLES[name]: name for name in variables} | {key: _OPTION for key, _ in _leaves(options)}
        problems = [*_described(error, keys), *problems]
    except SettingsError as error:
        problems = [*error.problems, *problems]
    else:
        if not problems:
            return Settings(**{name: getattr(loaded, name) for name in Settings.model_fields})
    raise SettingsError(problems)


def _read(file: Path) -> str:
    """The file's text, valid as TOML. Raises `SettingsError`."""
    try:
        return mended(read_user_text(file, complete=True))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"{FILE}: {error}{_advice(str(error))}"]) from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, lists within lists
        raise SettingsError([f"{FILE}: {error}"]) from None
    except OSError as error:
        raise SettingsError([say("{path} cannot be read: {why}", path=file, why=error.strerror or error)]) from None
    except UserFileRefused as error:
        raise SettingsError([f"{file} {error}"]) from None


# --- what is wrong, in words


def _described(error: ValidationError, origins: Mapping[str, str]) -> list[str]:
    """One line for each key, however many things are wrong with it."""
    heads: dict[str, list[str]] = {}
    for detail in error.errors(include_url=False):
        key = _key_at(detail["loc"])
        origin = next((name for known, name in origins.items() if within(known, (key,))), FILE)
        value = detail["input"]
        unknown = detail["type"] == "extra_forbidden"
        shown = "" if isinstance(value, Mapping) else f" = {_shown(key, value)}"
        what = _unknown(key) if unknown else _what(key, detail["type"], detail["msg"], detail.get("ctx", {}))
        heads.setdefault(noted(f"{key}{shown}", say(origin)), []).append(what)
    return [say("{key}: {what}", key=head, what=say(" or ").join(whats)) for head, whats in heads.items()]


def _key_at(loc: tuple[int | str, ...]) -> str:
    """The dotted key of pydantic's path, without the branches of a union below it."""
    key = ""
    for part in loc:
        key = f"{key}.{part}" if key else str(part)
        if key in KEYS:
            break
    return key


_SHOULD = {
    "greater_than": mark("should be greater than {gt}"),
    "greater_than_equal": mark("should be greater than or equal to {ge}"),
    "less_than": mark("should be less than {lt}"),
    "less_than_equal": mark("should be less than or equal to {le}"),
    "literal_error": mark("should be {expected}"),
    "int_parsing": mark("should be a valid integer, unable to parse string as an integer"),
    "int_type": mark("should be a valid integer"),
    "int_from_float": mark("should be a valid integer, got a number with a fractional part"),
    "float_parsing": mark("should be a valid number, unable to parse string as a number"),
    "float_type": mark("should be a valid number"),
    "decimal_parsing": mark("should be a valid decimal"),
    "bool_parsing": mark("should be a valid boolean, unable to interpret input"),
    "bool_type": mark("should be a valid boolean"),
    "string_type": mark("should be a valid string"),
    "finite_number": mark("should be a finite number"),
}
"""pydantic's sentences by the kind of the error."""


def _what(key: str, kind: str, message: str, limits: Mapping[str, object]) -> str:
    if kind == "model_type":
        known = listed(known for known in KEYS if within(known, (key,)))
        return say("is a table with keys of its own: {keys}", keys=known)
    if kind == "tuple_type":
        return say("should be a list, such as {example}", example=as_toml(value_at(Settings(), key) or ("...",)))
    if kind in _SHOULD:
        told = {name: str(limit).replace(" or ", say(" or ")) for name, limit in limits.items()}
        return say(_SHOULD[kind], **told)
    return message.removeprefix("Value error, ").replace("Input should", "should")


def _unknown(key: str) -> str:
    if key.rpartition(".")[2] == "password":
        return say("a password is not kept in the settings: it is in the keyring, or in a ROTOR_...__PASSWORD variable")
    return say("unknown key; the nearest is {nearest}", nearest=nearest(key))


def _unknown_variable(name: str) -> str:
    key = name.removeprefix(_PREFIX).lower().replace("__", ".")
    inside = [known for known in KEYS if within(known, (key,))]
    if inside:
        example = variable_of(inside[0])
        return say("{name}: is a table; set its keys one by one, such as {example}", name=name, example=example)
    known = variable_of(nearest(key, KEYS))
    return say("{name}: unknown variable; the nearest is {nearest}", name=name, nearest=known)


def nearest(key: str, known: Sequence[str] | None = None) -> str:
    """The key most like this one: by its own name first, then by its table."""

    def likeness(other: str) -> float:
        (table, _, name), (other_table, _, other_name) = key.rpartition("."), other.rpartition(".")
        same = SequenceMatcher(None, table, other_table).ratio()
        return SequenceMatcher(None, name, other_name).ratio() + same / 4

    return max(known or (*KEYS, *_TABLES), key=likeness)


def _advice(syntax_error: str) -> str:
    path = "escape" in syntax_error.lower() or "hex value" in syntax_error
    return say("; write a Windows path between single quotes") if path else ""


def _shown(key: str, value: object) -> str:
    shown = masked(key, value)
    text = shown if shown is MASK else as_toml(shown)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"


# --- keys and values


def _fields(table: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every key below a table with its dotted name, tables before their keys."""
    for name, field in table.model_fields.items():
        yield prefix + name, field
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _fields(kind, f"{prefix}{name}.")


def _is_table(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def variable_of(key: str) -> str:
    """The environment variable that goes before a key."""
    return _PREFIX + key.upper().replace(".", "__")


def setting_fields() -> Iterator[tuple[str, FieldInfo]]:
    """Every setting by its dotted name, in the order of the file."""
    return ((key, field) for key, field in _fields(Settings) if not _is_table(field))


def keys_in_file(home: Path) -> tuple[str, ...]:
    """The keys that config.toml sets; none without a file. Raises `SettingsError`."""
    file = home / FILE
    if not file.is_file():
        return ()
    return tuple(key for key, _ in _leaves(parsed(_read(file))))


KEYS = tuple(key for key, _ in setting_fields())
"""The dotted name of every setting, in the order of the file."""

_TABLES = tuple(key for key, field in _fields(Settings) if _is_table(field))
_VARIABLES = {variable_of(key): key for key in KEYS}


def within(key: str, tables: Sequence[str]) -> bool:
    """Whether the key is one of these, or in one of these tables."""
    return any(key == table or key.startswith(f"{table}.") for table in tables)


def value_at(settings: BaseModel, key: str) -> object:
    """The value of a key by its dotted name."""
    return reduce(getattr, key.split("."), settings)


def with_values(settings: Settings, source: Settings, keys: Sequence[str]) -> Settings:
    """`settings` with the values that `source` has for these keys. Raises `ValidationError` where they contradict."""
    tree = settings.model_dump()
    for key in keys:
        *tables, name = key.split(".")
        reduce(lambda table, part: table[part], tables, tree)[name] = value_at(source, key)
    return Settings.model_validate(tree)


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """`{"buy.amount": 1}` as `{"buy": {"amount": 1}}`."""
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        *tables, name = key.split(".")
        reduce(lambda table, part: table.setdefault(part, {}), tables, tree)[name] = value
    return tree


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(cast("Mapping[str, Any]", value), f"{prefix}{name}.")
        else:
            yield prefix + name, value


# --- writing


def _rendered_table(table: BaseModel, prefix: str) -> list[str]:
    """The lines of a table: its own keys, then the tables below it."""
    lines: list[str] = []
    below: list[str] = []
    for name, field in type(table).model_fields.items():
        value: Any = getattr(table, name)
        if isinstance(value, BaseModel) and not _is_inline(value):
            below += ["", f"[{prefix}{name}]  # {' '.join((type(value).__doc__ or '').split())}"]
            below += _rendered_table(value, f"{prefix}{name}.")
        else:
            lines += [f"# {about(field)}", f"{name} = {as_toml(value)}"]
    return lines + below


def _is_inline(table: BaseModel) -> bool:
    """A table whose keys only make sense together stands on one line."""
    return all(field.is_required() for field in type(table).model_fields.values())


def about(field: FieldInfo) -> str:
    """What a key does, in one sentence, with the words that are allowed."""
    text = " ".join((field.description or "").split())
    if _is_table(field):
        inner = cast("type[BaseModel]", field.annotation).model_fields
        return f"{text} {' '.join(f'{name}: {part.description}' for name, part in inner.items())}"
    choices = [str(choice) for choice in get_args(field.annotation) if isinstance(choice, str)]
    if all(choice in text for choice in choices):
        return text
    return f"{text.rstrip('.')}: {' | '.join(choices)}."

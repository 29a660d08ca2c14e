"""What is shown in Chinese, and the Latin words in it that are no codes, names, units or keys."""

import re
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from functools import cache
from typing import Any

import click
from textual.pilot import Pilot

from core.i18n import say, use_language
from core.infra.config import about, setting_fields
from core.model.command import Done
from tests.tui.pictures import SCREENS, STATES, posed
from tests.tui.screen import LARGE, lines, press
from tests.tui.scripted import ScriptedLink
from tui.actions import actions_of
from tui.app import RotorApp
from tui.cli.main import main
from tui.cli.spoken import epilog_of, help_of

WORD = re.compile(r"[A-Za-z](?:/[A-Za-z])+|[A-Za-z]{2,}")

_NAMES = "rotor MiniQMT QMT xtquant akshare Apprise Python Windows Linux Excel systemd"
_CODES = "SH SZ CSV JSON UTF ASCII PEM SHA TLS SSL SMTP HTTP http https IP DNS ssh RDP SDK"
_UNITS = "AAA AA bp MB GB ms"
_KEYS = "enter esc tab ctrl Ctrl shift space pgup pgdn home end"
ALLOWED = frozenset(" ".join((_NAMES, _CODES, _UNITS, _KEYS)).split())
"""Words that are the same in Chinese, wherever they stand."""

_WHOLE = re.compile(
    r"(?:https?|socks5)://[\w./:-]*"  # an address
    r"|(?<!\w)(?:[\w-]+[/\\])*[\w-]+\.(?:toml|csv|json|log|txt|svg|gz|py)(?:\.gz)?\b"  # a file
    r"|(?<!\w)[A-Za-z_-]*\d[\w-]*"  # a code, such as r260506-0001, utf-8 or SHA256
    r"|(?<![\w.])(?:[A-Z]:\\|~?/)[\w./\\-]+"  # a path
    r"|\buserdata_mini\b|\bdata/export\b|\bWindows Terminal\b",
    re.ASCII,
)
"""What is one name, however many words its letters make."""

_TYPED = re.compile(
    r"(?<![\w-])--[a-z][a-z-]*"  # an option
    r"|\bROTOR_[A-Z_.]+\b|\$PROFILE\b|~/\.bashrc\b|\bPYTHONUTF8=1|\bLANG\b"
    r"|\bpython -m pip install xtquant\b|\bloginctl enable-linger\b|\brotor completion (?:bash|powershell)\b",
    re.ASCII,
)
"""What is typed to a shell."""

_MEANT: dict[str, str] = {
    'Examples:\n  rotor calendar update\n  rotor calendar update --file 2027.csv   a line "session", then one '
    "date a line, such as 2027-01-04": "session",
    "Examples:\n  rotor rehearse --top 10 --capital 1000000\n  rotor rehearse --from 2025-01-01 --json > report.json\n"
    "  rotor rehearse --panel my_panel.csv.gz --export out": "out",
    "Tell rotor the outcome of an order that the broker's list does not settle.\n\nORDER is `filled` (in full, at its "
    "limit) or `dead` (over, with the fills booked so far). Look at the account in MiniQMT first. If the broker's list "
    "shows the order, the list is used instead.": "ORDER filled dead",
    "Address that the engine pings while it works, as healthchecks.io gives one: the only alarm for a machine that is "
    "off. Empty for none.": "healthchecks io",
    'Columns that a table shows always or never, such as "positions.Age=never"; `c` on a screen writes them.': (
        "positions Age never"
    ),
    "The account's type in MiniQMT. Only STOCK (普通账户); margin accounts (CREDIT, 信用账户) are not supported.": (
        "STOCK CREDIT"
    ),
    "rotor trades stock accounts (STOCK, 普通账户) only: a margin account (CREDIT, 信用账户) or another type is not "
    "supported; leave STOCK, and set qmt.account to the number of a stock account": "STOCK CREDIT",
    "Proxy: none, system (the variables of the environment), or an address such as socks5://127.0.0.1:7890.": (
        "none system"
    ),
    "close or open": "close open",
    "this is not an Apprise address such as dingtalk://token": "dingtalk token",
    "a socks proxy needs the Python package socksio: install it, or change network.proxy": "socks socksio",
    "{where} has no code (neither kzz_code nor code)": "kzz code",
    "{where} names two bonds: kzz_code {first}, code {second}": "kzz code",
    "{where}: the trade_date {text} is not a date": "trade date",
    "{file} of factorcat.ca_file holds no certificate in PEM form: export it as Base64 (-----BEGIN CERTIFICATE-----)": (
        "BEGIN CERTIFICATE"
    ),
}
"""Words of one sentence: fields of the platform, and what a name in it is made of."""


@dataclass(frozen=True)
class Place:
    """Where a text stands, and what it may name there, always as a whole: `buy.amount_type`, `--json`."""

    keys: bool = False
    """Keys of settings, with their value after ` = `, and their tables in brackets."""
    values: bool = False
    """Keys without a dot, such as `mode`, and what a setting is chosen from."""
    typed: bool = False
    """Options, variables of the environment, values in quotes, and what else is typed to a shell."""


SCREEN = Place()
SETTINGS = Place(keys=True, values=True)
SENTENCE = Place(keys=True, typed=True)
"""A sentence of the catalogue, an error or the output of a command."""
OUTPUT = Place(keys=True, values=True, typed=True)
"""The output of a command about settings."""


@cache
def _keys() -> re.Pattern[str]:
    dotted = [key for key, _ in setting_fields() if "." in key]
    tables = {key.rpartition(".")[0] for key in dotted}
    return re.compile(
        rf"(?<![\w.])(?:{_any(dotted)})(?![\w.]*\w)(?: = (?:true|false|\"?[a-z_]+\"?))?|\[(?:{_any(tables)})\]",
        re.ASCII,
    )


@cache
def _values() -> re.Pattern[str]:
    keys = {key for key, _ in setting_fields() if "." not in key}
    return re.compile(rf"(?<![\w.])(?:{_any(keys | _choices())})(?![\w.])", re.ASCII)


@cache
def _quoted() -> re.Pattern[str]:
    return re.compile(rf"\"(?:{_any(_choices())})\"|\btrue[、 ]+(?:或 )?false\b", re.ASCII)


@cache
def _choices() -> frozenset[str]:
    found = {word for _, field in setting_fields() for word in _choices_of(str(field.annotation))}
    return frozenset(found | {"true", "false", "none", "system", "off"})


def _choices_of(annotation: str) -> list[str]:
    return re.findall(r"'([a-z][a-z_-]+)'", annotation)


@cache
def _commands() -> re.Pattern[str]:
    """`rotor plan`, also with an option before it, or with what an argument is chosen from behind it."""
    each = (" ".join(words) + _after(command) for words, command in commands_of(main) if words)
    return re.compile(
        rf"(?<![\w.])rotor (?:--[a-z]+ \S+ )*(?:{'|'.join(sorted(each, key=len, reverse=True))})(?![\w-])", re.ASCII
    )


def _after(command: click.Command) -> str:
    """A pattern of what may stand behind a command's name."""
    chosen = [one for param in command.params if isinstance(param, click.Argument) for one in _choice_of(param)]
    offered = [f"{param.opts[0]} {choice}" for param in command.params if param.opts for choice in _choice_of(param)]
    return rf"(?:[ |]+(?:{_any([*chosen, *offered])}))*" if chosen or offered else ""


def _choice_of(param: click.Parameter) -> list[str]:
    return [str(choice) for choice in param.type.choices] if isinstance(param.type, click.Choice) else []


def commands_of(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command and group that is shown, with its words after `rotor`."""
    yield words, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            if not below.hidden:
                yield from commands_of(below, (*words, name))


def _any(names: Iterable[str]) -> str:
    """A pattern of one of these, the longest first."""
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))


def latin_words(text: str, place: Place = SCREEN, *more: str) -> list[str]:
    """Words of `text` that a reader of Chinese would have to know English for; `more` are words that are meant."""
    patterns = [_commands(), _WHOLE]
    if place.typed:
        patterns = [_quoted(), _commands(), _TYPED, _WHOLE]
    if place.keys:
        patterns.insert(0, _keys())
    if place.values:
        patterns.insert(0, _values())
    for pattern in patterns:
        text = pattern.sub(" ", text)
    return sorted({word for word in WORD.findall(text) if word not in ALLOWED and word not in more})


def words_of_help(command: click.Command, shown: str) -> list[str]:
    """Latin words of a command's help, but for its own names and what is typed: its commands, options and choices."""
    typed = {word for param in command.params for word in _typed(param)}
    if isinstance(command, click.Group):
        # A list of commands has each at the beginning of its line.
        shown = re.sub(rf"^  (?:{_any(command.commands)})(?=\s)", " ", shown, flags=re.MULTILINE)
    meant = " ".join(_MEANT.get(text, "") for text in (help_of(command), epilog_of(command)))
    return latin_words(shown, SENTENCE, *typed, *meant.split())


def _typed(param: click.Parameter) -> Iterator[str]:
    if isinstance(param, click.Argument):
        yield from WORD.findall((param.name or "").upper())
    for choice in _choice_of(param):
        yield from WORD.findall(choice)


def words_of_translation(name: str, text: str) -> list[str]:
    """Latin words of a sentence of the catalogue; the description of a setting may name what it is chosen from."""
    bare = re.sub(r"{[^}]*}|%[.\d]*[a-z]", "", text)
    return latin_words(bare, SENTENCE, *_described().get(name, ()), *_MEANT.get(name, "").split())


@cache
def _described() -> dict[str, frozenset[str]]:
    """The words of each setting's values, by its description."""
    return {
        about(field): frozenset(word for choice in _choices_of(str(field.annotation)) for word in WORD.findall(choice))
        for _, field in setting_fields()
    }


def chinese(value: Any) -> Any:
    """The value with its sentences as a Chinese engine would have made them.

    A sentence of the catalogue stays: the screen that shows it has to translate it. A made-up one becomes Chinese.
    """
    if isinstance(value, Enum) or value is None:
        return value
    if isinstance(value, str):
        told = " " in value and WORD.search(value) and say(value) == value
        return type(value)("样本") if told else value
    if is_dataclass(value) and not isinstance(value, type):
        changes = {item.name: chinese(getattr(value, item.name)) for item in fields(value) if item.init}
        return replace(value, **changes)
    if isinstance(value, tuple):
        changed = [chinese(item) for item in value]
        return type(value)(*changed) if hasattr(value, "_fields") else tuple(changed)
    return value


def _in_chinese(link: ScriptedLink) -> None:
    """The script's answers as a Chinese engine would give them."""

    def told(answer: Any) -> Callable[[Any], Any]:
        def reply(command: Any) -> Any:
            found = answer(command) if callable(answer) else answer
            return Done(chinese(found.value)) if isinstance(found, Done) else chinese(found)

        return reply

    link.replies = {kind: answer if answer is None else told(answer) for kind, answer in link.replies.items()}


@asynccontextmanager
async def opened(state: str, size: tuple[int, int] = LARGE) -> AsyncGenerator[tuple[RotorApp, Pilot[None]]]:
    """The app in Chinese, in this state, with an engine that speaks Chinese."""
    posing = STATES[state]

    def answers(link: ScriptedLink) -> None:
        posing.answers(link)
        _in_chinese(link)

    use_language("zh")
    told = replace(posing, snapshot=lambda: chinese(posing.snapshot()), answers=answers)
    async with posed("zh", size, told) as (app, pilot):
        yield app, pilot


def place_of(screen: str) -> Place:
    return SETTINGS if screen == "settings" else SCREEN


async def words_of_screens(state: str, size: tuple[int, int]) -> dict[str, list[str]]:
    """Latin words of every screen in a state, by the screen; those without any are left out."""
    found: dict[str, list[str]] = {}
    async with opened(state, size) as (app, pilot):
        for screen, keys in SCREENS.items():
            # Without a list there is no row to open.
            await press(pilot, *(keys if state in ("normal", "stale") or screen != "strategies" else keys[:1]))
            found[screen] = latin_words("\n".join(lines(app)), place_of(screen))
    return {screen: words for screen, words in found.items() if words}


async def words_of_actions(pane: str) -> dict[str, list[str]]:
    """Latin words of what each action of a screen, or of the whole app, shows, by the action; one app for all."""
    found: dict[str, list[str]] = {}
    screen = pane if pane in SCREENS else "positions"
    async with opened("normal") as (app, pilot):
        for action in actions_of(pane):
            await press(pilot, *SCREENS[screen], action.key.split(",")[0])
            assert app.is_running, f"{action.id} ended the app"
            found[action.id] = latin_words("\n".join(lines(app)), place_of(screen))
            await _back(app, pilot)
    return {action: words for action, words in found.items() if words}


async def _back(app: RotorApp, pilot: Pilot[None]) -> None:
    """Close what the action opened: dialogs, then a filter or a level of the lists."""
    while len(app.screen_stack) > 1:
        deep = len(app.screen_stack)
        await press(pilot, "escape")
        assert len(app.screen_stack) < deep, "esc does not close the dialog"
    await press(pilot, "escape", "escape")

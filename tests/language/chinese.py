"""What is shown in Chinese, and the Latin words in it that are no codes, names, units or keys."""

import re
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any

import click
from textual.pilot import Pilot

from core.i18n import say, use_language
from core.infra.config import setting_fields
from core.model.command import Done
from core.sandbox.dialects import Dialect
from tests.tui.pictures import SCREENS, STATES, posed
from tests.tui.screen import LARGE, lines, press
from tests.tui.scripted import ScriptedLink
from tui.actions import Action, actions_of
from tui.app import RotorApp
from tui.cli.main import main

WORD = re.compile(r"[A-Za-z]{2,}")

_NAMES = """
rotor MiniQMT QMT xtquant akshare Apprise Python Windows Linux PowerShell systemd loginctl Excel Terminal Code
Jisilu Tencent Sina healthchecks io dingtalk token
"""
_CODES = """
SH SZ CNY AA CSV JSON UTF GBK ASCII PEM SHA TLS SMTP HTTP http https IP DNS ssh RDP URL PID pid IPC SDK SL TP ETA ID id
Base BEGIN END CERTIFICATE STOCK CREDIT LOF ETF PYTHONUTF LANG TERM
"""
_UNITS = "AAA AA bp MB GB KB min ms bit"
_KEYS = "enter esc tab ctrl shift space pgup pgdn home end Ctrl backspace delete up down left right"
_FILES = """
config toml csv log logs json data export bonds userdata mini userdata_mini svg txt gz py bashrc PROFILE
"""
_FIELDS = "host port hc ping ca_file ca sha username code kzz trade_date trade date timingOption"
_VALUES = "none system open close never always positions Age socks socksio my panel utf sig"
_COMMANDS = "pip install python linger enable yinzimao api com"
ALLOWED = frozenset(" ".join((_NAMES, _CODES, _UNITS, _KEYS, _FILES, _FIELDS, _VALUES, _COMMANDS)).split())
"""Words that are the same in Chinese."""


def setting_words() -> frozenset[str]:
    """The parts of the keys of settings, and the values that are chosen from."""
    keys = {part for key, _ in setting_fields() for part in re.split(r"[._]", key)}
    choices = {word for _, field in setting_fields() for word in WORD.findall(str(field.annotation))}
    return frozenset(keys | choices | {"ROTOR", "HOME", "FACTORCAT", "PASSWORD", "true", "false"})


def command_words(command: click.Command = main) -> frozenset[str]:
    """Names of commands and options, and what an option chooses from."""
    words = {*WORD.findall(command.name or "")}
    for param in command.params:
        words |= {
            word for name in (*param.opts, *param.secondary_opts, param.name or "") for word in WORD.findall(name)
        }
        words |= set(WORD.findall(param.name or "")) | set(WORD.findall((param.name or "").upper()))
        if isinstance(param.type, click.Choice):
            words |= {word for choice in param.type.choices for word in WORD.findall(str(choice))}
    if isinstance(command, click.Group):
        for below in command.commands.values():
            words |= command_words(below)
    return frozenset(words)


def latin_words(text: str, *more: str) -> list[str]:
    """Words of `text` that a reader of Chinese would have to know English for."""
    known = ALLOWED | _OTHERS | set(more)
    # Codes such as r260506-0001 and addresses are read as one.
    text = re.sub(r"(?:https?|socks5)://\S+|\b\w*\d[\w-]*|(?:/|~/|[A-Z]:\\)[\w./\\-]+|--[a-z-]+", " ", text)
    return sorted({word for word in WORD.findall(text) if word not in known})


_OTHERS = setting_words() | command_words() | {str(dialect) for dialect in Dialect}


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


async def words_of_screen(state: str, screen: str, size: tuple[int, int] = LARGE) -> list[str]:
    """Latin words of a screen in a state."""
    async with opened(state, size) as (app, pilot):
        keys = SCREENS[screen]
        await press(pilot, *(keys if state in ("normal", "stale") or screen != "strategies" else keys[:1]))
        return latin_words("\n".join(lines(app)))


async def words_of_actions(screen: str) -> dict[str, list[str]]:
    """Latin words of what each action of a screen shows, by the action's id."""
    found: dict[str, list[str]] = {}
    for action in actions_of(screen):
        async with opened("normal") as (app, pilot):
            await press(pilot, *SCREENS[screen], *_keys_of(action))
            found[action.id] = latin_words("\n".join(lines(app)))
    return found


def _keys_of(action: Action) -> Iterable[str]:
    return (action.key.split(",")[0],)

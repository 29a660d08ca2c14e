"""Settings through the engine: read with sources, checked while typed, written with comments kept; passwords."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keyring
import pytest
from pydantic import SecretStr

from core.engine.current_settings import CurrentSettings
from core.engine.settings_commands import SettingsCommands, SettingsRefused
from core.i18n import language, use_language
from core.infra.config import load_settings, render_example
from core.infra.credentials import TOKEN, Credentials, SecretRefused
from core.infra.credentials_file import CredentialsFile
from core.infra.home import Home
from core.model.command import (
    ChangeSetting,
    CheckSetting,
    ForgetSecret,
    ReadSettings,
    StoreSecret,
    TryLogin,
    TryNotify,
    TryQmt,
)
from core.model.settings import Settings
from core.model.settings_rows import SettingRow, SettingsTable
from tests.infra.keyrings import MemoryKeyring


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.prepare()
    return home


@pytest.fixture
def ring() -> Iterator[MemoryKeyring]:
    before, ring = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


def settings_commands(home: Home, settings: Settings | None = None) -> tuple[SettingsCommands, Any, list[str]]:
    """The settings commands with the part of the engine they need: the settings in force."""
    used = settings or load_settings(home.path, environ={})
    rotation = SimpleNamespace(executing=None)
    components: Any = SimpleNamespace(
        settings=used,
        rotation=rotation,
        clock=None,
        feed=None,
        followed_record=SimpleNamespace(wanted=False),
        platform=SimpleNamespace(user=None),
        settings_users=tuple,
    )
    user: Any = SimpleNamespace(use_settings=lambda settings: setattr(components, "settings", settings))
    told: list[str] = []
    credentials = Credentials(CredentialsFile(home.credentials_file))
    notifier: Any = SimpleNamespace(reload_receivers=lambda: told.append("reload"))
    current = CurrentSettings(components, [user])
    return SettingsCommands(components, current, home, credentials, notifier), components, told


async def rows_of(commands: SettingsCommands) -> dict[str, SettingRow]:
    read: SettingsTable = await commands.read(ReadSettings())
    return {row.key: row for row in read.rows}


async def test_each_setting_has_its_value_source_and_description(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.config_file.write_text('[buy]\namount = 20000\n[notify]\nurls = ["tgram://a/b"]\n', encoding="utf-8")
    monkeypatch.setenv("ROTOR_ORDERS__TIMEOUT", "45")
    commands, _, _ = settings_commands(home)
    rows = await rows_of(commands)
    amount, timeout, mode, urls = (rows[key] for key in ("buy.amount", "orders.timeout", "mode", "notify.urls"))
    assert (amount.value, amount.default, amount.source, amount.group) == ("20000", "10000.0", "file", "buy")
    assert (timeout.value, timeout.in_use, timeout.source, timeout.pending) == ("45", "30", "environment", True)
    assert (mode.kind, mode.choices, mode.source) == ("choice", ("sandbox", "paper", "live"), "default")
    assert (urls.value, urls.hidden) == ("***", True)
    assert rows["stops.enabled"].kind == "switch"
    assert all(row.about for row in rows.values())
    assert rows["screen.theme"].at_once


@pytest.mark.parametrize(
    ("key", "text", "problem"),
    [
        ("buy.amount", "20000", ""),
        ("buy.amount", "-1", "greater than"),
        ("buy.amount", "much", "valid"),
        ("schedule.time", "12:00", "outside the trading hours"),
        ("schedule.time", "14:40", ""),
        ("stops.stop_loss", "strategy", ""),
        ("stops.stop_loss", "0.08", ""),
        ("stops.stop_loss", "8%", "should"),
        ("qmt.session_ids", "[100, 105]", ""),
        ("qmt.session_ids", "100", "list"),
        ("factorcat.username", "true", ""),
        ("fees.sh.rate", "0.2", "less than"),
        ("no.such", "1", "There is no setting no.such; the nearest is"),
    ],
)
async def test_typed_values_are_checked_by_the_settings_validators(
    home: Home, key: str, text: str, problem: str
) -> None:
    commands, _, _ = settings_commands(home)
    said = await commands.check(CheckSetting(key, text))
    assert (problem in said) if problem else said == ""
    assert not home.config_file.exists()


async def test_a_change_keeps_every_comment_and_takes_effect(home: Home) -> None:
    home.config_file.write_text(render_example(), encoding="utf-8")
    commands, components, _ = settings_commands(home)
    assert "in use" in await commands.change(ChangeSetting("buy.amount", "20000"))
    text = home.config_file.read_text("utf-8")
    assert text == render_example().replace("amount = 10000.0", "amount = 20000")
    row = (await rows_of(commands))["buy.amount"]
    assert (row.value, row.in_use, row.pending) == ("20000", "20000", False)
    assert components.settings.buy.amount == 20000


async def test_a_change_that_needs_a_restart_does_not_affect_the_running_engine(home: Home) -> None:
    commands, components, _ = settings_commands(home)
    assert "after a restart" in await commands.change(ChangeSetting("qmt.account", "8880001"))
    assert components.settings.qmt.account == ""
    row = (await rows_of(commands))["qmt.account"]
    assert (row.value, row.in_use, row.pending, row.at_once) == ("8880001", "", True, False)


async def test_plan_settings_wait_for_the_end_of_the_rebalance_and_stop_settings_do_not(home: Home) -> None:
    commands, components, _ = settings_commands(home)
    components.rotation.executing = "260515-abcdef"
    assert "rebalance has ended" in await commands.change(ChangeSetting("buy.amount", "20000"))
    assert "in use" in await commands.change(ChangeSetting("stops.stop_loss", "0.05"))
    assert (components.settings.buy.amount, str(components.settings.stops.stop_loss)) == (10000, "0.05")
    components.rotation.executing = None
    await commands._current.apply()  # pyright: ignore[reportPrivateUsage]
    assert components.settings.buy.amount == 20000


async def test_a_setting_that_contradicts_those_in_force_waits_for_the_restart(home: Home) -> None:
    """Another process raised a limit in the file; the one in force would block every order."""
    home.config_file.write_text("[guards]\nmax_price_distance = 0.1\n", encoding="utf-8")
    commands, components, _ = settings_commands(home, Settings())
    assert "in use" in await commands.change(ChangeSetting("orders.type", "market"))
    assert "after a restart" in await commands.change(ChangeSetting("orders.slippage", "0.05"))
    assert components.settings.orders.slippage == Settings().orders.slippage


async def test_an_invalid_value_is_not_written(home: Home) -> None:
    home.config_file.write_text(render_example(), encoding="utf-8")
    commands, _, _ = settings_commands(home)
    with pytest.raises(SettingsRefused, match="greater than"):
        await commands.change(ChangeSetting("buy.amount", "-5"))
    assert home.config_file.read_text("utf-8") == render_example()


async def test_language_and_theme_take_effect_at_once(home: Home) -> None:
    commands, components, _ = settings_commands(home)
    try:
        assert "in use" in await commands.change(ChangeSetting("screen.theme", "light"))
        await commands.change(ChangeSetting("language", "zh"))
        assert (components.settings.screen.theme, components.settings.language, language()) == ("light", "zh", "zh")
    finally:
        use_language("en")


async def test_a_password_is_stored_only_in_the_keyring(
    home: Home, ring: MemoryKeyring, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ROTOR_FACTORCAT__PASSWORD", raising=False)
    caplog.set_level(logging.DEBUG)
    commands, _, _ = settings_commands(home)
    with pytest.raises(SecretRefused, match=r"factorcat\.username first"):
        await commands.store(StoreSecret("factorcat", "open sesame"))
    await commands.change(ChangeSetting("factorcat.username", "trader"))
    await commands.store(StoreSecret("factorcat", "open sesame"))
    assert ring.kept == {("rotor", "factorcat:trader@api.yinzimao.com:8003"): "open sesame"}
    read: SettingsTable = await commands.read(ReadSettings())
    assert [(row.name, row.stored, row.source) for row in read.secrets] == [
        ("factorcat", True, "keyring"),
        ("email", False, ""),
        ("push", False, ""),
    ]
    assert "notify.email.sender first" in read.secrets[1].trouble
    everything = (
        home.config_file.read_text("utf-8") + caplog.text + repr(read) + repr(StoreSecret("email", "open sesame"))
    )
    assert "open sesame" not in everything
    Credentials(CredentialsFile(home.credentials_file)).keep("trader", SecretStr("a token"), TOKEN)
    await commands.forget(ForgetSecret("factorcat"))
    assert ring.kept == {}


async def test_push_addresses_are_checked_before_they_are_stored(home: Home, ring: MemoryKeyring) -> None:
    commands, _, _ = settings_commands(home)
    with pytest.raises(SettingsRefused, match="Apprise has no service nonsense://"):
        await commands.store(StoreSecret("push", "json://127.0.0.1:1/ nonsense://token"))
    assert ring.kept == {}
    stored = await commands.store(StoreSecret("push", "json://127.0.0.1:1/ dingtalk://0123456789abcdef"))
    assert stored.trouble == ""
    assert list(ring.kept) == [("rotor", "push:addresses")]


async def test_a_command_that_cannot_work_names_the_remedy(home: Home, tmp_path: Path) -> None:
    commands, _, _ = settings_commands(home)
    with pytest.raises(SettingsRefused, match="No receiver is set"):
        await commands.test_notify(TryNotify())
    with pytest.raises(SettingsRefused, match="nothing to log in to"):
        await commands.test_login(TryLogin())
    with pytest.raises(SettingsRefused, match=r"no such folder|Windows only"):
        await commands.test_qmt(TryQmt())


async def test_simultaneous_changes_do_not_undo_each_other(home: Home) -> None:
    home.config_file.write_text(render_example(), encoding="utf-8")
    commands, _, _ = settings_commands(home)
    changes = {"buy.amount": "20000", "orders.timeout": "45", "stops.basis": "both", "orders.reprices": "1"}
    await asyncio.gather(*(commands.change(ChangeSetting(key, text)) for key, text in changes.items()))
    written = load_settings(home.path, environ={})
    assert (written.buy.amount, written.orders.timeout, written.orders.reprices) == (20000, 45, 1)
    assert written.stops.basis == "both"

"""Settings: every key with its value, where that comes from and what it does; passwords; and what can be tried out."""

from collections.abc import Callable, Coroutine
from functools import partial
from itertools import groupby
from typing import Any, ClassVar

from textual import on
from textual.binding import BindingType
from textual.widget import Widget

from core.i18n import labelled, mark, say, say_many
from core.model.command import (
    ChangeSetting,
    Command,
    Done,
    ForgetSecret,
    ReadSettings,
    StoreSecret,
    TryLogin,
    TryNotify,
    TryQmt,
)
from core.model.setting_names import TABS, SettingTab, tab_of
from core.model.settings_rows import SecretRow, SettingRow, SettingsTable
from tui.actions import bindings_of
from tui.screens.dialogs import ChoiceDialog, Confirm, Fact
from tui.screens.login import PassphraseDialog, offer_credentials_file
from tui.screens.pane import ListPane
from tui.screens.setting_tabs import SettingTabs
from tui.screens.settings_dialogs import SecretEdit, SettingEdit, name_of, show_checkup
from tui.screens.settings_text import (
    SECRETS,
    secret_detail,
    secret_row,
    setting_detail,
    setting_figures,
    setting_row,
    with_percentage,
)
from tui.widgets.columns import Column, TableRow, heading
from tui.widgets.theme import Tone, styled

_COLUMNS = (
    Column(mark("Setting"), 16, most=32),
    Column(mark("Set to"), 10, most=36),
    Column(mark("Unit"), 4, most=12, rank=2),
    Column(mark("Key"), 18, most=34, rank=1),
    Column(mark("From"), 4, most=12, rank=4),
    Column(mark("What it does"), 24, flex=True, rank=3),
)
_TABLES = {
    "factorcat": mark("Factor Cat"),
    "qmt": mark("MiniQMT"),
    "strategy": mark("Strategy"),
    "buy": mark("Buying"),
    "orders": mark("Orders"),
    "fees.sh": mark("Fees, Shanghai"),
    "fees.sz": mark("Fees, Shenzhen"),
    "notify": mark("Push and heartbeat"),
    "notify.events": mark("What is sent, and from which level"),
    "notify.email": mark("Mail"),
    "quotes": mark("Quotes"),
    "network": mark("Network"),
    "storage": mark("Storage"),
    "updates": mark("New versions"),
    "screen": mark("Looks"),
}
_SECRET_GROUPS = {"factorcat": "factorcat", "email": "notify.email", "push": "notify"}
_TRIALS: tuple[tuple[str, str, type[Command[str]]], ...] = (
    ("1", mark("MiniQMT: the SDK and the folder qmt.userdata"), TryQmt),
    ("2", mark("Mail and push: send a test to every receiver"), TryNotify),
    ("3", mark("Factor Cat: log in with the stored password"), TryLogin),
)

_AT_ONCE = mark("at once, or when a running rebalance ends")
_AFTER_RESTART = mark("after a restart; what runs now is not changed")


class SettingsPane(ListPane):
    """What the file, the environment and the defaults come to, in one list; the tabs are places in it."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("settings")

    def __init__(self) -> None:
        self._tabs = SettingTabs()
        super().__init__("settings", mark("Settings"), _COLUMNS, mark("name, key, value or what it does"))
        self._tab_of: dict[str, str] = {}
        """The tab of a row, by their keys."""
        self._firsts: dict[str, str] = {}
        """The first row of a tab."""
        self._read: SettingsTable | None = None
        self._settings: dict[str, SettingRow] = {}
        self._secrets: dict[str, SecretRow] = {}
        self._busy = False

    def in_panel(self) -> tuple[Widget, ...]:
        return self.summary, self._tabs, *super().in_panel()[1:]

    def activated(self) -> None:
        self._load_settings()

    def action_next_tab(self) -> None:
        self._step_tab(1)

    def action_previous_tab(self) -> None:
        self._step_tab(-1)

    def _step_tab(self, step: int) -> None:
        tabs = list(self._firsts)
        if tabs:
            self._go_to_tab(tabs[(tabs.index(self._tabs.current) + step) % len(tabs)])

    @on(SettingTabs.TabPicked)
    def _tab_picked(self, message: SettingTabs.TabPicked) -> None:
        self._go_to_tab(message.tab)

    def _go_to_tab(self, tab: str) -> None:
        if self.search.close():
            self._refilter()
            self.table.focus()
        if tab in self._firsts:
            self.table.bring_up(self._firsts[tab])

    def row_shown(self) -> None:
        """The tab is the one of the row under the cursor."""
        if (tab := self._tab_of.get(self.table.cursor_key or "")) is not None:
            self._tabs.show(tab)

    def why_not(self, action: str) -> str:
        if action in ("open", "default", "try", "forget", "checkup") and self._busy:
            return say("Another action is still running here: wait until it ends.")
        key = self.table.cursor_key
        if action == "open" and key is None:
            return say("There is no setting here.")
        if action == "forget" and key not in self._secrets:
            return say("Only passwords can be deleted: select one.")
        if action == "forget" and key is not None and not self._secrets[key].stored:
            return say("No password is stored here.")
        setting = self._settings.get(key or "")
        if action == "default" and (setting is None or setting.value == setting.default):
            return say("This is the default already.") if setting else say("Only settings have a default.")
        return ""

    def action_open(self) -> None:
        key = self.table.cursor_key or ""
        if key in self._secrets:
            self._run(partial(self._set_secret, self._secrets[key]))
        elif key in self._settings:
            self._run(partial(self._edit, self._settings[key]))

    def action_default(self) -> None:
        setting = self._settings[self.table.cursor_key or ""]
        self._run(partial(self._change, setting, setting.default))

    def action_forget(self) -> None:
        self._run(partial(self._forget, self._secrets[self.table.cursor_key or ""]))

    def action_try(self) -> None:
        self._run(self._try)

    def action_checkup(self) -> None:
        self._run(partial(show_checkup, self.host, self.app))

    def action_reload(self) -> None:
        self._load_settings()

    def _run(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._busy = True
        self.start(partial(self._what_ends, work), "change")

    async def _what_ends(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await work()
        finally:
            self._busy = False
            self.host.refresh_keys()

    async def _edit(self, setting: SettingRow) -> None:
        if setting.kind == "switch":
            await self._change(setting, "false" if setting.value == "true" else "true")
            return
        if setting.kind == "choice":
            choices = [(str(number), choice) for number, choice in enumerate(setting.choices, 1)]
            rows: list[Fact] = [(say("Now"), setting.value, Tone.STRONG), (say("Default"), setting.default, Tone.TEXT)]
            answer = await self.host.push_screen_wait(
                ChoiceDialog(name_of(setting.key), rows, say(setting.about), choices, calm=True)
            )
            text = dict(choices).get(answer)
        else:
            text = await self.host.push_screen_wait(SettingEdit(self.host, setting))
        if text is not None and text != setting.value:
            await self._change(setting, text)

    async def _change(self, setting: SettingRow, text: str) -> None:
        if setting.money and not await self.host.push_screen_wait(_question(setting, text)):
            return
        await self._send(ChangeSetting(setting.key, text), say("{key} was not changed", key=setting.key))
        if setting.source == "environment":
            told = say(
                "An environment variable takes precedence over the file: {key} does not change until it is removed.",
                key=setting.key,
            )
            self.host.show_message(told)
        await self._fetch()

    async def _set_secret(self, row: SecretRow) -> None:
        if self._read is not None and self._read.locked:
            await self.host.push_screen_wait(PassphraseDialog(self.host, fresh=False))
        typed = await self.host.push_screen_wait(SecretEdit(say(SECRETS[row.name])))
        if not typed:
            return
        reply = await self.host.ask(StoreSecret(row.name, typed))
        if isinstance(reply, Done):
            self.host.show_message(reply.value.text)
            if reply.value.trouble:
                await offer_credentials_file(self.host, reply.value.trouble)
        else:
            self.host.show_message(labelled(say("The password was not stored"), reply.text), failed=True)
        await self._fetch()

    async def _forget(self, row: SecretRow) -> None:
        question = Confirm(
            say("Delete a password"),
            [(say("Password"), say(SECRETS[row.name]), Tone.STRONG)],
            say("Delete it from where it is stored?"),
            say("Yes, delete it"),
        )
        if await self.host.push_screen_wait(question):
            await self._send(ForgetSecret(row.name), say("The password was not deleted"))
            await self._fetch()

    async def _try(self) -> None:
        choices = [(key, say(text)) for key, text, _ in _TRIALS]
        question = say("What do you want to test with the saved settings?")
        answer = await self.host.push_screen_wait(ChoiceDialog(say("Try it out"), [], question, choices, calm=True))
        trial = next((command for key, _, command in _TRIALS if key == answer), None)
        if trial is not None:
            self.host.show_message(say("Testing: this may take some seconds."))
            await self._send(trial(), say("It does not work"))

    async def _send(self, command: Command[str], failed: str) -> None:
        reply = await self.host.ask(command)
        if isinstance(reply, Done):
            self.host.show_message(reply.value)
        else:
            self.host.show_message(labelled(failed, reply.text), failed=True)

    def _load_settings(self) -> None:
        if self._read is None:
            self.table.set_notice(say("Reading the settings."))
        self.start(self._fetch, "read")

    async def _fetch(self) -> None:
        reply = await self.host.ask(ReadSettings())
        if isinstance(reply, Done):
            self._show_settings(reply.value)
        else:
            self._read, self._settings, self._secrets = None, {}, {}
            self.summary.set_text("")
            self.show_unknown(say("The settings cannot be shown: {reason}", reason=reply.text))
        self.host.refresh_keys()

    def refresh_all(self) -> None:
        super().refresh_all()
        if self._read is not None:
            self._show_settings(self._read)

    def _show_settings(self, read: SettingsTable) -> None:
        self._read = read
        self._settings = {setting.key: setting for setting in read.rows}
        self._secrets = {f"secret-{secret.name}": secret for secret in read.secrets}
        waiting = sum(setting.needs_restart for setting in read.rows)
        restart = say_many("{count} change needs a restart", "{count} changes need a restart", waiting)
        self.summary.set_text(
            styled(
                (say("Settings"), Tone.TITLE),
                (f"  {read.file}", Tone.DIM),
                (f"   {restart}" if waiting else "", Tone.WARN),
            )
        )
        sections = _sections(read)
        self._tab_of = {row.key: tab for tab, rows in sections.items() for row in rows}
        self._firsts = {tab: next(row.key for row in rows if not row.heading) for tab, rows in sections.items() if rows}
        self.set_rows([row for rows in sections.values() for row in rows], "")

    def update_detail(self) -> None:
        key = self.table.cursor_key or ""
        if key in self._settings:
            setting = self._settings[key]
            self.detail.set_text(setting_figures(setting) if self.beside else setting_detail(setting))
        elif key in self._secrets:
            self.detail.set_text(secret_detail(self._secrets[key]))


def _sections(read: SettingsTable) -> dict[str, list[TableRow]]:
    """The rows by their tab, those of each table below a heading."""
    sections: dict[str, list[TableRow]] = {tab.id: [] for tab in TABS}
    for group, of_group in groupby(read.rows, key=lambda setting: setting.group):
        for tab, settings in groupby(of_group, key=lambda setting: tab_of(setting.key)):
            rows = sections[tab.id]
            rows += [heading(f"{tab.id}-{group}", f" {_title(tab, group)}"), *map(setting_row, settings)]
            rows += [secret_row(row) for row in read.secrets if _SECRET_GROUPS[row.name] == group]
    return sections


def _title(tab: SettingTab, group: str) -> str:
    """The tab, and the table where it is not the whole tab."""
    title, table = say(tab.title), say(_TABLES.get(group, ""))
    return title if table in ("", title) else f"{title} / {table}"


def _question(setting: SettingRow, text: str) -> Confirm:
    rows: list[Fact] = [
        (say("Setting"), f"{name_of(setting.key)} ({setting.key})", Tone.STRONG),
        (say("Now"), setting.value or say("(empty)"), Tone.TEXT),
        (say("Then", context="value"), with_percentage(setting, text) or say("(empty)"), Tone.WARN),
        (say("From", context="time"), say(_AT_ONCE if setting.at_once else _AFTER_RESTART), Tone.TEXT),
    ]
    if setting.key == "mode" and text == "live":
        needs = say("real money: the first order needs your consent and a passed self-test")
        rows.append((say("Live"), needs, Tone.BAD))
    return Confirm(
        say("Change a setting"), rows, say("This may change what is bought and sold. Write it?"), say("Yes, write it")
    )

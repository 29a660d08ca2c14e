"""What the palette finds: screens, actions, bonds, orders, strategies, settings, themes and languages."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from functools import partial
from typing import Any, Protocol

from textual.screen import Screen

from core.i18n import joined, mark, say
from core.model.bond import BondCode
from core.model.command import ChangeSetting, Done, Failed, ListStrategies, ShowRecord
from core.model.known import Known
from core.model.setting_names import NAMES, tab_of
from core.model.snapshot import Snapshot
from tui import format as fmt
from tui.actions import ACTIONS, PANES, Action
from tui.appearance import Appearance
from tui.screens.bond import BondDialog
from tui.screens.palette import Palette, PaletteEntry
from tui.screens.pane import Pane, PaneHost
from tui.widgets.paged_list import SearchLine
from tui.widgets.table import LiveTable
from tui.widgets.theme import THEMES

_SCREENS, _ACTIONS, _BONDS, _ORDERS = mark("Screens"), mark("Actions"), mark("Bonds", context="palette"), mark("Orders")
_STRATEGIES, _SETTINGS, _THEMES, _LANGUAGES = mark("Strategies"), mark("Settings"), mark("Themes"), mark("Languages")
_LANGUAGE_NAMES = {"en": "English", "zh": "简体中文", "auto": mark("as the system")}
_KEPT = 20
"""Entries that were used last and are remembered."""
_PAGE = 50
"""Strategies that are asked for."""
_POLL, _LONGEST = 0.05, 5.0
"""Seconds between two looks whether a screen has loaded a row, and after which it is not waited for."""


class PaletteHost(PaneHost, Protocol):
    """What the palette needs of the app."""

    appearance: Appearance

    @property
    def pane(self) -> Pane:
        """The screen that is open."""
        ...

    def push_screen(self, screen: Screen[Any], callback: Callable[[Any], None] | None = None) -> object: ...

    def run_worker(
        self, work: Callable[[], Coroutine[Any, Any, None]], *, group: str, exclusive: bool, exit_on_error: bool
    ) -> object: ...

    async def action_goto(self, pane: str) -> None: ...

    def run_action_of(self, action: Action) -> Awaitable[object]: ...


class PaletteController:
    """Opens the palette and does what was chosen in it."""

    def __init__(self, app: PaletteHost) -> None:
        self._app = app
        self._recent: list[str] = []
        self._strategies: tuple[tuple[int, str], ...] = ()
        self._listed: dict[BondCode, str] = {}

    def open(self) -> None:
        palette = Palette(list(self._entries()), self._recent, partial(self._app.appearance.preview, None))
        self._app.push_screen(palette, self._chosen)
        self._app.run_worker(partial(self._load, palette), group="palette", exclusive=True, exit_on_error=False)

    def _chosen(self, entry: PaletteEntry | None) -> None:
        if entry is not None:
            self._recent[:] = [entry.key, *(key for key in self._recent if key != entry.key)][:_KEPT]
            self._app.run_worker(partial(self._do, entry), group="palette", exclusive=True, exit_on_error=False)

    @staticmethod
    async def _do(entry: PaletteEntry) -> None:
        waited = entry.run()
        if waited is not None:
            await waited

    # -- what there is ---------------------------------------------------------------------------------------------

    def _entries(self) -> Iterator[PaletteEntry]:
        yield from self._screens()
        yield from self._actions()
        if self._app.snapshot is not None:
            yield from self._bonds(self._app.snapshot)
            yield from self._orders(self._app.snapshot)
        yield from self._strategy_entries()
        yield from self._settings()
        yield from self._looks()

    def _screens(self) -> Iterator[PaletteEntry]:
        for pane in PANES:
            go = say("Go to {title} ({key})", title=say(pane.title), key=pane.key)
            yield PaletteEntry(
                f"go.{pane.id}", _SCREENS, say(pane.title), go, partial(self._app.action_goto, pane.id), (pane.title,)
            )

    def _actions(self) -> Iterator[PaletteEntry]:
        """Those of the screen that is open first."""
        here = self._app.pane.id
        titles = {pane.id: say(pane.title) for pane in PANES}
        for action in sorted(ACTIONS, key=lambda action: action.pane != here):
            if action.name in ("palette", "back") or (action.name == "open" and action.pane != here):
                continue
            label = say(action.label)
            name = (
                label if action.pane not in titles else say("{pane}: {action}", pane=titles[action.pane], action=label)
            )
            about = say("{help} ({key})", help=say(action.help), key=action.key_text)
            yield PaletteEntry(
                f"do.{action.id}", _ACTIONS, name, about, partial(self._act, action), (action.label, label)
            )

    def _bonds(self, snapshot: Snapshot) -> Iterator[PaletteEntry]:
        for code, (name, where) in _bonds_of(snapshot, self._listed).items():
            yield PaletteEntry(
                f"bond.{code}", _BONDS, f"{code} {name}", where, partial(self._open_bond, code, name), (name,), True
            )

    def _orders(self, snapshot: Snapshot) -> Iterator[PaletteEntry]:
        for order in sorted(snapshot.orders, key=lambda order: order.created_at, reverse=True):
            intent = order.intent
            name = f"{intent.code} {intent.name}"
            about = f"{fmt.clock(order.created_at)}  {say(intent.side)} {intent.volume}  {say(order.state)}"
            key = intent.client_order_id
            yield PaletteEntry(
                f"order.{key}",
                _ORDERS,
                name,
                about,
                partial(self._go, "orders", "orders-table", key),
                (intent.name, key),
                True,
            )

    def _strategy_entries(self) -> Iterator[PaletteEntry]:
        followed = self._app.snapshot.followed if self._app.snapshot is not None else None
        for number, name in self._strategies:
            about = say("strategy {number}", number=number)
            if followed is not None and followed.strategy_id == number:
                about = joined((about, say("in use")))
            go = partial(self._go, "strategies", "strategy-list-table", str(number))
            yield PaletteEntry(f"strategy.{number}", _STRATEGIES, name, about, go, (name, str(number)), True)

    def _settings(self) -> Iterator[PaletteEntry]:
        for key, (name, _) in NAMES.items():
            tab = say(tab_of(key).title)
            go = partial(self._go, "settings", "settings-table", key)
            yield PaletteEntry(f"setting.{key}", _SETTINGS, say(name), f"{tab}  {key}", go, (key,))

    def _looks(self) -> Iterator[PaletteEntry]:
        look = self._app.snapshot.look if self._app.snapshot is not None else None
        for theme in THEMES:
            about = say("in use") if look is not None and look.theme == theme else say("enter keeps it, esc does not")
            yield PaletteEntry(
                f"theme.{theme}",
                _THEMES,
                theme,
                about,
                partial(self._set, "screen.theme", theme),
                (say("theme"), "theme"),
                preview=partial(self._app.appearance.preview, theme),
            )
        for language, name in _LANGUAGE_NAMES.items():
            words = (say("language"), "language")
            run = partial(self._set, "language", language)
            yield PaletteEntry(
                f"language.{language}", _LANGUAGES, say(name), say("Language of the screens"), run, words
            )

    # -- what comes from the engine --------------------------------------------------------------------------------

    async def _load(self, palette: Palette) -> None:
        """The strategies and today's list; the palette is open before they come."""
        reply = await self._app.ask(ListStrategies(1, _PAGE, ""))
        if isinstance(reply, Done):
            self._strategies = tuple((strategy.id, strategy.name) for strategy in reply.value.items)
            palette.add(list(self._strategy_entries()))
        snapshot = self._app.snapshot
        if snapshot is None or snapshot.followed is None:
            return
        card = await self._app.ask(ShowRecord(snapshot.followed.strategy_id, snapshot.followed.history_id))
        if isinstance(card, Done) and isinstance(card.value.selection, Known):
            self._listed = {row.code: row.name for row in card.value.selection.value.bonds}
            palette.add(list(self._bonds(snapshot)))

    # -- what is done ----------------------------------------------------------------------------------------------

    async def _act(self, action: Action) -> None:
        await self._app.run_action_of(action)

    def _open_bond(self, code: BondCode, name: str) -> None:
        self._app.push_screen(BondDialog(self._app, f"{code} {name}", "", code))

    async def _go(self, pane: str, table_id: str, key: str) -> None:
        """Open the screen with the cursor on this row, as soon as it is loaded."""
        await self._app.action_goto(pane)
        for line in self._app.pane.query(SearchLine):
            line.close()
        table = self._app.pane.query_one(f"#{table_id}", LiveTable)
        for _ in range(round(_LONGEST / _POLL)):
            if not table.size:
                self._app.pane.action_run("back")  # a narrow screen shows the list behind it
            if table.size and table.go_to(key):
                table.focus()
                return
            await asyncio.sleep(_POLL)
        self._app.show_message(say("It is not in the list of this screen."))

    async def _set(self, key: str, text: str) -> None:
        reply = await self._app.ask(ChangeSetting(key, text))
        self._app.show_message(
            reply.text if isinstance(reply, Failed) else reply.value, failed=isinstance(reply, Failed)
        )
        self._app.appearance.preview(None)


def _bonds_of(snapshot: Snapshot, listed: dict[BondCode, str]) -> dict[BondCode, tuple[str, str]]:
    """Name and place of every bond that the engine names: held, ordered, planned, on today's list."""
    bonds: dict[BondCode, tuple[str, str]] = {}
    if isinstance(snapshot.positions, Known):
        for row in snapshot.positions.value:
            bonds[row.code] = row.name, say("held")
    if snapshot.plan is not None:
        for part in (*snapshot.plan.legs, *snapshot.plan.kept, *snapshot.plan.blocked):
            bonds.setdefault(part.code, (part.name, say("in the plan")))
    for order in snapshot.orders:
        bonds.setdefault(order.intent.code, (order.intent.name, say("ordered today")))
    for code, name in listed.items():
        bonds.setdefault(code, (name, say("on today's list")))
    return bonds

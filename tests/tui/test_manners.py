"""Looks, language, copy and bell: what every screen has in common."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from rich.color import Color
from rich.style import Style
from textual.color import Color as WidgetColor

from core.i18n import language, use_language
from core.model.settings import ScreenSettings as Look
from core.model.snapshot import Event, Level
from tests.tui.samples import NOW, blocked, snapshot
from tests.tui.screen import LARGE, change, flat, lines, press, settle, shown, status_text, until
from tests.tui.scripted import ScriptedLink
from tui.app import RotorApp
from tui.terminal import Bell
from tui.widgets import palettes
from tui.widgets.palettes import LEAST_CONTRAST
from tui.widgets.theme import HEAT, STYLES, THEMES, Tone, use_theme


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    yield
    use_language("en")
    use_theme("dark", "red")


def contrast(one: Color, other: Color) -> float:
    return palettes.contrast(*(WidgetColor.from_rich_color(color) for color in (one, other)))


@pytest.mark.parametrize("name", THEMES)
def test_every_text_has_enough_contrast(name: str) -> None:
    theme = use_theme(name, "red").theme
    grounds = [Style(bgcolor=str(color)) for color in (theme.background, theme.surface, theme.panel)]
    grounds += [Style(bgcolor=theme.variables["wrong"]), STYLES[Tone.CURSOR_AWAY], STYLES[Tone.HEADER]]
    plain = Style(bgcolor=str(theme.background))
    for tone in Tone:
        style = STYLES[tone]
        for ground in grounds:
            both = plain + ground + style
            assert both.color is None or both.bgcolor is None or contrast(both.color, both.bgcolor) >= LEAST_CONTRAST, (
                tone,
                ground,
            )
    cursor = STYLES[Tone.CURSOR]
    assert cursor.color is not None
    assert cursor.bgcolor is not None
    assert contrast(cursor.color, cursor.bgcolor) >= LEAST_CONTRAST
    tiles = [style for style in HEAT.values() if style.color is not None and style.bgcolor is not None]
    assert len(tiles) >= 8
    for style in tiles:
        assert style.color is not None
        assert style.bgcolor is not None
        assert contrast(style.color, style.bgcolor) >= LEAST_CONTRAST, style


def test_the_contrast_check_finds_grey_on_grey() -> None:
    assert contrast(Color.parse("#777777"), Color.parse("#555555")) < LEAST_CONTRAST


async def test_the_theme_changes_while_running() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "4") as (app, pilot):
        rises = STYLES[Tone.UP].color
        link.change(look=Look(theme="light", up="green"))
        await until(pilot, lambda: app.theme == "rotor-light")
        await settle(pilot)
        assert STYLES[Tone.UP] == THEMES["light"].green
        assert STYLES[Tone.UP].color != rises
        strip = app.screen._compositor.render_strips()[8]
        colors = {str(segment.style.color.name) for segment in strip if segment.style and segment.style.color}
        assert "#262626" in colors
        assert "#d0d0d0" not in colors


@pytest.mark.parametrize(("keys", "widget"), [(("7",), "#report-chart"), (("4", "enter"), "#bond-chart")])
async def test_charts_change_their_characters_while_running(keys: tuple[str, ...], widget: str) -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, *keys, size=LARGE) as (app, pilot):

        def dotted() -> bool:
            region = app.screen.query_one(widget).content_region
            rows = [line[region.x : region.right] for line in lines(app)[region.y : region.bottom]]
            return any("\u2800" < char <= "\u28ff" for char in "".join(rows))

        await until(pilot, dotted)
        await change(app, pilot, link, look=Look(chart_marks="box"))
        assert not dotted()
        await change(app, pilot, link, look=Look())
        assert dotted()


async def test_the_small_lines_of_a_table_change_their_characters_too() -> None:
    link = ScriptedLink(snapshot(look=Look(chart_marks="box")))
    async with shown(link, "4", size=(200, 60)) as (app, pilot):
        assert not set(flat(app)) & {chr(dots) for dots in range(0x2801, 0x2900)}
        await change(app, pilot, link, look=Look())
        assert set(flat(app)) & {chr(dots) for dots in range(0x2801, 0x2900)}


async def test_a_row_is_copied_through_the_terminal() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "4", "y") as (app, pilot):
        assert app.clipboard.startswith("113052.SH  兴业转债  820")
        assert status_text(app).startswith("Copied: 113052.SH")
        await press(pilot, "2", "1", "6", "y")
        assert "was settled as filled" in app.clipboard


async def test_a_new_alarm_rings_once_and_is_in_the_title() -> None:
    link = ScriptedLink(snapshot(blockers=blocked("the ledger differs")))
    async with shown(link) as (app, pilot):
        rung: list[int] = []
        app.bell = lambda: rung.append(1)  # type: ignore[method-assign]
        link.change(at=NOW)
        await settle(pilot)
        assert rung == [], "what was so before the screen opened calls nobody"
        link.change(blockers=blocked("the ledger differs", "no redemption table"))
        await until(pilot, lambda: rung == [1])
        link.change(events=(Event(9, NOW, Level.ERROR, "A stop could not sell."),))
        await until(pilot, lambda: rung == [1, 1])
        link.change(look=Look(bell=False), blockers=blocked("another"))
        await until(pilot, lambda: "another" in flat(app))
        assert rung == [1, 1]


def test_the_window_title_is_restored() -> None:
    class App:
        is_headless = False

        def __init__(self) -> None:
            self.written: list[str] = []
            self._driver = self
            self.rung = 0

        def write(self, text: str) -> None:
            self.written.append(text)

        def bell(self) -> None:
            self.rung += 1

    app = App()
    bell = Bell(app)  # type: ignore[arg-type]
    bell.check(snapshot())
    bell.check(snapshot(blockers=blocked("x")))
    bell.restore_title()
    assert app.written == ["\x1b[22;0t\x1b]2;rotor SANDBOX\x07", "\x1b]2;rotor SANDBOX ! alarm\x07", "\x1b[23;0t"]
    assert app.rung == 1


async def test_messages_disappear_by_themselves_and_cover_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("tui.widgets.bars.time", SimpleNamespace(monotonic=lambda: now))
    async with shown(ScriptedLink(snapshot()), "4", "O") as (app, pilot):
        app._tick()
        assert "The rows are not sorted" in lines(app)[-2]
        assert "118031.SH" in flat(app)
        now += 7
        app._tick()
        await settle(pilot)
        assert status_text(app) == ""


def test_the_language_of_the_settings_is_used_from_the_start() -> None:
    """An engine says its sentences in the language in use: a screen that is made must not change it."""
    use_language("zh")
    try:
        RotorApp(ScriptedLink(snapshot(language="zh")))
        assert language() == "zh"
    finally:
        use_language("en")

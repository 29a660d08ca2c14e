"""The log screen: a test for each key, and a long file."""

from dataclasses import replace
from datetime import date

from core.model.command import Done, Failed, FindInLog, ReadLog
from core.model.log_page import LogLine, LogPage
from core.model.snapshot import Level
from tests.tui.samples import NOW, TODAY, log_lines, snapshot
from tests.tui.screen import flat, lines, press, resize, shown, status_text, text, until
from tests.tui.scripted import ScriptedLink
from tui.app import RotorApp


async def test_a_search_marks_matches_and_jumps_to_them() -> None:
    async with shown(ScriptedLink(snapshot()), "6", "slash", *"9003", "enter", size=(120, 30)) as (app, pilot):
        assert "90039" in next(line for line in lines(app) if line.startswith("│>"))
        assert "paused" in flat(app)
        segments = [segment for strip in app.screen._compositor.render_strips() for segment in strip]
        marked = [segment.text for segment in segments if segment.style is not None and segment.style.reverse]
        assert "9003" in marked
        await press(pilot, "N")
        assert "90038" in next(line for line in lines(app) if line.startswith("│>"))
        await press(pilot, "n")
        assert "90039" in next(line for line in lines(app) if line.startswith("│>"))
        await press(pilot, "n")
        assert "'9003' was not found below." in status_text(app)
        await press(pilot, "escape", "n")
        assert "No search text" in status_text(app)


async def test_a_distant_match_is_shown_with_its_neighbours() -> None:
    far = LogLine(NOW, Level.ERROR, "desk", "far away it broke", 900_000)
    link = ScriptedLink(snapshot())
    link.replies[FindInLog] = Done(far)
    async with shown(link, "6") as (app, pilot):
        near = LogPage(TODAY, tuple(replace(line, begins=line.begins + 800_000) for line in log_lines()), 1_000_000)
        after = LogPage(TODAY, tuple(replace(line, begins=line.begins + 900_001) for line in log_lines()), 1_000_000)
        link.replies[ReadLog] = lambda command: Done(near if command.before is not None else after)
        await press(pilot, "slash", *"broke", "enter")
        await until(pilot, lambda: any(line.startswith("│>") and "far away it broke" in line for line in lines(app)))
        assert "121 lines, at 90.6% of the file" in flat(app)


async def test_the_cursor_at_the_top_loads_older_lines() -> None:
    link = ScriptedLink(snapshot())
    many = [replace(log_lines()[0], text=f"old {number}", begins=number * 10) for number in range(2000)]

    def answer(command: ReadLog) -> Done[LogPage]:
        kept = [line for line in many if command.before is None or line.begins < command.before][-command.limit :]
        return Done(LogPage(TODAY, tuple(kept), 20_000))

    link.replies[ReadLog] = answer
    async with shown(link, "6") as (app, pilot):
        assert "500 lines" in flat(app)
        table = app.query_one("#log-table")
        for _ in range(60):
            if any(command.before is not None for command in link.sent_of(ReadLog)):
                break
            await press(pilot, "pageup")
        assert any(command.before == 15_000 for command in link.sent_of(ReadLog))
        assert "1000 lines" in flat(app)
        assert table is not None
        await press(pilot, "home")
        assert link.sent_of(ReadLog)[-1].after == -1
        await press(pilot, "end")
        assert "old 1999" in next(line for line in lines(app) if line.startswith("│>"))


async def test_earlier_days_and_back_to_today() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "6", "left_square_bracket") as (app, pilot):
        assert link.sent_of(ReadLog)[-1].day == date(2026, 4, 30)
        assert "Log of 2026-04-30" in flat(app)
        await press(pilot, "left_square_bracket")
        assert "There is no earlier log." in status_text(app)
        await press(pilot, "l")
        assert link.sent_of(ReadLog)[-1] == ReadLog(500, Level.WARNING, date(2026, 4, 30))
        await press(pilot, "right_square_bracket")
        assert "Log of today" in flat(app)
        assert "following" in flat(app)
        await press(pilot, "t")
        assert "This is today's log." in status_text(app)


async def test_a_long_line_is_shown_with_its_line_breaks() -> None:
    link = ScriptedLink(snapshot())
    broken = LogLine(NOW, Level.ERROR, "engine", "it failed\\nTraceback\\n  at work", 0)
    link.replies[ReadLog] = Done(LogPage(TODAY, (broken,), 100))
    async with shown(link, "6", "enter") as (app, _):
        assert [line for line in text(app).splitlines() if "  at work" in line and "Traceback" not in line]


async def test_an_unreadable_file_is_reported_beside_the_old_lines() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "6") as (app, pilot):
        link.replies[ReadLog] = Failed("the disk is gone")
        app.pane.tick()
        app.pane.tick()
        await until(pilot, lambda: "The log could not be read: the disk is gone" in flat(app))
        assert "90059" in flat(app)


def rows_on(app: RotorApp) -> list[str]:
    """The lines of the table, without the mark of the cursor."""
    return [line[2:] for line in lines(app) if " trading " in line]


async def test_what_the_table_shows_whole_is_not_repeated_below_it() -> None:
    async with shown(ScriptedLink(snapshot()), "6") as (app, _):
        assert "90059" in lines(app)[-4]
        assert flat(app).count("90059") == 1


async def test_a_cut_line_is_shown_in_full_and_no_row_moves_with_the_cursor() -> None:
    link = ScriptedLink(snapshot())
    long = replace(log_lines()[-1], text="a long line " * 12 + "itsend", begins=6000)
    link.replies[ReadLog] = Done(LogPage(TODAY, (*log_lines(), long), 6100))
    async with shown(link, "6") as (app, pilot):
        assert "itsend" in "".join(lines(app)[-4:])
        before = rows_on(app)
        await press(pilot, "up")
        assert "itsend" not in flat(app)
        assert rows_on(app) == before
        await resize(pilot, (200, 60))
        assert "itsend" in flat(app)  # in the table: nothing is cut now
        assert "90059" in lines(app)[-4]

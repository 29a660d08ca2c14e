"""`python -m tests.screenshot`: the pictures of the documents, of the real app on the sandbox (docs/*.svg)."""

import asyncio
import tempfile
from pathlib import Path

from core.engine.engine import Engine
from core.model.command import Done, ExecutePlan, MakePlan, RunStrategy
from tui.app import RotorApp
from tui.cli.context import home_at, settings_of
from tui.cli.offline import prepare_demo

SIZE = (110, 30)
SHOTS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("plan", ("3", "r"), "joined"),
    ("home", ("1",), "Strategy"),
    ("strategies", ("2", "enter"), "record"),
    ("positions", ("4",), "armed"),
    ("orders", ("5",), "filled"),
    ("report", ("7",), "realised"),
)
"""Each picture's name, the keys that lead to it, and what it has to show."""


async def pictures(engine: Engine) -> dict[str, str]:
    """The app's screens as SVG."""
    app = RotorApp(engine)
    taken: dict[str, str] = {}
    async with app.run_test(size=SIZE) as pilot:
        for name, keys, shown in SHOTS:
            for key in keys:
                await pilot.press(key)
                await pilot.pause(1.2)
            svg = app.export_screenshot(title="rotor")
            if shown.lower() not in svg.lower():
                raise SystemExit(f"the picture {name} does not show {shown!r}")
            taken[name] = svg
    return taken


def change_strategy(engine: Engine) -> None:
    """Fill the account after one strategy and follow another, so that the plan sells, buys and keeps."""
    made = engine.send(MakePlan()).result(30)
    assert isinstance(made, Done)
    assert isinstance(engine.send(ExecutePlan(made.value.plan_id)).result(120), Done)
    assert isinstance(engine.send(RunStrategy(5, 502)).result(30), Done)


def main() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = home_at(Path(folder))
        prepare_demo(home)
        engine = Engine(home, settings_of(home), speed=60)
        engine.start()
        try:
            engine.wait_ready()
            change_strategy(engine)
            taken = asyncio.run(pictures(engine))
        finally:
            engine.stop()
    for name, svg in taken.items():
        target = Path("docs") / f"{name}.svg"
        target.write_text(svg, encoding="utf-8", newline="\n")
        print(f"written: {target}")  # noqa: T201


if __name__ == "__main__":
    main()

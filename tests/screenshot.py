"""`python -m tests.screenshot`: the README's picture, of the real app on the sandbox (docs/plan.svg)."""

import asyncio
import tempfile
from pathlib import Path

from core.engine.engine import Engine
from core.engine.headless import home_at, prepare_demo, settings_of
from core.model.command import Done, ExecutePlan, MakePlan, RunStrategy
from tui.app import RotorApp

SIZE = (110, 30)


async def picture(engine: Engine, keys: tuple[str, ...], shown: str) -> str:
    """The app's screen as SVG once it shows `shown` after `keys`."""
    app = RotorApp(engine)
    async with app.run_test(size=SIZE) as pilot:
        for key in keys:
            await pilot.press(key)
            await pilot.pause(1.0)
        svg = app.export_screenshot(title="rotor")
        if shown not in svg:
            raise SystemExit(f"the screen does not show {shown!r}")
        return svg


def change_strategy(engine: Engine) -> None:
    """Fill the account after one strategy and follow another, so that the plan sells, buys and keeps."""
    made = engine.send(MakePlan()).result(30)
    assert isinstance(made, Done)
    assert isinstance(engine.send(ExecutePlan(made.value.plan_id)).result(120), Done)
    assert isinstance(engine.send(RunStrategy(4, 402)).result(30), Done)


def main() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = home_at(Path(folder))
        prepare_demo(home)
        engine = Engine(home, settings_of(home), speed=60)
        engine.start()
        try:
            engine.wait_ready()
            change_strategy(engine)
            svg = asyncio.run(picture(engine, ("3", "r"), "suspended"))
        finally:
            engine.stop()
    target = Path("docs/plan.svg")
    target.parent.mkdir(exist_ok=True)
    target.write_text(svg, encoding="utf-8", newline="\n")
    print(f"written: {target}")  # noqa: T201


if __name__ == "__main__":
    main()

"""``python -m miniqmt_emulator``: run an emulated terminal."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from pathlib import Path

from miniqmt_emulator.terminal import DEFAULT_QUOTE_PORT, serve


def main() -> None:
    parser = argparse.ArgumentParser(prog="miniqmt_emulator", description="An emulated MiniQMT terminal.")
    parser.add_argument("--userdata", type=Path, required=True, help="its userdata_mini folder")
    parser.add_argument("--state", type=Path, help="file in which everything is kept")
    parser.add_argument("--scenario", type=Path, help="what to start from when there is no state yet")
    parser.add_argument("--port", type=int, default=0, help="loopback port (default: any free one)")
    parser.add_argument(
        "--quote-port",
        type=int,
        default=DEFAULT_QUOTE_PORT,
        help="port under which xtdata finds the quote service (default: %(default)s); never opened",
    )
    parser.add_argument(
        "--register",
        action="store_true",
        help="write ~/.xtquant/miniqmt_emulator/xtdata.cfg, through which xtdata finds it as well",
    )
    parser.add_argument("--stop-at-eof", action="store_true", help="stop when standard input ends")
    options = parser.parse_args()
    userdata = options.userdata.resolve()
    if options.state is not None:
        options.state.resolve().parent.mkdir(parents=True, exist_ok=True)
    if options.register:
        _register(userdata, options.quote_port)
    asyncio.run(
        serve(
            userdata,
            state=options.state,
            scenario=options.scenario,
            port=options.port,
            quote_port=options.quote_port,
            stop_at_eof=options.stop_at_eof,
        )
    )


def _register(userdata: Path, quote_port: int) -> None:
    home = Path(os.environ.get("USERPROFILE") or Path.home())
    folder = home / ".xtquant" / "miniqmt_emulator"
    folder.mkdir(parents=True, exist_ok=True)
    config = {"port": quote_port, "emulator_userdata": str(userdata)}
    (folder / "xtdata.cfg").write_text(json.dumps(config), "utf-8")


if __name__ == "__main__":
    main()

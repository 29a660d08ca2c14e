"""Heavy packages are loaded only where used: akshare and pandas only by the child process."""

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_an_engine_of_paper_mode_loads_neither_akshare_nor_pandas() -> None:
    code = (
        "import sys, tempfile; from pathlib import Path; from core.engine.assembly import build; "
        "from core.infra.home import Home; from core.model.settings import Settings\n"
        "with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:\n"
        "    home = Home(Path(folder)); home.prepare(); build(home, Settings(mode='paper'))\n"
        "    print([name for name in ('akshare', 'pandas', 'numpy') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]", done.stderr

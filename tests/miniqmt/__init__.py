"""The emulated MiniQMT terminal, importable as `miniqmt_emulator` wherever this package was imported."""

import sys
from pathlib import Path

_HERE = str(Path(__file__).parent)
if _HERE not in sys.path:
    sys.path.insert(0, _HERE)

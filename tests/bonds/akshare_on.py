"""The real child process with the real akshare and replaced network responses.

`python -m tests.bonds.akshare_on ANSWER NAME`: every request is answered with the text of that file.
"""

import json
import sys
from pathlib import Path
from typing import Any

from core.akshare.child import main


def command(answer: Path) -> list[str]:
    """What `AkshareTables` runs instead of the child that uses the network."""
    return [sys.executable, "-X", "utf8", "-W", "ignore", "-m", "tests.bonds.akshare_on", str(answer)]


class _Answer:
    status_code = 200

    def __init__(self, text: str) -> None:
        self.text = text

    def json(self) -> Any:
        return json.loads(self.text)

    def raise_for_status(self) -> None: ...


def answer_with(text: str) -> None:
    """From now on every request gets `text` as its response."""
    import requests

    def asked(*_: object, **__: object) -> _Answer:
        return _Answer(text)

    requests.get = requests.post = requests.Session.request = asked  # type: ignore[assignment]


if __name__ == "__main__":
    answer_with(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.exit(main(sys.argv[2:]))

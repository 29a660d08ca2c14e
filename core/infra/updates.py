"""News of new versions: a small document at the address of the settings, read once a day. Nothing is ever installed.

The document is a JSON object: `version` (PEP 440) and `notes`, a text or a text for each language (`en`, `zh`); `page`
and `date` may come with it.
"""

import json
import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from core.i18n import language, say
from core.infra.clock import Clock
from core.infra.home import read_own, write_atomically
from core.infra.network import ServiceUnavailable, ask_service
from core.model.settings import Settings
from core.model.snapshot import NewRelease

log = logging.getLogger(__name__)

_EVERY, _RETRY = timedelta(hours=24), timedelta(hours=1)
_LONGEST_NOTES = 8000


async def ask_for_release(url: str, proxy: str = "none") -> dict[str, Any]:
    """The document, checked. Raises `ServiceUnavailable`."""
    return _checked(await ask_service(url, proxy))


def newer(document: dict[str, Any], version: str) -> NewRelease | None:
    """The release of a checked document where it is newer than `version`, None where it is not."""
    from packaging.version import Version

    if Version(document["version"]) <= Version(version):
        return None
    notes = document["notes"]
    told = notes if isinstance(notes, str) else notes.get(language()) or notes.get("en") or ""
    return NewRelease(
        document["version"],
        _harmless(str(told), lines=True)[:_LONGEST_NOTES],
        _harmless(document.get("page", "")),
        _harmless(document.get("date", "")),
    )


class UpdateCheck:
    """Asks once a day, and keeps the last answer in a file, so that a restart does not ask again."""

    def __init__(self, file: Path, url: str, version: str, wall: Clock, proxy: str = "none") -> None:
        """`wall` is the machine's clock. Without a `url` nothing is ever asked."""
        self._proxy = proxy
        self._file = file
        self._url = url
        self._version = version
        self._wall = wall
        self._asked_at: datetime | None = None
        self._document: dict[str, Any] | None = None
        self._failed = False
        if url:
            self._recall()

    def use_settings(self, settings: Settings) -> None:
        """Ask at the address of these settings from now on."""
        if settings.updates.url != self._url:
            self._url, self._asked_at, self._document, self._failed = settings.updates.url, None, None, False
            if self._url:
                self._recall()

    @property
    def release(self) -> NewRelease | None:
        """The newer version, None where there is none."""
        return None if self._document is None else newer(self._document, self._version)

    async def look_if_due(self) -> None:
        """Never raises: a failed check changes nothing."""
        now = self._wall.now()
        wait = _RETRY if self._failed else _EVERY
        if not self._url or (self._asked_at is not None and timedelta(0) <= now - self._asked_at < wait):
            return
        self._asked_at, self._failed = now, True
        try:
            self._document = await ask_for_release(self._url, self._proxy)
        except ServiceUnavailable as error:
            log.info("no news of new versions: %s", error)
            return
        self._failed = False
        kept = {"url": self._url, "asked_at": now.isoformat(), "document": self._document}
        try:
            write_atomically(self._file, json.dumps(kept, ensure_ascii=False))
        except OSError as error:
            log.info("the news of a version could not be kept: %s", error)
        if (release := self.release) is not None:
            log.info("version %s of rotor is out, this one is %s", release.version, self._version)

    def _recall(self) -> None:
        try:
            kept = json.loads(read_own(self._file))
            if kept["url"] == self._url:
                self._document = _checked(json.dumps(kept["document"]).encode("utf-8"))
                self._asked_at = datetime.fromisoformat(kept["asked_at"])
        except (OSError, ValueError, KeyError, TypeError, ServiceUnavailable):
            return


def _checked(body: bytes) -> dict[str, Any]:
    from packaging.version import InvalidVersion, Version

    try:
        found = json.loads(body)
        if not isinstance(found, dict):
            raise ServiceUnavailable(say("its answer is no version document"))
        document = cast("dict[str, Any]", found)
        Version(document["version"])
        notes = document.setdefault("notes", "")
        texts = cast("dict[str, Any]", notes).values() if isinstance(notes, dict) else [notes]
        if not all(isinstance(text, str) for text in (*texts, document.get("page", ""), document.get("date", ""))):
            raise ServiceUnavailable(say("its answer is no version document"))
    except (ValueError, KeyError, TypeError, InvalidVersion, RecursionError):
        raise ServiceUnavailable(say("its answer is no version document")) from None
    return document


def _harmless(text: str, *, lines: bool = False) -> str:
    """Without control characters, which steer a terminal."""
    return "".join(letter for letter in text if letter.isprintable() or (lines and letter == "\n"))

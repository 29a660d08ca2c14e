"""One account per test, at every broker there is."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.contract.openers import OPENERS
from tests.contract.venue import Account


@pytest.fixture(params=sorted(OPENERS))
async def account(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Account]:
    venue = await OPENERS[request.param](tmp_path)
    yield Account(venue)
    await venue.close()

"""The recorded data, loaded once."""

import pytest

from core.sandbox.panel import Panel
from core.sandbox.recorded import SandboxData, load_sandbox_data


@pytest.fixture(scope="session")
def data() -> SandboxData:
    return load_sandbox_data()


@pytest.fixture(scope="session")
def panel(data: SandboxData) -> Panel:
    return data.panel

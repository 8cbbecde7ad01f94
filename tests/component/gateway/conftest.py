"""An Envoy of its own for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.component.gateway.world import Plant, Upstream, envoy_in


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    old, new = await Upstream("old").start(), await Upstream("new").start()
    folder = tmp_path / "gateway"
    envoy = envoy_in(folder)
    try:
        await envoy.ensure()
        yield Plant(envoy, folder, old, new)
    finally:
        await envoy.stop()
        old.kill()
        new.kill()

"""What a person may ask of pipelines."""

from pathlib import Path

import pytest

from andon.kernel.clock import ManualClock
from andon.kernel.errors import Conflict
from andon.pipelines.commands import Ship
from andon.pipelines.store import RunStore
from andon.store.engine import Database
from andon.testing import plain_unit


async def test_a_unit_that_is_being_shipped_names_the_command_that_ends_it(
    database: Database, tmp_path: Path
) -> None:
    ship = Ship(RunStore(database), ManualClock(), lambda: None)
    source = plain_unit.write(tmp_path / "unit")
    begun = await ship.start(source, "kim")
    with pytest.raises(Conflict) as refused:
        await ship.start(source, "kim")
    assert f"andon cancel {begun.id}" in refused.value.hint
    assert (await ship.cancel(begun.id, "kim", "wrong branch")).cancelled_by == "kim"

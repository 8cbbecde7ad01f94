"""What a person may ask of pipelines."""

from pathlib import Path

import pytest

from andon.kernel.clock import ManualClock
from andon.kernel.errors import Conflict, Forbidden, InvalidInput
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


@pytest.mark.parametrize("place", ["elsewhere", "plant/link", "plant/../elsewhere", "plant2"])
async def test_only_what_lies_under_a_source_folder_is_shipped(
    database: Database, tmp_path: Path, place: str
) -> None:
    plant = tmp_path / "plant"
    inside = plain_unit.write(plant / "unit")
    for each in ("elsewhere", "plant2"):
        plain_unit.write(tmp_path / each)
    (plant / "link").symlink_to(tmp_path / "elsewhere")
    ship = Ship(RunStore(database), ManualClock(), lambda: None, roots=[plant])
    for asked in (ship.unit_of(tmp_path / place), ship.start(tmp_path / place, "kim")):
        with pytest.raises(Forbidden, match="may not be shipped"):
            await asked
    assert (await ship.start(inside, "kim")).path == str(inside)


async def test_a_file_that_is_no_manifest_is_not_read(database: Database, tmp_path: Path) -> None:
    (tmp_path / "shadow").write_text("root:secret")
    tree = tmp_path / "unit"
    tree.mkdir()
    (tree / "andon.toml").symlink_to(tmp_path / "shadow")
    ship = Ship(RunStore(database), ManualClock(), lambda: None)
    for path in (tmp_path / "shadow", tree):
        with pytest.raises(InvalidInput) as refused:
            await ship.unit_of(path)
        assert "secret" not in refused.value.message
        assert refused.value.code == "no-manifest"

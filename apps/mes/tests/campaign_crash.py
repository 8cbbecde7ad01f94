"""Faults under load: `python -m pytest -c pyproject.toml apps/mes/tests/campaign_crash.py` from the root.

ANDON_MES_CRASHES is how many of each kind (20): kill -9 of the instance, a killed PostgreSQL, every
connection cut, a full disk (as root), with and without a clock that jumps by hours. Stations keep asking
with the same key until they are answered. Afterwards each event is there exactly once.
"""

import contextlib
import os
import random
import shutil
import sys
from pathlib import Path

import pytest
from andon_mes.store.engine import is_postgresql
from andon_mes.store.migrate import migrate

sys.path.insert(0, str(Path(__file__).parent))
from faults import Line, cut, endure, fill, open_folder, own_server, require_exactly_once, small_disk

CRASHES = int(os.environ.get("ANDON_MES_CRASHES", "20"))


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, template, enrol):
    """A database on a small disk of its own: its path or URL, the disk, and the server if it has one."""
    with contextlib.ExitStack() as stack:
        disk = stack.enter_context(open_folder()) / "disk"
        disk.mkdir()
        if os.geteuid() == 0:
            stack.enter_context(small_disk(disk, 60 if request.param == "sqlite" else 400))
            disk.chmod(0o755)
        if request.param == "sqlite":
            yield str(shutil.copy(template, disk / "mes.db")), disk, None
            return
        server = stack.enter_context(own_server(request.getfixturevalue("postgres"), disk))
        url = stack.enter_context(server.fresh_database())
        migrate(url)
        enrol(url)
        yield url, disk, server


@pytest.mark.timeout(36000)
@pytest.mark.parametrize("jumps", [False, True], ids=["", "clock jumps"])
async def test_no_event_is_lost_or_doubled(place, credentials, jumps, tmp_path):
    database, disk, server = place
    line = Line(database, credentials["line_lead"], tmp_path / "secret", random.Random(CRASHES), jumps=jumps)

    async def restart():
        with contextlib.suppress(RuntimeError):  # it may have ended by itself on the full disk
            server.stop()
        server.start()

    async def full():
        await fill(disk)
        if server is not None:
            await restart()

    faults = [line.kill]
    if is_postgresql(database):
        faults += [restart, lambda: cut(database)]
    if os.geteuid() == 0:
        faults.append(full)
    done = await endure(line, faults, CRASHES * len(faults))
    sys.stdout.write(f"{done} parts, {CRASHES} of each of {len(faults)} faults\n")
    await require_exactly_once(database, done)

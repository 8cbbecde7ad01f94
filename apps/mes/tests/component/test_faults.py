"""A bounded sample of campaign_crash.py: nothing is lost or doubled, whatever fails, on both databases."""

import os
import random
import shutil
import sys
from pathlib import Path

import pytest
from andon_mes.store.engine import is_postgresql
from andon_mes.store.migrate import migrate

sys.path.insert(0, str(Path(__file__).parent.parent))
from faults import Line, cut, endure, fill, open_folder, own_server, require_exactly_once, small_disk


@pytest.fixture
def line_on(credentials, tmp_path):
    """Makes a line on a database: `line_on(path_or_url)`."""

    def make(database, **more):
        secret = tmp_path / "secret"
        return Line(str(database), credentials["line_lead"], secret, random.Random(3), stations=4, **more)

    return make


async def test_kills_cuts_and_a_jumping_clock_lose_and_double_nothing(any_database, line_on):
    line = line_on(any_database, jumps=True)
    faults = [line.kill, lambda: cut(any_database)] if is_postgresql(any_database) else [line.kill]
    done = await endure(line, faults, 2)
    assert done >= 2
    await require_exactly_once(any_database, done)


async def test_a_database_server_that_is_killed_loses_and_doubles_nothing(postgres, enrol, line_on):
    with open_folder() as folder, own_server(postgres, folder) as own, own.fresh_database() as url:
        migrate(url)
        enrol(url)

        async def restart():
            own.stop()
            own.start()

        done = await endure(line_on(url), [restart], 1)
        assert done >= 2
        await require_exactly_once(url, done)


@pytest.mark.skipif(os.geteuid() != 0, reason="run as root: a small disk is mounted")
async def test_a_full_disk_loses_and_doubles_nothing(template, tmp_path, line_on):
    with small_disk(tmp_path / "disk", 12) as disk:
        database = shutil.copy(template, disk / "mes.db")
        line = line_on(database)
        done = await endure(line, [lambda: fill(disk)], 2)
        assert done >= 2
        await require_exactly_once(str(database), done)

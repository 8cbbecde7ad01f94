"""A home: made once, its owner's alone, and never given a new key in place of one that was lost."""

import os
import stat

import pytest

from andon import access_parts, app
from andon.kernel.clock import SystemClock
from andon.kernel.errors import Damaged
from andon.settings import Settings
from andon.store.engine import Database
from andon.timeline.checkpoints import Checkpointer
from andon.timeline.keys import KeyFiles

CLOCK = SystemClock()


@pytest.fixture
async def settings(tmp_path):
    made = Settings(home=tmp_path / "home")
    await app.initialise(made)
    return made


async def test_a_home_is_its_owners_alone_and_the_process_keeps_its_own_umask(tmp_path):
    (tmp_path / "home").mkdir(mode=0o755)
    former = os.umask(0o022)
    try:
        await app.initialise(Settings(home=tmp_path / "home"))
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(former)
    for path in (
        tmp_path / "home",
        *(tmp_path / "home").glob("*.db*"),
        *(tmp_path / "home" / "keys").iterdir(),
    ):
        if path.suffix != ".vkey":  # public, for auditors
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


async def test_a_lost_key_is_said_and_not_made_anew(settings):
    places = KeyFiles.at(settings.home)
    database = Database.open(settings.database())
    await Checkpointer(database, places, CLOCK).checkpoint_now()
    await database.close()
    places.key.unlink()
    with pytest.raises(Damaged) as caught:
        await access_parts.complete_keys(settings, settings.home, CLOCK)
    assert (caught.value.code, places.key.exists()) == ("key-lost", False)


async def test_an_older_home_gets_the_keys_that_it_never_had(settings):
    key = settings.home / "keys" / "signatures.key"
    key.unlink()
    await access_parts.complete_keys(settings, settings.home, CLOCK)
    assert key.exists()

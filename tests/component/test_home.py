"""A home: made once, its owner's alone, and never given a new key in place of one that was lost."""

import os

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


@pytest.mark.asvs("13.3.2", "16.4.2")
async def test_a_home_is_for_its_owner_alone_but_for_what_is_public(tmp_path):
    home, usual = tmp_path / "home", os.umask(0o022)
    home.mkdir(mode=0o755)
    try:
        made = await app.initialise(Settings(home=home, _env_file=None))
        assert os.umask(0o022) == 0o022  # the process keeps its own
    finally:
        os.umask(usual)
    open_to_others = {
        each.relative_to(home).as_posix() for each in home.rglob("*") if each.stat().st_mode & 0o077
    }
    # Certificates, a public key, and signed metadata; and nobody else gets into the folder anyway.
    assert {each for each in open_to_others if not each.startswith(("registry/metadata/", "trust/"))} == {
        "ca/ca.crt", "ca/trust.crt", "keys/timeline.vkey",
    }  # fmt: skip
    assert home.stat().st_mode & 0o077 == 0
    assert len(made.one_time_password) > 20
    kept = b"".join(each.read_bytes() for each in home.rglob("*") if each.is_file())
    assert made.one_time_password.encode() not in kept


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

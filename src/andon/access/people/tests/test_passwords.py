import asyncio
import threading

import pytest

from andon.access.people.passwords import Passwords, Work, one_time
from andon.access.people.profiles import LONGEST
from andon.kernel.errors import Throttled

CHEAP = Work(memory_kib=8, passes=1)


@pytest.fixture
def passwords():
    made = Passwords(CHEAP)
    yield made
    made.close()


@pytest.mark.asvs("11.4.2")
async def test_a_password_proves_itself_and_no_other(passwords):
    kept = await passwords.hash("a quiet lake")
    assert kept.startswith("$argon2id$")
    assert await passwords.verify(kept, "a quiet lake")
    assert not await passwords.verify(kept, "a quiet lakE")
    assert not await passwords.verify(kept, "")
    assert kept != await passwords.hash("a quiet lake")


@pytest.mark.asvs("6.2.8")
async def test_every_keyboards_form_of_the_same_characters_is_the_same(passwords):
    assert await passwords.verify(await passwords.hash("Ångström"), "Ångström")


@pytest.mark.asvs("6.2.8")
async def test_a_password_is_never_cut_and_then_taken(passwords):
    kept = await passwords.hash("x" * LONGEST)
    assert await passwords.verify(kept, "x" * LONGEST)
    assert not await passwords.verify(kept, "x" * LONGEST + "y")


async def test_nobody_has_no_password_and_costs_the_same_check(passwords):
    assert not await passwords.verify(None, "a quiet lake")
    assert not await passwords.verify(None, "")
    assert passwords.checks == 2


async def test_a_damaged_hash_proves_nothing(passwords):
    assert not await passwords.verify("not a hash", "a quiet lake")


@pytest.mark.asvs("11.2.2", "11.4.2")
async def test_a_hash_of_older_figures_is_outdated(passwords):
    stronger = Passwords(Work(memory_kib=16, passes=2))
    kept = await passwords.hash("a quiet lake")
    assert stronger.is_outdated(kept)
    assert not passwords.is_outdated(kept)
    stronger.close()


@pytest.mark.asvs("15.2.2", "2.4.1")
async def test_no_more_than_the_allowed_number_is_hashed_at_once_and_the_queue_is_short():
    passwords = Passwords(Work(memory_kib=8, passes=1, parallel=2, waiting=3))
    gate, entered, lock = threading.Event(), [], threading.Lock()

    def stuck():
        with lock:
            entered.append(1)
        gate.wait(60)
        return True

    tasks = [asyncio.create_task(passwords._run(stuck)) for _ in range(5)]
    deadline = asyncio.get_running_loop().time() + 60
    while len(entered) < 2 and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.01)
    with pytest.raises(Throttled, match="too many people"):
        await passwords.hash("one more")
    assert len(entered) == 2
    gate.set()
    assert await asyncio.gather(*tasks) == [True] * 5
    assert await passwords.hash("there is room again")
    passwords.close()


@pytest.mark.asvs("6.4.1", "11.5.1")
def test_a_one_time_password_has_more_than_a_hundred_bits_and_reads_well():
    made = {one_time() for _ in range(200)}
    assert len(made) == 200
    for each in made:
        assert len(each.replace("-", "")) == 25
        assert not set(each) & set("ilo01IO")

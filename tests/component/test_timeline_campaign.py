"""Whatever somebody with every right on the database changes is found, and the first bad record is named.

`ANDON_MUTATIONS=1000` is the longer form. While one witness is honest none may pass.
"""

import os
import random
from pathlib import Path

import pytest

from tests.component import timeline_attacks
from tests.component.timeline_attacks import ATTACKS, Attack, Attacker, Past

MUTATIONS = int(os.environ.get("ANDON_MUTATIONS", "60"))
SEED = int(os.environ.get("ANDON_SEED", "7"))


@pytest.fixture
async def past(tmp_path: Path) -> Past:
    return await timeline_attacks.a_past(tmp_path / "past")


async def test_an_honest_history_is_intact(past: Past) -> None:
    found = await timeline_attacks.verified(past, past.home / "andon.db")
    assert found.is_intact, found.findings
    assert found.records == found.signed_to == found.witnessed_to == timeline_attacks.RECORDS
    assert found.witnesses == ("w", "w")
    assert found.signatures == found.cosignatures == found.checkpoints > 10


@pytest.mark.asvs("16.4.2")
@pytest.mark.part11("11.10(a)", "11.10(e)")
@pytest.mark.timeout(900 + MUTATIONS)
async def test_every_mutation_is_found_and_the_first_bad_record_is_named(past: Past, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    for turn in range(MUTATIONS):
        attack = ATTACKS[turn % len(ATTACKS)]
        file = tmp_path / "attacked.db"
        attacker = Attacker(past, file, random.Random(chance.random()))
        expected = attack(attacker)
        attacker.close()
        found = await timeline_attacks.verified(past, file)
        assert not found.is_intact, (turn, attack.__name__, expected)
        assert found.first_bad == expected, (turn, attack.__name__, expected, found.findings[:3])
        for each in tmp_path.glob("attacked.db*"):
            each.unlink()


WITHOUT_A_WITNESS: list[Attack] = [
    each for each in ATTACKS if "stolen" not in each.__name__ and "forget" not in each.__name__
]


@pytest.mark.parametrize("attack", WITHOUT_A_WITNESS, ids=lambda each: each.__name__)
async def test_without_a_witness_the_signed_checkpoints_still_tell(
    past: Past, tmp_path: Path, attack: Attack
) -> None:
    """But for a history that was cut off: it looks like an earlier one, and only a witness knows."""
    attacker = Attacker(past, tmp_path / "attacked.db", random.Random(3))
    attack(attacker)
    attacker.close()
    found = await timeline_attacks.verified_alone(past, tmp_path / "attacked.db")
    assert found.is_intact is attack.__name__.startswith(("roll_back", "truncate_consistently"))

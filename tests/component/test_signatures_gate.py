"""A yes at a gate over a real registry: bound to the signed bytes, and not given by who shipped them."""

from pathlib import Path

import pytest
from sqlalchemy import delete, update

from andon.access.policies.model import default
from andon.access.signatures.store import SignatureStore
from andon.judge import sequential
from andon.kernel.clock import SystemClock
from andon.kernel.errors import Forbidden
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.releases import keys
from andon.releases.store import ReleaseStore, releases
from andon.rollouts.approvals import Approvals
from andon.rollouts.authority import Authority
from andon.rollouts.commands import Commands
from andon.rollouts.store import RolloutStore
from andon.store.engine import Database
from andon.testing.releases import a_release
from andon.testing.shelf import maker_of
from andon.testing.signing import Hand, Set

MES, FIRST, PRODUCTION = UnitName("mes"), Version("1.0.0"), EnvironmentName("production")


@pytest.fixture
async def registry(any_database: Database, tmp_path: Path) -> ReleaseStore:
    keys.init_development(tmp_path / "home", SystemClock())
    made = ReleaseStore(any_database, tmp_path / "home", SystemClock())
    await made.publish(*a_release(tmp_path), "ada")
    return made


async def test_a_yes_is_bound_to_the_bytes_that_the_registry_signed(
    any_database: Database, registry: ReleaseStore, tmp_path: Path
) -> None:
    hand, clock = Hand(), SystemClock()
    approvals = Approvals(SignatureStore(any_database), hand.sealer, registry, maker_of)
    authority = Authority(Set({PRODUCTION: default(PRODUCTION)}), hand.sealer, approvals)
    commands = Commands(RolloutStore(any_database), registry, sequential, clock, authority)
    rollout = await commands.deploy(MES, PRODUCTION, FIRST, actor="kim", reason="new", proposer_id="us-kim")
    document = await commands.document_of_answer(rollout.id, is_yes=True)
    signed = await registry.signed(MES, FIRST)
    assert document.values["artifacts"] == {
        f"{each.role.value}/{each.name}": each.sha256 for each in signed.artifacts
    }
    with pytest.raises(Forbidden, match="ada shipped or proposed it"):
        await commands.approve(rollout.id, hand.sign(document, "ada", clock.now()), {"approver"})
    await commands.approve(rollout.id, hand.sign(document, "lee", clock.now()), {"approver"})
    assert (await approvals.answers(rollout)).approvals == 1

    async with any_database.transaction() as tx:  # the table is an index; what is signed is what counts
        await tx.execute(update(releases).values(artifacts=[]))
    assert (await approvals.answers(rollout)).approvals == 1

    described = [*(tmp_path / "home" / "registry" / "targets").rglob("*release.json")]
    assert described
    for path in described:
        path.write_bytes(path.read_bytes().replace(b"sbom.json", b"sbon.json"))
    answers = await approvals.answers(rollout)
    assert answers.approvals == 0
    assert "the release does not verify" in answers.problem


async def test_who_shipped_is_not_known_once_the_table_was_made_anew(
    any_database: Database, registry: ReleaseStore
) -> None:
    assert await registry.shipper(MES, FIRST) == "ada"
    async with any_database.transaction() as tx:
        await tx.execute(delete(releases))
    assert await registry.shipper(MES, FIRST) == ""
    await registry.reindex()
    assert await registry.shipper(MES, FIRST) == ""

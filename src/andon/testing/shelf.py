"""Releases on a shelf and people's word over them, for tests of what people ask of rollouts."""

from dataclasses import dataclass
from datetime import UTC, datetime

from andon.access.policies.model import Policy
from andon.access.signatures.store import SignatureStore
from andon.kernel.errors import AndonError, NotFound
from andon.kernel.ids import RunId, Sha256, UnitName, Version
from andon.releases.model import Artifact, Release, Role
from andon.rollouts.approvals import Approvals
from andon.rollouts.authority import Authority
from andon.rollouts.sets.answers import SetAnswers
from andon.rollouts.sets.store import SetStore
from andon.rollouts.store import RolloutStore
from andon.store.engine import Database
from andon.testing.signing import Hand, Set
from andon.units.model import Manifest

_REVOKED = NotFound("release-revoked", "it was revoked")


@dataclass(frozen=True, slots=True)
class Shelf:
    """A catalog with one manifest for all its versions. error: what a look at `wrong` finds."""

    of: Manifest
    shipped_by: str = "kim"
    bytes_of: str = "a"
    wrong: Version | None = None
    error: AndonError = _REVOKED

    async def manifest(self, _unit: UnitName, _version: Version) -> Manifest:
        """The manifest of a release."""
        return self.of

    async def installable(self, unit: UnitName, version: Version) -> Release:
        """The release, when it may be installed."""
        if version == self.wrong:
            raise self.error
        return await self.signed(unit, version)

    async def signed(self, unit: UnitName, version: Version) -> Release:
        """The release as it is signed."""
        wheel = Artifact(Role.WHEELHOUSE, "wheels.tar", Sha256(self.bytes_of * 64), 1)
        return Release(unit, version, (wheel,), "c0ffee", RunId("run-1"), datetime(2026, 1, 1, tzinfo=UTC))

    async def shipper(self, _unit: UnitName, _version: Version) -> str:
        """Who shipped it."""
        return self.shipped_by


def an_authority(database: Database, shelf: Shelf, hand: Hand | None = None, *policies: Policy) -> Authority:
    """Real approvals over the database; environments demand nothing but what `policies` say."""
    sealer = (hand or Hand()).sealer
    demands = Set({each.environment: each for each in policies})
    written = SignatureStore(database)
    together = SetAnswers(SetStore(database), RolloutStore(database), written, sealer, shelf)
    return Authority(demands, sealer, Approvals(written, sealer, shelf, maker_of, together=together))


async def maker_of(name: str) -> str | None:
    """Who made a machine token: `ci-of-kim` is kim's."""
    return name.partition("-of-")[2] or None

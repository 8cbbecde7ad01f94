"""People who sign and policies that demand it, for tests: real seals, no passwords."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from andon.access.model import PRODUCTION
from andon.access.policies.model import Policy
from andon.access.signatures.model import Document, Meaning, Signature
from andon.access.signatures.seal import Sealer
from andon.kernel.ids import new_id


def a_sealer() -> Sealer:
    """Seals with a key that nobody else has."""
    return Sealer(Ed25519PrivateKey.generate())


@dataclass(frozen=True, slots=True)
class Hand:
    """Signs in the name of people whose password was checked."""

    sealer: Sealer = field(default_factory=a_sealer)

    def sign(self, document: Document, who: str, at: datetime, reason: str = "I looked at it") -> Signature:
        """A sealed signature of the person with login `who`, whose id is `us-{who}`."""
        made = Signature(
            id=new_id("sg", at),
            document=document,
            document_hash=document.hash,
            signer_id=f"us-{who}",
            signer=who,
            display_name=who.capitalize(),
            meaning=Meaning.APPROVED,
            reason=reason,
            at=at,
            method="password",
        )
        return replace(made, seal=self.sealer.seal(made))


@dataclass(frozen=True, slots=True)
class Set:
    """Policies as they are set; an environment that is not named demands nothing."""

    policies: Mapping[str, Policy] = field(default_factory=dict)

    async def get(self, environment: str) -> Policy:
        """The policy in force."""
        return self.policies.get(environment, Policy(environment, is_production=environment == PRODUCTION))

    async def production(self) -> Collection[str]:
        """Names of the environments that are production."""
        return {PRODUCTION} | {name for name, policy in self.policies.items() if policy.is_production}

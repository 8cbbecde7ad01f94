"""What people answered at a gate, looked up anew each time: nothing that was counted before is believed.

A signature counts for the rollout as it is now: its plan, and the bytes of the release as they are signed.
When a gate is open is said in `gates.py`.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from andon.access.signatures.model import Action, Document, Signature, Standing
from andon.access.tokens.model import MACHINE_ACTOR
from andon.kernel.errors import Damaged, NotFound, Untrusted
from andon.kernel.ids import UnitName, Version
from andon.releases.model import Release
from andon.rollouts import documents, gates
from andon.rollouts.gates import NO, YES, Answered
from andon.rollouts.model import UNANSWERED, Answers, Rollout
from andon.rollouts.steps import Gate

_MOST = 1000


class Shipped(Protocol):
    """What is known of a published release (`releases/store.py`)."""

    async def signed(self, unit: UnitName, version: Version) -> Release:
        """The release as it is signed, verified anew.

        Raises:
            NotFound: there is no such release. Untrusted, Damaged: it does not verify.
        """
        ...

    async def shipper(self, unit: UnitName, version: Version) -> str:
        """Login of who shipped it; empty where nobody knows."""
        ...


class Written(Protocol):
    """The signatures that were made (`access/signatures/store.py`)."""

    async def list(self, subject: str | None = None, limit: int = 100) -> Sequence[Signature]: ...


class Seals(Protocol):
    """Says what a signature is worth (`access/signatures/seal.py`)."""

    def standing(self, signature: Signature, present: Document | None = None) -> Standing: ...


class Together(Protocol):
    """Signatures over whole sets (`sets/answers.py`)."""

    async def of(self, rollout: Rollout, gate: Gate) -> Sequence[tuple[Signature, Standing]]:
        """Each yes to the rollout's set that is one at this gate, with what it is worth."""
        ...

    async def today(self, signed: Document) -> Document:
        """What was signed about a set, as it would be today; raises NotFound, Untrusted, Damaged."""
        ...


class Alone:
    """Where there are no sets."""

    async def of(self, _rollout: Rollout, _gate: Gate) -> Sequence[tuple[Signature, Standing]]:
        """None."""
        return ()

    async def today(self, signed: Document) -> Document:
        """It was of none: raises NotFound."""
        raise NotFound("no-such-set", f"there is no set {signed.subject}", hint="andon sets list")


_ALONE = Alone()
# Login of who made the machine token of this name, also of one that ended (`access/tokens/tokens.py`).
MakerOf = Callable[[str], Awaitable[str | None]]


class Approvals:
    """Reads the answers at gates."""

    def __init__(
        self,
        written: Written,
        seals: Seals,
        shipped: Shipped,
        maker_of: MakerOf,
        *,
        together: Together = _ALONE,
    ) -> None:
        self._written = written
        self._seals = seals
        self._shipped = shipped
        self._maker_of = maker_of
        self._together = together

    async def answers(self, rollout: Rollout) -> Answers:
        """What counts at the rollout's gate now; nothing where it waits at none.

        Raises:
            Unavailable: the registry or the database does not answer.
        """
        if rollout.approval is None:
            return UNANSWERED
        found = await self.look(rollout)
        return UNANSWERED if found is None else found.answers

    async def look(self, rollout: Rollout) -> Answered | None:
        """The approval with its answers, as people see it; None where the plan has none.

        Of several it is the one at which it waits, else the one before, else the first.
        """
        gate = gates.shown(rollout)
        if gate is None:
            return None
        made = [
            each
            for each in await self._written.list(f"rollout/{rollout.id}", _MOST)
            if each.document.action is Action.APPROVE and documents.gate_of(rollout, each.document) == gate
        ]
        involved = await self.involved((rollout.unit, rollout.candidate), rollout.actor, rollout.proposer_id)
        signatures, problem = await self._weighed(rollout, made) if made else ((), "")
        signatures = (*signatures, *await self._together.of(rollout, gate))
        answers = gates.counted(signatures, involved, problem)
        return Answered(gate, rollout.approval is not None, answers, signatures, involved)

    async def document(self, rollout: Rollout, *, is_yes: bool, gate: Gate | None = None) -> Document:
        """What is signed to say yes or no now. gate: another than the one that people see.

        Raises:
            NotFound, Untrusted, Damaged, Unavailable: the release cannot be read, so nobody can approve it.
        """
        release = await self._shipped.signed(rollout.unit, rollout.candidate)
        return documents.answer(rollout, release, gate or gates.shown(rollout), is_yes=is_yes)

    async def present(self, rollout: Rollout, signed: Document) -> Document:
        """What was signed at the rollout's gate, as it would be today. Raises like `document`."""
        is_yes, gate = signed.values.get("answer") == YES, documents.gate_of(rollout, signed)
        return await self.document(rollout, is_yes=is_yes, gate=gate)

    async def present_of_set(self, signed: Document) -> Document:
        """What was signed about a whole set, as it would be today. Raises like `document`."""
        return await self._together.today(signed)

    async def involved(
        self, release: tuple[UnitName, Version], actor: str, proposer_id: str
    ) -> frozenset[str]:
        """Who shipped a release and who proposed to roll it out; behind a machine its maker, too."""
        shipper = await self._shipped.shipper(*release)
        makers = [
            await self._maker_of(each.removeprefix(MACHINE_ACTOR)) or ""
            for each in (actor, shipper)
            if each.startswith(MACHINE_ACTOR)
        ]
        return gates.involved(proposer_id, actor, shipper, *makers)

    async def _weighed(
        self, rollout: Rollout, made: Sequence[Signature]
    ) -> tuple[tuple[tuple[Signature, Standing], ...], str]:
        """Each signature with what it is worth; without a release that verifies, no yes is worth anything."""
        try:
            release = await self._shipped.signed(rollout.unit, rollout.candidate)
        except (NotFound, Untrusted, Damaged) as error:
            worth = [self._seals.standing(each) for each in made]
            known = [Standing.UNSIGNED if each is Standing.VALID else each for each in worth]
            return tuple(zip(made, known, strict=True)), f"the release does not verify: {error.message}"
        gate = gates.shown(rollout)
        present = {
            answer: documents.answer(rollout, release, gate, is_yes=answer == YES) for answer in (YES, NO)
        }
        return tuple(
            (each, self._seals.standing(each, present.get(str(each.document.values.get("answer")))))
            for each in made
        ), ""

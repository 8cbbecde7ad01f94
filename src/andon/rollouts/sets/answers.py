"""Reads what was signed about whole sets, and says what it is worth today.

It reads only: who may sign is in `approving.py`, what is signed in `signing.py`.
"""

from collections.abc import Sequence
from typing import Protocol

from andon.access.signatures.model import Action, Document, Signature, Standing
from andon.kernel.errors import Damaged, NotFound, Untrusted
from andon.kernel.ids import RolloutId
from andon.rollouts.approvals import Seals, Shipped, Written
from andon.rollouts.model import Rollout
from andon.rollouts.sets import signing
from andon.rollouts.sets.model import SetRollout
from andon.rollouts.sets.signing import Whole
from andon.rollouts.steps import Gate

_MOST = 1000


class Sets(Protocol):
    """The sets on their way (`sets/store.py`)."""

    async def get(self, set_: str) -> SetRollout: ...


class Rollouts(Protocol):
    """The rollouts (`store.py`)."""

    async def get(self, rollout: RolloutId) -> Rollout: ...


class SetAnswers:
    """The yes of people to whole sets."""

    def __init__(
        self, sets: Sets, rollouts: Rollouts, written: Written, seals: Seals, shipped: Shipped
    ) -> None:
        self._sets = sets
        self._rollouts = rollouts
        self._written = written
        self._seals = seals
        self._shipped = shipped

    async def of(self, rollout: Rollout, gate: Gate) -> Sequence[tuple[Signature, Standing]]:
        """Each yes to its set that is one at this gate, with what it is worth; none where it is in no set.

        Raises:
            Unavailable: the registry or the database does not answer.
        """
        own = signing.belongs_to(rollout.plan)
        if not own:
            return ()
        try:
            whole = await self.whole(own)
        except (NotFound, Damaged):
            return ()
        return await self.made(whole) if signing.covers(whole, rollout, gate) else ()

    async def made(self, whole: Whole) -> Sequence[tuple[Signature, Standing]]:
        """Each yes to the set; one that is genuine is worth nothing once any member changed."""
        found = await self._written.list(signing.subject(whole.set_.id), _MOST)
        mine = [each for each in found if each.document.action is Action.APPROVE]
        if not mine:
            return ()
        try:
            present = await self.document(whole)
        except (NotFound, Untrusted, Damaged):
            present = Document(Action.APPROVE, signing.subject(whole.set_.id), {})
        return [(each, self._seals.standing(each, present)) for each in mine]

    async def whole(self, set_: str) -> Whole:
        """The set with the rollouts of its members; raises NotFound, Damaged."""
        found = await self._sets.get(set_)
        own = [
            await self._rollouts.get(RolloutId(each.rollout)) if each.rollout else None
            for each in found.parts
        ]
        return Whole(found, own)

    async def document(self, whole: Whole) -> Document:
        """What a yes to all of it signs now.

        Raises:
            NotFound, Untrusted, Damaged, Unavailable: a release cannot be read, so nobody can sign it.
        """
        releases = [
            await self._shipped.signed(each.unit, each.version) for each, _stable, _plan in whole.plans
        ]
        return signing.document(whole, releases)

    async def today(self, signed: Document) -> Document:
        """What was signed about a whole set, as it would be today. Raises like `whole` and `document`."""
        return await self.document(await self.whole(signing.set_of(signed)))

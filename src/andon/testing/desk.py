"""The rollouts' commands over one database, with a hand that signs for people: what tests of both ask at."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from andon.access.policies.model import Policy, default
from andon.access.signatures.model import Action, Document, Signature
from andon.judge import sequential
from andon.kernel.clock import ManualClock
from andon.kernel.ids import Version
from andon.rollouts.actions import ConfirmStep, Decision, SetShare
from andon.rollouts.commands import Commands
from andon.rollouts.looks.store import Change
from andon.rollouts.model import Answers, Rollout
from andon.rollouts.store import RolloutStore
from andon.rollouts.transitions import apply
from andon.store.engine import Database
from andon.testing.rolling import AT, NEW, PRODUCTION, UNIT, a_manifest
from andon.testing.shelf import Shelf, an_authority
from andon.testing.signing import Hand
from andon.timeline.store import Filter, TimelineStore

ROLES, NEXT = ("approver",), Version("1.2.0")
BY: dict[str, Any] = {"actor": "kim", "reason": "because", "proposer_id": "us-kim"}
TWO = Policy(PRODUCTION, 1, is_production=True, approvals=2, signed=frozenset(Action))


@dataclass
class Desk:
    """The commands over one database, and a hand that signs for people."""

    database: Database
    policy: Policy = field(default_factory=lambda: default(PRODUCTION))
    shelf: Shelf = field(default_factory=lambda: Shelf(a_manifest(), shipped_by="ada"))
    hand: Hand = field(default_factory=Hand)
    clock: ManualClock = field(default_factory=lambda: ManualClock(AT))

    @property
    def store(self) -> RolloutStore:
        """The rollouts' rows."""
        return RolloutStore(self.database)

    @property
    def authority(self) -> Any:
        """Whose word is needed here."""
        return an_authority(self.database, self.shelf, self.hand, self.policy)

    @property
    def commands(self) -> Commands:
        """What people ask."""
        return Commands(self.store, self.shelf, sequential, self.clock, self.authority)

    async def gated(self, **options: Any) -> Rollout:
        """A rollout that waits at its gate."""
        rollout = await self.commands.deploy(UNIT, PRODUCTION, NEW, **(BY | options))
        assert rollout.is_gated
        return rollout

    async def answer(
        self, rollout: Rollout, who: str, *, is_yes: bool = True, roles: Collection[str] = ROLES
    ) -> Rollout:
        """A signed yes or no of `who`."""
        document = await self.commands.document_of_answer(rollout.id, is_yes=is_yes)
        given = self.sign(document, who)
        return await (self.commands.approve if is_yes else self.commands.reject)(rollout.id, given, roles)

    def sign(self, document: Document, who: str = "lee") -> Signature:
        """The signature of `who`."""
        return self.hand.sign(document, who, self.clock.now())

    async def answers(self, rollout: Rollout) -> Answers:
        """What counts at the gate now."""
        found: Answers = await self.authority.approvals.answers(await self.store.get(rollout.id))
        return found

    async def do(self, rollout: Rollout, *actions: Any) -> None:
        """Decide these things, one after the other."""
        for action in actions:
            before = await self.store.load(rollout.id)
            decision = Decision(action, "done")
            after = apply(before.rollout, decision, AT)
            await self.store.save(Change(before, after, None, None, AT), decision)

    async def serving(self) -> Rollout:
        """A rollout that was approved and serves its step."""
        rollout = await self.gated()
        await self.answer(rollout, "lee")
        await self.do(rollout, SetShare(1.0), ConfirmStep())
        return await self.store.get(rollout.id)

    async def kinds(self, subject: str) -> list[str]:
        """Kinds of the records about `subject`, oldest first."""
        found = await TimelineStore(self.database).list(Filter(subject=subject), newest_first=False)
        return [each.event.kind for each in found]

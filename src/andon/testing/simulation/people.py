"""What people do to a simulated rollout, often at the wrong moment. What makes no sense then is refused."""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from andon.access.tokens.model import MACHINE_ACTOR
from andon.kernel.clock import Clock
from andon.kernel.errors import AndonError, Conflict, Forbidden, NotFound
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version
from andon.rollouts.commands import Commands
from andon.rollouts.model import RequestKind
from andon.testing.signing import Hand

_REFUSED: tuple[type[AndonError], ...] = (Conflict, Forbidden, NotFound)


@dataclass(slots=True)
class People:
    """Everybody who may act. rollout: the one that it is about; kim shipped and proposed it."""

    commands: Commands
    clock: Clock
    unit: UnitName
    environment: EnvironmentName
    rollout: RolloutId
    hand: Hand = field(default_factory=Hand)

    async def ask(self, kind: RequestKind, who: str = "kim") -> None:
        """Click on one of the four verbs."""
        with contextlib.suppress(*_REFUSED):
            await self.commands.request(self.rollout, kind, who, "because")

    async def answer(self, who: str, *, is_yes: bool = True) -> None:
        """Sign a yes or a no at the gate."""
        with contextlib.suppress(*_REFUSED):
            document = await self.commands.document_of_answer(self.rollout, is_yes=is_yes)
            signed = self.hand.sign(document, who, self.clock.now())
            act = self.commands.approve if is_yes else self.commands.reject
            await act(self.rollout, signed, ("approver",))

    async def pull(self, *, returns: bool, everywhere: bool = False) -> None:
        """Pull the cord."""
        with contextlib.suppress(*_REFUSED):
            where = None if everywhere else self.environment
            await self.commands.pull_cord(where, returns=returns, actor="lee", reason="smoke")

    async def release(self) -> None:
        """Release every cord."""
        for cord in await self.commands.cords():
            with contextlib.suppress(*_REFUSED):
                await self.commands.release_cord(cord.environment, "lee", "it was toast")

    async def deploy(self, version: Version) -> None:
        """Want another release there, whatever is under way."""
        with contextlib.suppress(*_REFUSED):
            await self.commands.deploy(self.unit, self.environment, version, actor="max", reason="mine first")

    async def deploy_by_machine(self, version: Version) -> None:
        """A pipeline wants a release there by itself."""
        with contextlib.suppress(*_REFUSED):
            await self.commands.deploy(
                self.unit, self.environment, version, actor=f"{MACHINE_ACTOR}ci", reason="it was built"
            )

    async def roll_back(self) -> None:
        """Want what was there before."""
        with contextlib.suppress(*_REFUSED):
            await self.commands.rollback(self.unit, self.environment, actor="lee", reason="it looks odd")


Deed = Callable[[People], Awaitable[None]]


async def _ask(kind: RequestKind, people: People) -> None:
    await people.ask(kind)


pause: Deed = partial(_ask, RequestKind.PAUSE)
resume: Deed = partial(_ask, RequestKind.RESUME)
promote: Deed = partial(_ask, RequestKind.PROMOTE)
abort: Deed = partial(_ask, RequestKind.ABORT)


async def lee_approves(people: People) -> None:
    """Somebody uninvolved says yes."""
    await people.answer("lee")


async def max_approves(people: People) -> None:
    """Somebody else says yes."""
    await people.answer("max")


async def kim_approves_too(people: People) -> None:
    """Who shipped and proposed it says yes."""
    await people.answer("kim")


async def max_rejects(people: People) -> None:
    """Somebody says no."""
    await people.answer("max", is_yes=False)


async def freeze(people: People) -> None:
    """The cord, here."""
    await people.pull(returns=False)


async def freeze_everywhere(people: People) -> None:
    """The cord, everywhere."""
    await people.pull(returns=False, everywhere=True)


async def take_back(people: People) -> None:
    """The cord that returns."""
    await people.pull(returns=True)


async def release(people: People) -> None:
    """No cord any more."""
    await people.release()


async def rival(people: People) -> None:
    """Another release is wanted in the same place."""
    await people.deploy(Version("1.2.0"))


async def machine(people: People) -> None:
    """A pipeline wants another release there."""
    await people.deploy_by_machine(Version("1.3.0"))


async def roll_back(people: People) -> None:
    """What was there before is wanted again."""
    await people.roll_back()


ANSWERS: tuple[Deed, ...] = (lee_approves, lee_approves, max_approves, kim_approves_too, max_rejects)
CLICKS: tuple[Deed, ...] = (
    pause,
    resume,
    promote,
    abort,
    freeze,
    freeze_everywhere,
    take_back,
    release,
    rival,
    machine,
    roll_back,
)

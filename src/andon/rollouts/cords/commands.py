"""What people ask of the cord: pull it, release it. Everything else leaves the cord alone."""

from andon.access.signatures.model import Action, Document, Signature
from andon.kernel.errors import InvalidInput
from andon.kernel.ids import EnvironmentName
from andon.rollouts import documents
from andon.rollouts.desk import Desk
from andon.rollouts.model import Cord


class CordCommands(Desk):
    """Pull the cord and release it."""

    async def pull_cord(
        self,
        environment: EnvironmentName | None,
        *,
        returns: bool,
        actor: str,
        reason: str,
        signature: Signature | None = None,
    ) -> Cord:
        """Freeze every rollout there, or everywhere; `returns` also aborts each of them.

        Where it is pulled already, the one thing left is to let it return as well. signature: of a return,
        where the policy wants aborts signed; the cord of everywhere counts as production's.

        Raises:
            InvalidInput: no reason was given. Forbidden: the policy wants a signature.
            Untrusted: it is forged. Conflict: it is pulled already, or something else was signed.
        """
        _needs_reason(reason, "pulling")
        cord = Cord(environment, returns, actor, reason, self._clock.now())
        await self._store.cord.check_pull(environment, returns=returns)
        if returns:
            wanted = documents.pull(environment, await self._store.active(environment))
            await self._authority.demand(Action.ABORT, environment, signature, wanted)
        await self._store.cord.pull(cord, signature if returns else None)
        return cord

    async def document_of_pull(self, environment: EnvironmentName | None) -> Document:
        """What `pull_cord` with a return wants signed; raises Conflict where it is pulled so already."""
        await self._store.cord.check_pull(environment, returns=True)
        return documents.pull(environment, await self._store.active(environment))

    async def release_cord(
        self,
        environment: EnvironmentName | None,
        actor: str,
        reason: str,
        *,
        signature: Signature | None = None,
    ) -> None:
        """Let things go on. The cord of everywhere counts as production's.

        Raises:
            InvalidInput: no reason was given. NotFound: it is not pulled there.
            Forbidden: the policy wants a signature. Untrusted: it is forged.
            Conflict: another cord was pulled there in between, or something else was signed.
        """
        _needs_reason(reason, "releasing")
        pulled = await self._store.cord.get(environment)
        await self._authority.demand(Action.RELEASE_CORD, environment, signature, documents.cord(pulled))
        await self._store.cord.release(pulled, (actor, reason), self._clock.now(), signature)

    async def document_of_cord(self, environment: EnvironmentName | None) -> Document:
        """What `release_cord` wants signed; raises NotFound."""
        return documents.cord(await self._store.cord.get(environment))

    async def cords(self) -> list[Cord]:
        """The cords that are pulled."""
        return list(await self._store.cords())


def _needs_reason(reason: str, what: str) -> None:
    if not reason.strip():
        raise InvalidInput("no-reason", f"{what} the cord needs a reason", hint="--reason TEXT")

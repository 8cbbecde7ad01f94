"""Releases that must not run in an environment any more: whoever has one goes to another.

A recall is durable with its record before the roster knows it; the loop then works out what follows. The
right to ask is looked at by the edge.
"""

from collections.abc import Callable
from typing import Protocol

from andon.access.signatures.model import Action, Document, Signature
from andon.fleet.model import Recall, needs_reason
from andon.fleet.roster import Roster
from andon.fleet.updates import Files
from andon.fleet.wanting.store import WantingStore
from andon.kernel.clock import Clock
from andon.kernel.errors import Conflict, InvalidInput, NotFound
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.timeline.records import Event, Severity

_ANOTHER = "--to another version that ran there well; andon fleet versions, andon fleet recalls"


class Sealed(Protocol):
    """Sees that what was signed is what is asked (`fleet_parts.py`)."""

    async def __call__(
        self, action: Action, environment: EnvironmentName, signature: Signature | None, present: Document
    ) -> None:
        """Raises Forbidden where the policy wants a signature, Untrusted, Conflict."""
        ...


class Fared(Protocol):
    """Knows how releases fared (`fleet_parts.py`)."""

    async def __call__(self, unit: UnitName, environment: EnvironmentName, version: Version) -> str:
        """That it was taken back or failed there, as a sentence; empty where nothing speaks against it."""
        ...


class Recalls:
    """Recalls and their end. changed: called after each, so that what follows comes at once.

    files: of a release that may be installed.
    """

    def __init__(
        self,
        wanting: WantingStore,
        roster: Roster,
        clock: Clock,
        *,
        sealed: Sealed,
        files: Files,
        fared: Fared,
    ) -> None:
        self._wanting = wanting
        self._roster = roster
        self._clock = clock
        self._sealed = sealed
        self._files = files
        self._fared = fared
        self.changed: Callable[[], None] = _nobody

    def document(
        self, unit: UnitName, environment: EnvironmentName, versions: tuple[Version, Version], *, direct: bool
    ) -> Document:
        """What `recall` wants signed. versions: the one that is recalled, and the one to go to."""
        values = {
            "unit": unit, "environment": environment, "recalls": versions[0], "to": versions[1],
            "direct": direct,
        }  # fmt: skip
        return Document(Action.ROLLBACK, _recalled(unit, environment, versions[0]), values)

    async def recall(  # noqa: PLR0913  what, where, who, why and by whose word
        self,
        unit: UnitName,
        environment: EnvironmentName,
        versions: tuple[Version, Version],
        actor: str,
        reason: str,
        *,
        direct: bool = False,
        signature: Signature | None = None,
    ) -> Recall:
        """A release must not run there any more: whoever has it goes to the other one.

        Raises:
            InvalidInput: no reason, or it would go to itself.
            Conflict: the other one is recalled as well, was taken back there, or failed in the field.
            NotFound: the other one may not be installed: there is none, or it was revoked.
            Forbidden, Untrusted: the signature.
        """
        needs_reason(reason)
        version, to = versions
        if version == to:
            raise InvalidInput("bad-recall", f"{version} cannot take its own place", hint="--to VERSION")
        recalls = (await self._wanting.said()).recalls
        here = [each for each in recalls if (each.unit, each.environment) == (unit, environment)]
        if any(each.version == to for each in here):
            raise Conflict("recalled-too", f"{to} was recalled as well", hint=_ANOTHER)
        await self._files(unit, to)
        if why := await self._fared(unit, environment, to):
            raise Conflict("recalled-to-bad", f"no fleet is sent to it: {why}", hint=_ANOTHER)
        await self._sealed(
            Action.ROLLBACK,
            environment,
            signature,
            self.document(unit, environment, versions, direct=direct),
        )
        made = Recall(unit, environment, version, to, direct, reason, actor, self._clock.now())
        told = Event(
            "fleet.recalled", _recalled(unit, environment, version), actor, reason, unit=unit,
            environment=environment, severity=Severity.WARNING,
            after={"version": version, "to": to, "direct": direct},
        )  # fmt: skip
        await self._wanting.recall(made, told, signature)
        self._roster.is_stale = True
        self.changed()
        return made

    async def lift(
        self, unit: UnitName, environment: EnvironmentName, version: Version, actor: str, reason: str
    ) -> None:
        """The release may run there again; raises NotFound where it was not recalled."""
        needs_reason(reason)
        told = Event(
            "fleet.recall-lifted", _recalled(unit, environment, version), actor, reason, unit=unit,
            environment=environment, before={"version": version},
        )  # fmt: skip
        if not await self._wanting.lift((unit, environment, version), told, self._clock.now()):
            raise NotFound("no-recall", f"{unit} {version} is not recalled there", hint="andon fleet recalls")
        self._roster.is_stale = True
        self.changed()


def _nobody() -> None:
    """Before it is wired to a loop, nobody is woken."""


def _recalled(unit: UnitName, environment: EnvironmentName, version: Version) -> str:
    return f"recall/{environment}/{unit}@{version}"

"""Going back with a whole environment: all that changed there within some time, the latest change first.

What is under way is aborted; each unit whose present release finished there within that time goes back to the
release before. One that cannot is named, and holds up nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from andon.access.signatures.model import Action, Document, Signature
from andon.kernel.errors import AndonError
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.rollouts.desk import Asked
from andon.rollouts.model import Rollout
from andon.rollouts.returning import Returning
from andon.rollouts.stables.store import Stable

_MOST = 500


@dataclass(frozen=True, slots=True)
class Turn:
    """What going back does to one unit. rollout: the one that it aborts, or began; problem: why it cannot."""

    unit: UnitName
    leaving: Version
    to: Version | None
    is_abort: bool
    rollout: str = ""
    problem: str = ""


class GroupCommands(Returning):
    """Roll back all units of an environment."""

    async def affected(self, environment: EnvironmentName, since: timedelta) -> Sequence[Turn]:
        """What `rollback_all` would do now; the latest change first, nothing is written."""
        found: list[tuple[datetime, Turn]] = []
        for unit in await self._units(environment):
            active = await self._store.find_active(unit, environment)
            history = await self._store.stables(unit, environment)
            if active is not None:
                turn = Turn(unit, active.candidate, active.stable, is_abort=True, rollout=active.id)
                found.append((active.created_at, turn))
            elif _is_recent_change(history, self._clock.now(), since):
                found.append((history[0].since_at, await self._turn(unit, environment, history[0].version)))
        return [turn for _at, turn in sorted(found, key=lambda each: each[0], reverse=True)]

    async def rollback_all(
        self,
        environment: EnvironmentName,
        since: timedelta,
        *,
        actor: str,
        reason: str,
        signature: Signature | None = None,
    ) -> Sequence[Turn]:
        """Go back with every unit that `affected` names; each with what came of it.

        Raises:
            Forbidden: the policy wants a signature. Untrusted: it is forged. Conflict: over something else.
        """
        turns = await self.affected(environment, since)
        await self.demand(Action.ROLLBACK, environment, signature, _document(environment, turns))
        done, left = [], signature
        for turn in turns:
            try:
                begun = await self._go(environment, turn, Asked(actor, reason, signature=left))
                left = None  # one signature stands for all of it, and is stored once
                done.append(replace(turn, rollout=begun.id))
            except AndonError as error:
                done.append(replace(turn, problem=turn.problem or error.message))
        return done

    async def document_of_rollback_all(self, environment: EnvironmentName, since: timedelta) -> Document:
        """What `rollback_all` wants signed."""
        return _document(environment, await self.affected(environment, since))

    async def _units(self, environment: EnvironmentName) -> Sequence[UnitName]:
        found = await self._store.list(None, environment, _MOST)
        return sorted({each.unit for each in found})

    async def _turn(self, unit: UnitName, environment: EnvironmentName, leaving: Version) -> Turn:
        try:
            return Turn(unit, leaving, await self._former(unit, environment), is_abort=False)
        except AndonError as error:
            return Turn(unit, leaving, None, is_abort=False, problem=error.message)

    async def _go(self, environment: EnvironmentName, turn: Turn, asked: Asked) -> Rollout:
        if turn.is_abort:
            active = await self._store.find_active(turn.unit, environment)
            if active is not None:
                return await self._abort_for(active, asked)
        to = turn.to or await self._former(turn.unit, environment)
        current, made = await self.planned_back(turn.unit, environment, to)
        return await self._begin((turn.unit, environment, to), current, made, asked)


def _is_recent_change(history: Sequence[Stable], now: datetime, since: timedelta) -> bool:
    """Whether the present release came within that time; one that came back is no change to go back from."""
    if not history or now - history[0].since_at > since:
        return False
    return all(each.version != history[0].version for each in history[1:])


def _document(environment: EnvironmentName, turns: Sequence[Turn]) -> Document:
    units = {each.unit: {"from": each.leaving, "to": each.to} for each in turns}
    aborts = sorted(each.rollout for each in turns if each.is_abort)
    values = {"environment": environment, "units": units, "aborts": aborts}
    return Document(Action.ROLLBACK, f"environment/{environment}", values)

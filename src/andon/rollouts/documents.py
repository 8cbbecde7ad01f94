"""What exactly people sign about rollouts. Pure. The hash of a document binds a signature to all of it."""

from collections.abc import Sequence
from typing import Any

from andon.access.policies.model import Bounds
from andon.access.signatures.model import Action, Document
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version
from andon.releases.model import Release
from andon.rollouts import codec, gates
from andon.rollouts.model import Cord, RequestKind, Rollout
from andon.rollouts.plan import hash_of
from andon.rollouts.steps import Gate

# Where a rollout is moves on while its abort is being signed; the abort means all the rest.
_MOVING = {"phase", "stage", "step"}
SIGNED = {RequestKind.ABORT: Action.ABORT, RequestKind.PROMOTE: Action.PROMOTE}


def answer(rollout: Rollout, release: Release, gate: Gate | None, *, is_yes: bool) -> Document:
    """A yes or a no at `gate`: to this plan, with these bytes, in the role that the gate asks for.

    The plan's hash is worked out anew.
    """
    values = _what(rollout) | {
        "artifacts": {f"{each.role.value}/{each.name}": each.sha256 for each in release.artifacts},
        "gate": codec.encode(gate),
        "role": gate.approver_role if gate else "",
        "answer": gates.YES if is_yes else gates.NO,
    }
    return Document(Action.APPROVE, _subject(rollout.id), values)


def gate_of(rollout: Rollout, signed: Document) -> Gate | None:
    """The approval that a signed answer names; the one that people see where the plan does not have it."""
    named = signed.values.get("gate")
    found = (each for each in gates.approvals(rollout) if codec.encode(each) == named)
    return next(found, gates.shown(rollout))


def request(rollout: Rollout, kind: RequestKind) -> Document:
    """An abort or a promotion, with where the rollout is."""
    where = {"phase": rollout.phase.value, "stage": rollout.stage.value, "step": rollout.step}
    return Document(SIGNED[kind], _subject(rollout.id), _what(rollout) | where)


def closing(rollout: RolloutId, unit: UnitName, environment: EnvironmentName) -> Document:
    """The abort of a rollout whose record is damaged: its plan cannot be named."""
    values = {"rollout": rollout, "unit": unit, "environment": environment, "is_damaged": True}
    return Document(Action.ABORT, _subject(rollout), values)


def rollback(
    unit: UnitName, environment: EnvironmentName, leaving: Version | None, to: Version | None, aborts: str
) -> Document:
    """A return. leaving: what has the environment now; aborts: id of the rollout that it ends, or empty."""
    values = {"unit": unit, "environment": environment, "from": leaving, "to": to, "aborts": aborts}
    return Document(Action.ROLLBACK, f"unit/{unit}", values)


def override(unit: UnitName, environment: EnvironmentName, version: Version, bounds: Bounds) -> Document:
    """A deployment of what did not finish where the policy asks for it."""
    values = {
        "unit": unit,
        "environment": environment,
        "version": version,
        "promotes_from": bounds.promotes_from,
        "min_age_s": bounds.min_age.total_seconds(),
    }
    return Document(Action.OVERRIDE, f"unit/{unit}", values)


def pull(environment: EnvironmentName | None, rollouts: Sequence[RolloutId]) -> Document:
    """A cord that returns: it aborts each of `rollouts`, those under way there."""
    values = {"environment": environment, "returns": True, "rollouts": sorted(rollouts)}
    return Document(Action.ABORT, f"cord/{environment or 'everywhere'}", values)


def cord(pulled: Cord) -> Document:
    """The release of a cord: which one, who pulled it, when and why."""
    where = pulled.environment or "everywhere"
    values = {
        "environment": pulled.environment,
        "pulled_by": pulled.actor,
        "pulled_at": pulled.at.isoformat(),
        "reason": pulled.reason,
        "returns": pulled.returns,
    }
    return Document(Action.RELEASE_CORD, f"cord/{where}", values)


def as_signed(signed: Document, present: Document) -> Document:
    """`present`, at the point of its rollout where it was signed: going on takes nothing from a signature."""
    then = {key: value for key, value in signed.values.items() if key in _MOVING}
    return Document(present.action, present.subject, {**present.values, **then})


def means_the_same(signed: Document, present: Document) -> bool:
    """Whether `signed` asks for what `present` does. Only an abort may come while the rollout moves on."""
    if signed.action is not Action.ABORT:
        return signed == present
    return (signed.action, signed.subject, _lasting(signed)) == (
        present.action,
        present.subject,
        _lasting(present),
    )


def _lasting(document: Document) -> dict[str, Any]:
    return {key: value for key, value in document.values.items() if key not in _MOVING}


def _what(rollout: Rollout) -> dict[str, Any]:
    return {
        "rollout": rollout.id,
        "unit": rollout.unit,
        "environment": rollout.environment,
        "candidate": rollout.candidate,
        "stable": rollout.stable,
        "plan": hash_of(rollout.plan),
    }


def _subject(rollout: RolloutId) -> str:
    return f"rollout/{rollout}"

"""When a gate is open, and whose yes still counts. Pure. Where the answers come from is `approvals.py`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from andon.access.rights import is_separated
from andon.access.signatures.model import Signature, Standing
from andon.rollouts.model import UNANSWERED, UNSEEN, Answers, GateState, Observation, Rollout
from andon.rollouts.steps import Gate, GateKind

YES, NO = "yes", "no"


@dataclass(frozen=True, slots=True)
class Answered:
    """A gate as people see it: its answers, the signatures with what each is worth, and who is involved.

    involved: user ids and logins, in lower case, of who shipped the release and who proposed the rollout,
    and of who made the machine tokens among them.
    """

    gate: Gate
    is_waiting: bool
    answers: Answers = UNANSWERED
    signatures: tuple[tuple[Signature, Standing], ...] = ()
    involved: frozenset[str] = frozenset()

    @property
    def is_open(self) -> bool:
        """Whether enough people said yes."""
        return is_open(self.gate, self.answers)

    @property
    def approvers(self) -> tuple[Signature, ...]:
        """Each person's counting yes, oldest first."""
        return counting(self.signatures)

    def why_not(self, signer_id: str, login: str, roles: Collection[str]) -> str:
        """Why this person cannot approve now; empty when they can.

        roles: those that they hold there. The permission is not looked at here.
        """
        if not self.is_waiting:
            return "it does not wait for an approval"
        if lacking := lacks_role(self.gate, login, roles):
            return lacking
        if self.answers.rejection:
            return self.answers.rejection
        if any(each.signer_id == signer_id for each in self.approvers):
            return f"{login} has approved it already"
        if self.is_too_involved(signer_id, login):
            return f"{login} shipped or proposed it, so the last approval must be somebody else's"
        return ""

    def is_too_involved(self, signer_id: str, login: str) -> bool:
        """Whether this yes would be the last one, with nobody uninvolved among them (separation of duty)."""
        is_last = self.answers.approvals + 1 >= self.gate.approvals
        return is_last and not self.answers.is_separated and is_involved(signer_id, login, self.involved)


def approvals(rollout: Rollout) -> tuple[Gate, ...]:
    """The gates of the plan at which people sign, in order."""
    return tuple(each for each in rollout.plan.gates if each.kind is GateKind.APPROVAL)


def shown(rollout: Rollout) -> Gate | None:
    """The approval that people see: at which it waits, else the last that it came to, else the first."""
    if rollout.approval is not None:
        return rollout.approval
    every = approvals(rollout)
    passed = [each for each in every if each.before_step <= rollout.step]
    return next(reversed(passed), next(iter(every), None))


def lacks_role(gate: Gate, login: str, roles: Collection[str]) -> str:
    """Why nothing that this person says counts at the gate; empty where they hold its role there.

    roles: those that they hold at the rollout's unit and environment. No other stands in for it, not `admin`.
    """
    if gate.approver_role in roles:
        return ""
    return f"it asks for the role {gate.approver_role}, which {login} does not hold there"


def is_open(gate: Gate | None, answers: Answers) -> bool:
    """Whether enough people said yes, one of them uninvolved, and nobody said no. No gate opens by itself."""
    if gate is None or answers.rejection:
        return False
    return answers.approvals >= max(1, gate.approvals) and answers.is_separated


def opened(answers: Answers) -> str:
    """Why it goes on."""
    return f"approved by {answers.approvals} {'person' if answers.approvals == 1 else 'people'}"


def why_shut(gate: Gate, seen: Observation) -> str:
    """Why this gate is not open, as the rest of a sentence about the rollout; empty where it is."""
    match gate.kind:
        case GateKind.APPROVAL:
            return "" if is_open(gate, seen.answers) else waiting(gate, seen.answers)
        case GateKind.HOLD:
            return f"waits until a person resumes it, at {gate.key}"
        case GateKind.WINDOW | GateKind.PRODUCTION | GateKind.WEBHOOK | GateKind.SET:
            said = seen.gates.get(gate.key, UNSEEN)
            return "" if said.state is GateState.OPEN else f"gate {gate.key} {said.reason}"
    assert_never(gate.kind)


def why_open(mine: Sequence[Gate], seen: Observation) -> str:
    """Why it goes on."""
    said = [
        opened(seen.answers)
        if each.kind is GateKind.APPROVAL
        else f"gate {each.key} {seen.gates.get(each.key, UNSEEN).reason}"
        for each in mine
    ]
    return "; ".join(said)


def waiting(gate: Gate | None, answers: Answers) -> str:
    """What it waits for, as the rest of a sentence about the rollout."""
    if gate is None:
        return "waits for approvals, but its plan does not say whose"
    left = max(gate.approvals - answers.approvals, 0 if answers.is_separated else 1)
    word = "approval" if gate.approvals == 1 else "approvals"
    who = f"{_article(gate.approver_role)} {gate.approver_role}"
    other = "" if answers.is_separated else " who neither shipped nor proposed it"
    problem = f"; {answers.problem}" if answers.problem else ""
    return f"waits for {left} of {gate.approvals} {word} by {who}{other}{problem}"


def counted(
    signatures: Sequence[tuple[Signature, Standing]], involved: Collection[str], problem: str = ""
) -> Answers:
    """What the signatures of one gate say. A yes counts while it is valid, a no as long as it is genuine.

    Both count only in the role that the gate asked for.
    """
    people = counting(signatures)
    void = sum(
        each.document.values.get("answer") == YES and not _is_counting(each, standing)
        for each, standing in signatures
    )
    approvers = {each.signer_id for each in people}
    partial = {each.signer_id for each in people if is_involved(each.signer_id, each.signer, involved)}
    rejections = [
        f"rejected by {each.signer}: {each.reason}"
        for each, standing in signatures
        if each.document.values.get("answer") == NO and standing is not Standing.FORGED and _is_in_role(each)
    ]
    lost = f"{void} {'signature does' if void == 1 else 'signatures do'} not count any more" if void else ""
    return Answers(
        approvals=len(approvers),
        is_separated=is_separated(approvers, partial),
        rejection=rejections[0] if rejections else "",
        problem=problem or lost,
    )


def counting(signatures: Sequence[tuple[Signature, Standing]]) -> tuple[Signature, ...]:
    """The valid yes of each person once, oldest first."""
    by_person: dict[str, Signature] = {}
    for each, standing in sorted(signatures, key=lambda pair: (pair[0].at, pair[0].id)):
        if _is_counting(each, standing):
            by_person.setdefault(each.signer_id, each)
    return tuple(by_person.values())


def involved(*names: str) -> frozenset[str]:
    """User ids and logins, in lower case, of who shipped the release and who proposed the rollout.

    names: theirs, and the logins of who made the machine tokens among them; empty ones are nobody's.
    """
    return frozenset(each.casefold() for each in names if each)


def is_involved(signer_id: str, login: str, names: Collection[str]) -> bool:
    """Whether this person is among the involved, by id or by login; a login is never given to anyone else."""
    return signer_id.casefold() in names or login.casefold() in names


def _is_counting(signature: Signature, standing: Standing) -> bool:
    is_yes = signature.document.values.get("answer") == YES
    return is_yes and standing is Standing.VALID and _is_in_role(signature)


def _is_in_role(signature: Signature) -> bool:
    """Whether it was signed in the role that the gate asked for then: both stand in what was signed."""
    gate, role = signature.document.values.get("gate"), signature.document.values.get("role")
    return isinstance(gate, Mapping) and bool(role) and gate.get("approver_role") == role


def _article(word: str) -> str:
    return "an" if word[:1] in "aeiou" else "a"

"""What the launcher keeps, and what it sees. Values only."""

from dataclasses import dataclass

from andon_agent.engine.model import SlotName

RESTART = 75  # the exit code with which an agent asks to be started anew (EX_TEMPFAIL)
SLOT = "ANDON_AGENT_SLOT"  # in the agent's environment: which slot it runs from


@dataclass(frozen=True, slots=True)
class Trial:
    """A new agent is to be tried. Written by the agent, counted by the launcher, removed by the new agent.

    deadline_s: by when it must have confirmed itself, of each try. outcome: empty while it is open.
    """

    slot: SlotName
    tries: int = 0
    most_tries: int = 3
    deadline_s: float = 120.0
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is on the disk. pointer: the confirmed agent's slot; whole: slots that hold a whole release."""

    pointer: SlotName | None
    whole: frozenset[SlotName]
    trial: Trial | None


@dataclass(frozen=True, slots=True)
class Start:
    """Start the agent of a slot. deadline_s: after which a try is over; None: it may run for ever."""

    slot: SlotName
    deadline_s: float | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """Note, durably, that a try begins."""

    trial: Trial


@dataclass(frozen=True, slots=True)
class Fail:
    """Note, durably, that the trial is lost."""

    trial: Trial


@dataclass(frozen=True, slots=True)
class Nothing:
    """There is no agent to start."""


Action = Start | Count | Fail | Nothing

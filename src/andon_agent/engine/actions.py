"""What the engine may do next with a unit: a closed union. Values only."""

from dataclasses import dataclass

from andon_agent.engine.model import Held, Job, Process, SlotName, Step, Target
from andon_wire.protocol import Phase


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can be done now. until_s: seconds after which something may be due."""

    until_s: float | None = None


@dataclass(frozen=True, slots=True)
class Rest:
    """Only the phase changes: what is wanted runs, or cannot be had, or a person must act."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class Adopt:
    """The journal knows nothing, and the disk has a release that ran here."""

    held: Held


@dataclass(frozen=True, slots=True)
class Reboot:
    """The machine was started anew: no process of before is left, uptimes begin at zero."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Hand over what happened."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Start the active release; noted before and after."""


@dataclass(frozen=True, slots=True)
class Note:
    """A process that was started and not noted is ours."""

    process: Process


@dataclass(frozen=True, slots=True)
class Died:
    """The process is gone; another start is due at the uptime `start_after`."""

    deaths: tuple[float, ...]
    start_after: float
    is_told: bool = True


@dataclass(frozen=True, slots=True)
class AskToEnd:
    """Ask the running process to end itself."""


@dataclass(frozen=True, slots=True)
class Kill:
    """End everything of the unit at once."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Do a job in the background."""

    job: Job


@dataclass(frozen=True, slots=True)
class Take:
    """Something else is wanted: get it into its slot."""

    target: Target


@dataclass(frozen=True, slots=True)
class Drop:
    """What was being brought here is no longer wanted."""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """All that is needed is on the disk; its slot is written next."""


@dataclass(frozen=True, slots=True)
class Installed:
    """It is whole in its slot."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It cannot be had or does not work, and is not tried again before a person says so.

    is_refused: it was not trusted. What runs goes on to run.
    """

    version: str
    attempt: int
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class Switch:
    """Now: end what runs, and go on with the target; with nothing, where there is no target."""


@dataclass(frozen=True, slots=True)
class Advance:
    """A step of a change is done; the next one begins.

    backup: the copy that was made; restored: what came back, and where what it replaced is kept.
    """

    step: Step
    backup: str = ""
    restored: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """Let the pointer name this release, or nothing."""

    to: Held | None


@dataclass(frozen=True, slots=True)
class Repoint:
    """The pointer does not name what is active; nothing else changes."""

    to: Held


@dataclass(frozen=True, slots=True)
class Confirm:
    """The active release works."""


@dataclass(frozen=True, slots=True)
class Return:
    """Go back to `to`. is_failure: the version that leaves does not work, and is not tried again."""

    to: Held
    is_failure: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """The active release is not in its slot any more, and nothing is there to go back to."""


@dataclass(frozen=True, slots=True)
class Drift:
    """The files of the active release are not what was installed, or are so again."""

    is_drifted: bool


@dataclass(frozen=True, slots=True)
class Try:
    """Ask the launcher to try the agent's new release, and end for it."""

    slot: SlotName


@dataclass(frozen=True, slots=True)
class ConfirmSelf:
    """This agent is the new one and works. to: what it is."""

    to: Held


@dataclass(frozen=True, slots=True)
class ReturnSelf:
    """The launcher went back: this agent is the former one."""

    to: Held


Action = (
    Wait | Rest | Adopt | Repoint | Reboot | Tell | Launch | Note | Died | AskToEnd | Kill | Begin | Take
    | Drop | Downloaded | Installed | GiveUp | Switch | Advance | Point | Confirm | Return | Lost | Drift
    | Try | ConfirmSelf | ReturnSelf
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Decision:
    """An action and why, one sentence for a person."""

    action: Action
    reason: str

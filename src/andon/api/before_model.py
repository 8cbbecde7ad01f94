"""What the API says of gates and tasks: the documents of `routes/before.py`."""

from datetime import datetime

from pydantic import Field

from andon.api.viewing import View


class GateLine(View):
    """One gate of a rollout's plan, and what it says now.

    `state` is ahead, waiting, open, refused, passed, or unreached where the rollout ended before it.
    """

    name: str
    kind: str = Field(description="approval, window, production, webhook or hold")
    step: int = Field(description="It stands before this step, from 0")
    asks: str = Field(description="What of it must be so, such as names of shifts")
    state: str
    reason: str = Field(description="The rest of a sentence about the gate; empty where nothing is to say")
    expires_at: datetime | None = Field(description="Without a yes by then the rollout comes back")


class TryLine(View):
    """One try of a task. `state` is running, passed, failed or lost."""

    number: int
    state: str
    started_at: datetime
    ended_at: datetime | None
    reason: str


class TaskLine(View):
    """One task of a rollout's plan, with its tries. `state` is pending, running, passed, failed or lost."""

    name: str
    kind: str = Field(description="smoke or command")
    step: int = Field(description="It runs before this step's share is asked for, from 0")
    says: str = Field(description="The command, or what is asked for")
    state: str
    reason: str
    tries: list[TryLine]


class TaskLog(View):
    """What one try printed; of much only the beginning and the end."""

    name: str
    number: int
    text: str

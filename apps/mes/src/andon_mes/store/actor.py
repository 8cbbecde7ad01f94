"""Who makes a change: what the audit writes beside every row that it sees changing."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """The application's user, device or command - never the database's - and where it asked from."""

    name: str
    ip_address: str | None = None
    user_agent: str | None = None


SYSTEM = Actor("system")
"""The MES itself: what nobody asked for, such as a control chart's hold."""

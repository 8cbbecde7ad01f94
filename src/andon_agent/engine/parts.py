"""What a unit's driver works with. Wired by whoever starts the agent, and by tests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from andon_agent.engine.health import Doctor
from andon_agent.engine.jobs import Jobs
from andon_agent.engine.model import Rules, SlotName
from andon_agent.engine.ports import Apply, Artifacts, Local, OwnHealth, Reporter
from andon_agent.hosts.host import Host
from andon_wire.disk import Disk


@dataclass(frozen=True, slots=True)
class Parts:
    """home: the agent's folder. own_unit: name of the agent's own unit, own_slot: where it runs from; both
    None where it was not started by its launcher. around: the agent's environment.
    """

    home: Path
    platform: str
    disk: Disk
    host: Host
    jobs: Jobs
    artifacts: Artifacts
    apply: Apply
    reporter: Reporter
    local: Local
    doctor: Doctor
    own_health: OwnHealth
    own_unit: str | None = None
    own_slot: SlotName | None = None
    around: Mapping[str, str] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)

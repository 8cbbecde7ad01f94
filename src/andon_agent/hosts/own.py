"""Which host this machine is."""

import hashlib
import os
from pathlib import Path

from andon_agent.hosts.host import Host


def own(home: Path) -> Host:
    """The host of the machine that asks. home: of the agent; another agent's applications are not its own."""
    owner = hashlib.sha256(bytes(home.resolve())).hexdigest()[:12]
    if os.name == "nt":
        from andon_agent.hosts.windows import Windows

        return Windows(owner)
    from andon_agent.hosts.linux import Linux  # imports what only Linux has

    return Linux(owner)

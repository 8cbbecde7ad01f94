"""Which host this machine is."""

import os

from andon_agent.hosts.host import Host


def own() -> Host:
    """The host of the machine that asks."""
    if os.name == "nt":
        from andon_agent.hosts.windows import Windows

        return Windows()
    from andon_agent.hosts.linux import Linux  # imports what only Linux has

    return Linux()

"""Where the local interface is: the same after each start of the agent, for applications outlive it."""

import json
import logging
import secrets
from dataclasses import asdict, dataclass

from andon_agent.home import PRIVATE, Home
from andon_agent.local import Desk
from andon_agent.local_http import LocalServer
from andon_wire.disk import Disk, write_durably

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LocalPlace:
    """What local.json holds. port: 0 before the first start; token: the agent's own."""

    address: str
    port: int
    token: str


def recall(home: Home, disk: Disk) -> LocalPlace | None:
    """What was kept; None where nothing can be read."""
    try:
        found = json.loads(disk.read(home.local))
        address, port, token = found["address"], found["port"], found["token"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    is_good = isinstance(address, str) and isinstance(token, str) and len(token) >= 32
    is_port = type(port) is int and 0 < port < 1 << 16
    return LocalPlace(address, port, token) if is_good and is_port else None


def token_of(home: Home, disk: Disk) -> str:
    """The agent's own token; a new one where none was kept."""
    kept = recall(home, disk)
    return kept.token if kept else secrets.token_urlsafe(32)


def serve(home: Home, disk: Disk, desk: Desk, token: str, port: int) -> LocalServer:
    """Serve `desk` where it was served before; `port`, or a free one, where that is not possible.

    Raises:
        OSError: no port can be had, or local.json cannot be written.
    """
    kept = recall(home, disk)
    server = None
    for number in dict.fromkeys([kept.port if kept else 0, port, 0]):
        try:
            server = LocalServer(desk, number)
            break
        except OSError as error:
            _log.warning("port %d of the loopback is taken: %s", number, error)
    if server is None:
        raise OSError("no port of the loopback is free")
    place = LocalPlace(server.address, server.server_address[1], token)
    if place != kept:
        write_durably(disk, home.local, json.dumps(asdict(place)).encode(), mode=PRIVATE)
    desk.address = server.address
    server.start()
    return server

"""Free ports for whole processes."""

import random
import socket

# Below what the kernel gives to outgoing connections: those must not take a port while its owner restarts.
_FIRST, _LAST = 10_000, 19_999
_given: list[socket.socket] = []


def free_port() -> int:
    """A port that nothing listens on now, nor that another process of tests has chosen and not opened yet."""
    while True:
        port = random.SystemRandom().randint(_FIRST, _LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if _is_ours(port):
            return port


def _is_ours(port: int) -> bool:
    """Reserve it while this process lives, by a name that the kernel forgets with it."""
    mark = socket.socket(socket.AF_UNIX)
    try:
        mark.bind(f"\0andon-port-{port}")
    except OSError:
        mark.close()
        return False
    _given.append(mark)
    return True

"""Free ports for whole processes."""

import random
import socket

# Below what the kernel gives to outgoing connections: those must not take a port while its owner restarts.
_FIRST, _LAST = 10_000, 19_999


def free_port() -> int:
    """A port that nothing listens on now."""
    while True:
        port = random.SystemRandom().randint(_FIRST, _LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port

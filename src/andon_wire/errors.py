"""What can go wrong between a plant and a station, by who must act. Each carries a stable code and a hint.

    WireError
    ├── Malformed     bytes that are not what they should be; asking again for the same does not help
    ├── Untrusted     a signature, hash or version does not hold; never retried, always told
    │   └── Doubtful  the metadata at a place does not hold, which says nothing of a release
    ├── Missing       no such thing where it was looked for
    └── Unreachable   the other side, or the disk, did not do it now; tried again later

`andon.kernel.errors` is the family of the control plane; its adapters translate (`releases/faults.py`).
"""


class WireError(Exception):
    """Root of the tree; never raised itself. code: stable; hint: what to do about it, may be empty."""

    def __init__(self, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class Malformed(WireError):
    """Bytes that are not what they should be."""


class Untrusted(WireError):
    """A signature, hash or version does not hold."""


class Doubtful(Untrusted):
    """The metadata that a place shows is not complete, not newest, or not signed by whom it should be.

    It says something of that place and nothing of any release: another place, or this one later, may do.
    """


class Missing(WireError):
    """There is no such thing."""


class Unreachable(WireError):
    """It did not work now; the same may work later."""

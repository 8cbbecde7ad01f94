"""The families of errors, by who must act. Each carries a stable code and a hint.

    AndonError
    ├── InvalidInput     the caller can fix it                   HTTP 422, exit 2
    ├── NotFound         no such thing                           HTTP 404, exit 1
    ├── Conflict         it is not in a state that allows this   HTTP 409, exit 1
    ├── Unauthenticated  nobody known; sign in                   HTTP 401, exit 1
    ├── Forbidden        not allowed                             HTTP 403, exit 1
    ├── Throttled        too often; wait `retry_after`           HTTP 429, exit 1
    ├── Untrusted        signature, hash, version rollback       never retried, always an alert; HTTP 409
    ├── Unavailable      the world did not answer                the loop retries; HTTP 503
    └── Damaged          our own files or rows are inconsistent  stop that object, alert; HTTP 500

Foreign exceptions stop at the adapter that speaks to the vendor. Translation to HTTP and to exit codes
happens in `api/problems.py` and `cli/main.py`, nowhere else.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar


class AndonError(Exception):
    """Root of the tree; never raised itself."""

    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(
        self, code: str, message: str, *, hint: str = "", needs: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.needs = dict(needs or {})  # what a program must bring to succeed, such as a signature


class InvalidInput(AndonError):
    """The caller can fix it; the message names the field, the value and the fix."""

    status = 422
    exit_code = 2


class NotFound(AndonError):
    """There is no such thing."""

    status = 404


class Conflict(AndonError):
    """The thing is not in a state that allows this, or somebody was faster."""

    status = 409


class Unauthenticated(AndonError):
    """Nobody known calls: no credentials, or they hold no longer."""

    status = 401


class Throttled(AndonError):
    """Too often; the same may succeed after `retry_after`."""

    status = 429

    def __init__(
        self, code: str, message: str, *, hint: str = "", retry_after: timedelta = timedelta(minutes=1)
    ) -> None:
        super().__init__(code, message, hint=hint)
        self.retry_after = retry_after


class Forbidden(AndonError):
    """The caller may not do this."""

    status = 403


class Untrusted(AndonError):
    """A signature, hash or version does not hold. Never retried, always an alert."""

    status = 409


class Unavailable(AndonError):
    """The world did not answer; a loop tries again after `retry_after`."""

    status = 503

    def __init__(
        self, code: str, message: str, *, hint: str = "", retry_after: timedelta = timedelta(seconds=1)
    ) -> None:
        super().__init__(code, message, hint=hint)
        self.retry_after = retry_after


class Damaged(AndonError):
    """Our own files or rows contradict each other: that object stops, and an alert is raised."""

    status = 500

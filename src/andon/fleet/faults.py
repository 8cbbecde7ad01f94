"""What the wire's errors are here: a request that does not verify is nobody's."""

from andon.kernel.errors import AndonError, InvalidInput, NotFound, Unauthenticated, Unavailable
from andon_wire import errors


def translated(error: errors.WireError) -> AndonError:
    """The error of the control plane for one of the wire."""
    match error:
        case errors.Untrusted():
            return Unauthenticated(error.code, error.message, hint=error.hint)
        case errors.Malformed():
            return InvalidInput(error.code, error.message, hint=error.hint)
        case errors.Missing():
            return NotFound(error.code, error.message, hint=error.hint)
        case _:
            return Unavailable(error.code, error.message, hint=error.hint)

"""From a body's `signature` to a signature, where the policy in force wants one or a person gives one."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from andon.access.signatures.commands import Given
from andon.access.signatures.model import Action, Document, Meaning, Signature
from andon.api.callers import Caller
from andon.api.inputs import SignatureGiven
from andon.api.services import Services
from andon.kernel.errors import Conflict, Forbidden


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request would do; environment None is everywhere. reason: the body's own, which is signed."""

    action: Action
    environment: str | None
    reason: str
    given: SignatureGiven | None


async def sign(
    services: Services, caller: Caller, wanted: Wanted, document: Callable[[], Awaitable[Document]]
) -> Signature | None:
    """The caller's signature over `document`; None where none was given and none is wanted.

    Raises:
        Forbidden: one is wanted and missing (`needs` says what to bring), a token signs, or the person did
            not prove who they are.
    """
    if wanted.given is None:
        if await services.signing.required(wanted.action, wanted.environment):
            raise required(services, caller, wanted, await document())
        return None
    return await must_sign(services, caller, wanted, await document())


async def must_sign(services: Services, caller: Caller, wanted: Wanted, document: Document) -> Signature:
    """The caller's signature over `document`, whatever the policy says.

    Raises:
        Conflict: the person was shown something else. Forbidden: as `sign`.
    """
    if wanted.given is None:
        raise required(services, caller, wanted, document)
    if wanted.given.document_hash not in {"", document.hash}:
        raise Conflict(
            "signature-stale", "what you were shown has changed since; nothing is signed", hint="look again"
        )
    given = Given(
        login=wanted.given.login,
        password=wanted.given.password.get_secret_value(),
        meaning=wanted.given.meaning,
        reason=wanted.reason,
    )
    return await services.signing.sign(caller.principal, document, given, source=caller.origin.source)


def required(services: Services, caller: Caller, wanted: Wanted, document: Document) -> Forbidden:
    """What tells a program to ask its person for a signature, and over what exactly."""
    return Forbidden(
        "signature-required",
        f"{wanted.action.value} in {wanted.environment or 'every environment'} asks for your signature",
        hint="sign with your password, a meaning and a reason; a token cannot sign",
        needs={
            "action": wanted.action.value,
            "environment": wanted.environment,
            "document": dict(document.values),
            "document_hash": document.hash,
            "login": services.signing.needs_login(caller.principal),
            "meanings": [each.value for each in Meaning],
        },
    )

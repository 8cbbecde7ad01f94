"""Electronic signatures at the edge: the password is checked and goes no further.

It is neither logged nor stored, and not part of the request's fingerprint: a digest of a request with a
password in it could be searched for the password.
"""

from typing import Any, Protocol

from fastapi import Request

from andon_mes.api.access import Caller
from andon_mes.api.context import Mes
from andon_mes.api.quality_bodies import SignatureBody
from andon_mes.defects.signature import Signer
from andon_mes.idempotency.store import Question, question
from andon_mes.kernel.errors import Forbidden, Problem, Words

_SIGNING = frozenset({"quality"})
_GRANTING = frozenset({"quality", "admin"})


async def question_without_password(request: Request, mes: Mes, operation: str) -> Question:
    """The request as a question to be answered once, without what nobody may keep."""
    content: dict[str, Any] = await request.json()
    signature = content.get("signature")
    if isinstance(signature, dict):
        content = {**content, "signature": {key: signature[key] for key in signature if key != "password"}}
    return question(operation, content, request.headers.get("Idempotency-Key"), mes.clock.now())


async def signer_of(mes: Mes, caller: Caller, body: SignatureBody | None, reason: str) -> Signer | None:
    """Who signs, with the password checked; None when nothing is signed.

    Raises: Forbidden, SIGNATURE_ROLE when the caller's role does not sign, SIGNATURE_REFUSED when the
        password is not theirs.
    """
    if body is None:
        return None
    raise NotImplementedError


def may_grant(caller: Caller) -> bool:
    """Whether the caller may let a serial be reworked past the limits of rule 4."""
    return caller.role in _GRANTING

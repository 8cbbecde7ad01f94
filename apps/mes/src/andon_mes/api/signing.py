"""Electronic signatures at the edge: the password is checked and goes no further.

It is neither logged nor stored, and not part of the request's fingerprint: a digest of a request with a
password in it could be searched for the password.
"""

from typing import Any

from fastapi import Request

from andon_mes.api.access import Caller
from andon_mes.api.context import Mes
from andon_mes.api.quality_bodies import SignatureBody
from andon_mes.defects.signature import Signer
from andon_mes.idempotency.store import Question, question
from andon_mes.kernel.errors import Forbidden, Problem, Words

_SIGNING = frozenset({"quality"})


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
    if caller.role not in _SIGNING or caller.kind != "user":
        raise Forbidden(_REFUSED_ROLE)
    if not await mes.sign_ins.is_own_password(caller.name, body.password, caller.actor):
        raise Forbidden(_REFUSED)
    return Signer(caller.name, caller.full_name, body.meaning, reason)


def may_grant(caller: Caller) -> bool:
    """Whether the caller may let a serial be reworked past the limits of rule 4."""
    return caller.may("defect", "update")


_REFUSED_ROLE = Problem(
    "SIGNATURE_ROLE",
    Words("Your role does not sign concessions", "특채에 서명할 수 있는 역할이 아닙니다"),
    Words("Use as is is signed by quality", "특채는 품질 담당자가 서명합니다"),
    Words("Ask quality to disposition the defect", "품질 담당자에게 판정을 요청하세요"),
)
_REFUSED = Problem(
    "SIGNATURE_REFUSED",
    Words("The signature was not accepted", "서명이 승인되지 않았습니다"),
    Words("The password is not the one of who is signed in", "로그인한 사용자의 비밀번호가 아닙니다"),
    Words("Enter your own password again", "본인의 비밀번호를 다시 입력하세요"),
)

"""Do a write once under its client's key, and answer with what was committed."""

from fastapi import Request
from fastapi.responses import Response

from andon_mes.api.access import Caller
from andon_mes.api.context import Mes, reply
from andon_mes.idempotency.store import Answer, Question, once
from andon_mes.kernel.errors import Words, invalid
from andon_mes.store.engine import Work


async def write_once(
    mes: Mes, caller: Caller, request: Request, asked: Question, work: Work[Answer]
) -> Response:
    """Do `work` once under the client's key; without a key as often as it is asked."""
    return reply(await answer_once(mes, caller, request, asked, work))


async def answer_once(
    mes: Mes, caller: Caller, request: Request, asked: Question, work: Work[Answer]
) -> Answer:
    """As `write_once`, for an answer that is not sent as it is stored."""
    if request.headers.get("Idempotency-Key") is None:
        return await mes.database.write(work, caller.actor)
    return await mes.database.write(lambda each: once(each, asked, lambda: work(each)), caller.actor)


def require_reason(is_required: bool, reason: str | None) -> None:
    """Raises: InvalidInput when a reason is required and there is none."""
    if is_required and not reason:
        raise invalid(
            "reason",
            reason,
            Words("This needs a reason", "사유가 필요합니다"),
            Words(
                "Say why in one sentence; it goes on the history", "이력에 남을 사유를 한 문장으로 적으세요"
            ),
        )

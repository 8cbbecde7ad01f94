"""The birth certificate over HTTP: as data, as a signed document, on paper."""

import asyncio
import json
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import Field

from andon_mes.api.access import Caller, needs
from andon_mes.api.context import Mes, ThisMes
from andon_mes.api.documents import READS, Data, problems
from andon_mes.api.fields import Body
from andon_mes.genealogy import store
from andon_mes.genealogy.certificate import certificate
from andon_mes.genealogy.model import Issued
from andon_mes.genealogy.words import Language
from andon_mes.store.engine import Connection

_PDF = "application/pdf"
_REASON = "Birth certificate"

_SIGNED = problems(401, 403, 404, 409, 422, 503)

router = APIRouter(prefix="/api/v1/serials", tags=["genealogy"])


class PaperQuery(Body):
    """GET serials/{n}/certificate.pdf: in which language, and signed or as a plain copy."""

    lang: Language = "en"
    signed: bool = Field(default=True)


@router.get("/{serial_number}/certificate", response_model=Data[dict[str, Any]], responses=READS)
async def get_certificate(
    mes: ThisMes, _caller: Annotated[Caller, needs("serial", "read")], serial_number: str
) -> Response:
    """All that is known of a serial: attempts, measurements, components at every depth, and the rest."""
    document = await _document(mes, serial_number)
    return Response(json.dumps({"data": document}, ensure_ascii=False), media_type="application/json")


@router.get("/{serial_number}/certificate.json", response_model=dict[str, Any], responses=_SIGNED)
async def get_signed_certificate(
    mes: ThisMes, _caller: Annotated[Caller, needs("serial", "read")], serial_number: str
) -> Response:
    """The certificate with a detached JWS (ES256) over it: a file that verifies without this MES."""
    from andon_mes.genealogy import signing

    key = signing.load(mes.signing_key_file)
    signed = signing.sign_json(await _document(mes, serial_number), key)
    return _file(json.dumps(signed, ensure_ascii=False).encode(), "application/json", f"{serial_number}.json")


@router.get("/{serial_number}/certificate.pdf", response_class=Response, responses=_SIGNED)
async def get_paper(
    mes: ThisMes,
    _caller: Annotated[Caller, needs("serial", "read")],
    serial_number: str,
    asked: Annotated[PaperQuery, Query()],
) -> Response:
    """The certificate on paper, by default signed (PAdES) with the plant's key."""
    document = await _document(mes, serial_number)
    pdf = await asyncio.to_thread(_paper, mes, document, asked)
    return _file(pdf, _PDF, f"{serial_number}.pdf")


def _paper(mes: Mes, document: dict[str, Any], asked: PaperQuery) -> bytes:
    from zoneinfo import ZoneInfo

    from andon_mes.genealogy import pdf, signing

    zone = ZoneInfo(document["plant"]["zone"])
    if not asked.signed:
        return pdf.render(document, asked.lang, zone, is_signed=False)
    key = signing.load(mes.signing_key_file)
    return signing.sign_pdf(pdf.render(document, asked.lang, zone, is_signed=True), key, _REASON)


async def _document(mes: Mes, serial_number: str) -> dict[str, Any]:
    at = mes.clock.now()

    def work(connection: Connection) -> dict[str, Any]:
        record = store.get_record(connection, serial_number)
        issued = Issued(mes.release, at, mes.plant_code, mes.calendar_in(connection).zone.key)
        return certificate(record, issued)

    return await mes.database.read(work)


def _file(content: bytes, media_type: str, name: str) -> Response:
    safe = "".join(each if each.isascii() and (each.isalnum() or each in "-_.") else "_" for each in name)
    return Response(
        content, media_type=media_type, headers={"Content-Disposition": f'inline; filename="{safe}"'}
    )

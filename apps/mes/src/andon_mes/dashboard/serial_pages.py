"""A serial: where it is in its life, what was done to it, and what may be done now."""

import contextlib
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from andon_mes.aborts import controller as aborts
from andon_mes.aborts.controller import Wanted
from andon_mes.configuration import store as configuration
from andon_mes.dashboard import store
from andon_mes.dashboard.actions import Action, print_labels, reason
from andon_mes.dashboard.asked import Asked
from andon_mes.dashboard.viewer import Viewer
from andon_mes.defects.model import Disposition
from andon_mes.genealogy import store as genealogy
from andon_mes.genealogy.certificate import certificate
from andon_mes.genealogy.model import Issued, Record
from andon_mes.kernel.errors import NotFound
from andon_mes.lots import store as lots
from andon_mes.processes.model import AttemptStatus
from andon_mes.processes.refusals import Refusal, problem_of
from andon_mes.recalls.model import END_RECALL
from andon_mes.serials import controller as life
from andon_mes.serials import decide
from andon_mes.serials import store as serials
from andon_mes.serials.model import Serial, SerialAction
from andon_mes.store.engine import Connection


def find(connection: Connection, scanned: str) -> str:
    """The address of what was scanned or typed: a serial, with or without its check characters, or a lot.

    Raises: NotFound when it is neither.
    """
    for number in (scanned, scanned.upper()):
        with contextlib.suppress(NotFound):
            return f"/lots/{quote(lots.get(connection, number).lot_number)}"
        with contextlib.suppress(NotFound):
            return f"/serials/{quote(serials.get(connection, number).serial_number)}"
    number, check = scanned[:-2].rstrip(" -*/|").upper(), scanned[-2:].upper()
    with contextlib.suppress(NotFound):
        serial = serials.get(connection, number)
        if serial.checksum == check:
            return f"/serials/{quote(serial.serial_number)}"
    raise NotFound(problem_of(Refusal.SERIAL_UNKNOWN, {"serial": scanned}))


def one(connection: Connection, viewer: Viewer, asked: Asked) -> dict[str, Any]:
    """A serial's birth certificate. Raises: NotFound when there is none with this number."""
    mes, serial = asked.mes, serials.get(connection, asked.path["number"])
    record = genealogy.get_record(connection, serial.serial_number)
    issued = Issued(mes.release, mes.clock.now(), mes.plant_code, mes.calendar_in(connection).zone.key)
    processes = configuration.list_processes(connection)
    document = certificate(record, issued)
    papers = _papers(viewer, mes.signing_key_file, serial.serial_number)
    return {
        "serial": serial,
        "it": document,
        "route": _route(processes, document["attempts"], _accepted(record)),
        "papers": papers,
        "is_signing": not any(each.why for each in papers),
        "verbs": [
            *_verbs(connection, viewer, serial),
            _abort(connection, viewer, serial, document["attempts"], mes.clock.now()),
            print_labels(
                viewer,
                f"/api/v1/serials/{serial.serial_number}/labels",
                store.list_templates(connection, document["product_model"]["code"]),
                serial.serial_number,
            ),
        ],
    }


def _papers(viewer: Viewer, key_file: Path | None, number: str) -> list[Action]:
    """The signed certificates, each with what keeps the plant from signing it."""
    from andon_mes.genealogy import signing  # loads cryptography

    why = viewer.why_not("serial", "read", lambda: signing.load(key_file))
    address = f"/api/v1/serials/{quote(number)}/certificate"
    return [
        Action("pdf", viewer.say("certificate.pdf"), f"{address}.pdf?lang={viewer.language}", "GET", why=why),
        Action("json", viewer.say("certificate.json"), f"{address}.json", "GET", why=why),
    ]


def _accepted(record: Record) -> frozenset[str]:
    """The processes whose failed attempt quality accepted as it is; what was found aside accepts none."""
    return frozenset(
        each["process"]
        for each in record.defects
        if each["disposition"] == Disposition.USE_AS_IS and each["process_data_id"] is not None
    )


def _route(
    processes: list[dict[str, Any]], tried: list[dict[str, Any]], accepted: frozenset[str]
) -> list[dict[str, Any]]:
    """Each process with its last attempt, in the order of the route."""
    last = {each["process"]: each for each in tried}
    words = {"PASS": "passed", "FAIL": "failed", "IN_PROGRESS": "open"}

    def word(code: str) -> str:
        found = words.get(last.get(code, {}).get("status", ""), "waiting")
        return "accepted" if found == "failed" and code in accepted else found

    return [
        {
            "process": each,
            "attempt": last.get(each["code"]),
            "word": word(each["code"]),
        }
        for each in processes
        if each["is_active"] or each["code"] in last
    ]


def _verbs(connection: Connection, viewer: Viewer, serial: Serial) -> list[Action]:
    may_end = viewer.may(*END_RECALL)

    def change(action: SerialAction, tone: str = "quiet") -> Action:
        return Action(
            action.value,
            viewer.say_or(f"serial.{action.value}", action.value),
            f"/api/v1/serials/{serial.serial_number}",
            "PATCH",
            viewer.say_or(f"serial.{action.value}.say", "").format(serial=serial.serial_number),
            (reason(viewer),) if action in decide.NEEDS_REASON else (),
            {"action": action.value},
            viewer.why_not(
                "serial",
                "update",
                lambda: life.next_status(connection, serial, action, may_end_recall=may_end),
            ),
            tone,
            viewer.say("done"),
        )

    return [change(each, "danger" if each.value == "scrap" else "quiet") for each in SerialAction]


def _abort(
    connection: Connection, viewer: Viewer, serial: Serial, tried: list[dict[str, Any]], now: datetime
) -> Action:
    """End what is open of the serial without a result."""
    in_work = (each["process"] for each in tried if each["status"] == AttemptStatus.IN_PROGRESS)
    process = next(in_work, serial.current_process or "-")
    wanted = Wanted(serial.serial_number, process, now)
    return Action(
        "abort",
        viewer.say("serial.abort"),
        "/api/v1/process/abort",
        say=viewer.say("serial.abort.say", serial=serial.serial_number, process=process),
        fields=(reason(viewer),),
        body={"serial_number": serial.serial_number, "process_code": process},
        why=viewer.why_not("process", "update", lambda: aborts.look(connection, wanted)),
        done=viewer.say("done"),
    )

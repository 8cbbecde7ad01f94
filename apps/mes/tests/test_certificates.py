"""The birth certificate: all that is known of a serial, on paper in two languages, and its signatures."""

import asyncio
import io
import json
import random
import sqlite3
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from andon_mes.cli import cli
from andon_mes.genealogy import signing
from andon_mes.genealogy.certificate import audit, holds, tree
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from typer.testing import CliRunner

NOW = datetime(2025, 11, 10, 3, tzinfo=UTC)
ROUTE = ["SPRING", "LMA", "LASER", "EOL", "ROBOT", "PRINT", "PACK"]
BOM = [
    {"component": "REEL", "process": "SPRING", "kind": "LOT", "required": False},
    {"component": "SUB", "process": "SPRING", "kind": "SERIAL", "required": False},
]
KEY = signing.create("Plant KR", datetime.now(UTC))


@pytest.fixture
async def made(plant, database_path):
    """A finished serial with a subassembly, a fail, a rework and a hold."""
    with sqlite3.connect(database_path) as connection:
        connection.execute("update product_models set bom = ?", (json.dumps(BOM),))
    _, (inner, serial) = await plant.released_lot(2)
    await put(plant, inner, {"component": "REEL", "component_lot": "R1"})
    for process in ROUTE:
        await plant.pass_process(inner, process)
    await put(plant, serial, {"component": "SUB", "component_serial": inner})
    await plant.patch(
        f"/api/v1/serials/{serial}", {"action": "hold", "reason": "스프링 확인", "changed_by": "Kim"}
    )
    await plant.patch(f"/api/v1/serials/{serial}", {"action": "release", "changed_by": "Lee"})
    await plant.pass_process(serial, "SPRING")
    await plant.fail(serial, "LMA", "D002")
    for process in ROUTE[1:]:
        await plant.start(serial, process)
        data = {"torque": 1.2, "note": "ok"} if process == "LMA" else {}
        answer = await plant.complete(serial, process, process_specific_data=data)
        assert answer.json()["data"]["result"] == "PASS", answer.text
    return plant, serial, inner


async def put(plant, serial, component):
    body = {"process_code": "SPRING", "operator_id": "OP-1", "components": [component]}
    answer = await plant.post(f"/api/v1/serials/{serial}/components", body)
    assert answer.status_code == 201, answer.text


async def certificate(plant, serial):
    return (await plant.get(f"/api/v1/serials/{serial}/certificate")).json()["data"]


async def test_a_certificate_says_all_that_is_known(made):
    plant, serial, inner = made
    known = await certificate(plant, serial)
    assert known["serial"]["serial_number"] == serial
    assert known["lot"]["status"] == "CLOSED"
    assert [(each["process"], each["attempt"], each["status"]) for each in known["attempts"]][:3] == [
        ("SPRING", 1, "PASS"),
        ("LMA", 1, "FAIL"),
        ("LMA", 2, "PASS"),
    ]
    torque = known["attempts"][2]["measurements"][0]
    assert (torque["name"], torque["value"], torque["is_within"]) == ("torque", 1.2, True)
    assert known["attempts"][2]["data"] == {"note": "ok"}
    assert [each["defect_code"] for each in known["reworks"]] == ["D002"]
    assert known["holds"][0]["reason"] == "스프링 확인"
    assert (known["holds"][0]["held_by"], known["holds"][0]["released_by"]) == ("Kim", "Lee")
    (sub,) = known["components"]
    assert (sub["component_serial"], sub["contains"][0]["component_lot"]) == (inner, "R1")
    assert known["releases"] == ["1.0.0"]
    assert [each["serial_number"] for each in (await certificate(plant, inner))["inside_of"]] == [serial]


SIGNATURE = {
    "user": "kim", "full_name": "Kim Min-ji", "meaning": "approved", "signed_at": "2025-11-10T03:00:00+00:00",
}  # fmt: skip


async def test_paper_shows_who_signed_in_what_sense_and_when_and_nobody_where_nobody_did(made):
    plant, serial, _ = made
    known = await certificate(plant, serial)
    assert known["defects"][0]["dispositioned_by"] == "automatic"
    assert "automatic" not in printed(known)
    known["defects"][0]["signature"] = SIGNATURE
    assert "Kim Min-ji, approved, 2025-11-10 12:00:00" in printed(known)
    known["defects"][0]["signature"] = SIGNATURE | {"full_name": "", "meaning": "responsible"}
    assert "kim, responsible, 2025-11-10 12:00:00" in printed(known)
    known["recalls"] = [
        {
            "number": "RC-1", "reason": "cracked", "opened_at": NOW.isoformat(), "ended_at": None,
            "outcome": "ALREADY_HELD",
        }
    ]  # fmt: skip
    text = printed(known)
    assert "Held by / outcome Released by" in text
    assert "RC-1 cracked held before -" in text
    assert f"SUB {known['components'][0]['component_serial']} - 1" in text
    assert "> REEL - R1 1" in text


def printed(document):
    """The words of the certificate on paper, in their order."""
    from andon_mes.genealogy.pdf import render

    paper = render(document, "en", ZoneInfo("Asia/Seoul"), is_signed=False)
    pages = PdfReader(io.BytesIO(paper)).pages
    return " ".join(" ".join(each.extract_text() for each in pages).split())


async def test_a_serial_that_is_not_there_has_no_certificate(plant):
    for form in ("certificate", "certificate.pdf"):
        answer = await plant.get(f"/api/v1/serials/FN-KR-NOPE-0001/{form}")
        assert (answer.status_code, answer.json()["code"]) == (404, "SERIAL_UNKNOWN")


async def test_without_a_key_the_signed_forms_alone_are_refused(made):
    plant, serial, _ = made
    for form in ("certificate.json", "certificate.pdf"):
        answer = await plant.get(f"/api/v1/serials/{serial}/{form}")
        assert (answer.status_code, answer.json()["code"]) == (409, "SIGNING_KEY_MISSING")
        assert "signing-key create" in answer.json()["detail"]


async def test_signed_forms_verify_offline_and_a_changed_byte_is_found(
    made, tmp_path, run_instance, database_path
):
    _, serial, _ = made
    path = tmp_path / "key.pem"
    signing.save(KEY, path)
    async with run_instance(database_path, signing_key_file=path) as plant:
        for form in ("json", "pdf"):
            answer = await plant.get(f"/api/v1/serials/{serial}/certificate.{form}")
            assert answer.status_code == 200
            await asyncio.to_thread(assert_signed, answer.content)  # who verifies has no loop of its own


def assert_signed(content):
    assert signing.verify(content, KEY.certificate).is_trusted
    assert signing.verify(content, None).is_trusted is None
    assert signing.verify(content, signing.create("Other", NOW).certificate).is_trusted is False
    assert_changes_are_found(content)


def assert_changes_are_found(content):
    noise = random.Random(7)
    start, end = _unsigned_part(content)
    for _ in range(8):
        at = noise.choice([each for each in range(9, len(content)) if not start <= each < end])
        changed = bytearray(content)
        changed[at] ^= 1 << noise.randrange(7)
        if json_equal(content, bytes(changed)):
            continue
        verdict = signing.verify(bytes(changed), None)
        assert not verdict.is_intact or verdict.fingerprint != signing.fingerprint(KEY.certificate), at
    assert not signing.verify(content + b"\n%more", None).is_intact


def _unsigned_part(content):
    """Where a PDF keeps the signature itself, which it cannot cover."""
    at = content.find(b"/Contents <")
    return (0, 0) if at < 0 else (at, content.find(b">", at) + 1)


def json_equal(one, other):
    """Whether a change left the document as it was, as one of white space does."""
    try:
        return json.loads(one) == json.loads(other)
    except ValueError:
        return False


async def test_what_is_not_signed_says_so(made):
    plant, serial, _ = made
    paper = await plant.get(f"/api/v1/serials/{serial}/certificate.pdf?signed=false")
    assert paper.status_code == 200, paper.text
    for content in (paper.content, b'{"certificate": {}}'):
        verdict = signing.verify(content, KEY.certificate)
        assert (verdict.is_intact, verdict.reason) == (False, "it is not signed")


def test_a_key_that_others_can_read_is_not_used(tmp_path):
    path = tmp_path / "key.pem"
    signing.save(KEY, path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert signing.load(path).certificate == KEY.certificate
    path.chmod(0o644)
    with pytest.raises(Exception, match="SIGNING_KEY_EXPOSED"):
        signing.load(path)


def test_commands_make_show_and_verify(tmp_path, monkeypatch):
    run, key, file = CliRunner(), tmp_path / "key.pem", tmp_path / "one.json"
    made = run.invoke(cli, ["signing-key", "create", "--file", str(key), "--name", "Plant KR"])
    assert made.exit_code == 0, made.output
    assert run.invoke(cli, ["signing-key", "create", "--file", str(key)]).exit_code == 1
    shown = run.invoke(cli, ["signing-key", "show", "--file", str(key)])
    assert "BEGIN CERTIFICATE" in shown.output
    assert "PRIVATE" not in shown.output
    plant = tmp_path / "plant.pem"
    plant.write_bytes(signing.public_pem(signing.load(key)))
    file.write_text(json.dumps(signing.sign_json({"serial": 1}, signing.load(key))))
    assert run.invoke(cli, ["verify-certificate", str(file), "--plant", str(plant)]).exit_code == 0
    alone = run.invoke(cli, ["verify-certificate", str(file)])
    assert (alone.exit_code, alone.output[:11]) == (3, "UNKNOWN KEY")
    file.write_text(file.read_text().replace('{"serial": 1}', '{"serial": 2}'))
    broken = run.invoke(cli, ["verify-certificate", str(file), "--plant", str(plant)])
    assert broken.exit_code == 1
    assert "NOT VALID" in broken.output
    imported = run.invoke(
        cli, ["signing-key", "create", "--file", str(tmp_path / "b.pem"), "--import", str(plant)]
    )
    assert imported.exit_code == 2


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 6), st.booleans()), max_size=12))
@settings(max_examples=100)
def test_the_tree_shows_every_part_that_is_reached_and_always_ends(links):
    """Also where rows lie, and a serial is inside of itself."""
    uses = [
        {"id": at, "serial_id": outer, "subassembly_id": inner, "removed_at": NOW if out else None}
        for at, (outer, inner, out) in enumerate(links)
    ]
    shown = tree(uses, 0)
    assert len(shown) == sum(each["serial_id"] == 0 for each in uses)

    def depth(branch):
        return 1 + max((depth(each["contains"]) for each in branch), default=0)

    assert depth(shown) <= 8


def test_a_hold_that_lasts_has_no_end():
    change = {"changed_by": "Kim", "changed_at": NOW, "reason": "why"}
    history = [
        {"old_status": "WAITING", "new_status": "HOLD", **change},
        {"old_status": "HOLD", "new_status": "HOLD", **change},
        {"old_status": "HOLD", "new_status": "WAITING", **change},
        {"old_status": "WAITING", "new_status": "HOLD", **change},
    ]
    assert [each["to"] is None for each in holds(history)] == [False, False, True]


def test_what_no_seal_covers_says_so():
    assert audit(None, None)["is_sealed"] is None
    assert audit(7, None)["is_sealed"] is False
    seal = {"id": 1, "digest": "d", "sealed_at": NOW, "last_record": 7}
    assert audit(7, seal)["is_sealed"] is True
    assert audit(8, seal)["is_sealed"] is False

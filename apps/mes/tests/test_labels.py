"""Labels: templates that cannot run anything, prints that are written down, reprints with a reason."""

import hashlib
import json
import re
import sqlite3
from datetime import UTC, datetime

import pytest
from andon_mes.kernel.errors import InvalidInput
from andon_mes.labels.model import PLACEHOLDERS, SAMPLE, LabelKind, values_of
from andon_mes.labels.template import check_template, fill, lay_out, render_zpl
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2025, 11, 10, 3, tzinfo=UTC)
VALUES = values_of(SAMPLE, NOW, UTC)
ZPL = "^XA^CI28^FO1,1^A0N,30^FD{serial}^FS^FO1,40^FH^FD{model_name_ko}^FS^XZ"


def layout(**element):
    return json.dumps({"width": 60, "height": 30, "elements": [element]})


def test_the_placeholders_are_those_that_have_a_value():
    assert set(PLACEHOLDERS) == set(VALUES)


@given(st.text(max_size=40), st.sampled_from(["^FD", "^FH\\^FD"]))
def test_no_value_is_a_command_for_the_printer_and_the_printer_reads_it_as_it_was(value, start):
    zpl = render_zpl(f"^XA{start}a_b {{serial}}^FS^XZ", VALUES | {"serial": value})
    data = re.fullmatch(r"\^XA\^FH(\\?)\^FD([^^~]*)\^FS\^XZ", zpl)
    assert data, zpl
    sign = data.group(1) or "_"
    read = re.sub(
        rb"%s([0-9A-F]{2})" % re.escape(sign.encode()), lambda each: bytes.fromhex(each.group(1).decode()),
        data.group(2).encode(),
    ).decode()  # fmt: skip
    assert read == f"a_b {value}"


@given(st.text(alphabet="abc{}", max_size=12))
def test_text_without_placeholders_is_itself_or_refused(text):
    try:
        filled = fill(text, {})
    except InvalidInput:
        assert "{" in text or "}" in text
    else:
        assert filled == text.replace("{{", "{").replace("}}", "}")


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        ("ZPL", "^XA^FD{serail}^FS^XZ", "LABEL_PLACEHOLDER_UNKNOWN"),
        ("ZPL", "^XA^FD{serial.__class__}^FS^XZ", "LABEL_PLACEHOLDER_UNKNOWN"),
        ("ZPL", "^XA^FD{serial!r}^FS^XZ", "LABEL_PLACEHOLDER_UNKNOWN"),
        ("ZPL", "^XA^FD{0}^FS^XZ", "LABEL_PLACEHOLDER_UNKNOWN"),
        ("ZPL", "^XA^FD{serial^FS^XZ", "LABEL_TEMPLATE_INVALID"),
        ("ZPL", "^XA^FO{serial}^FDx^FS^XZ", "LABEL_TEMPLATE_INVALID"),
        ("ZPL", "^FD{serial}^FS", "LABEL_TEMPLATE_INVALID"),
        ("PDF", "{serial}", "LABEL_TEMPLATE_INVALID"),
        ("PDF", "[]", "LABEL_TEMPLATE_INVALID"),
        ("PDF", layout(text="{colour}", x=1, y=1), "LABEL_PLACEHOLDER_UNKNOWN"),
        ("PDF", layout(text="x", x=61, y=1), "LABEL_TEMPLATE_INVALID"),
        ("PDF", layout(text="x", x=1, y=1, script="alert"), "LABEL_TEMPLATE_INVALID"),
        ("PDF", layout(datamatrix="x", x=50, y=1, side=15), "LABEL_TEMPLATE_INVALID"),
        ("PDF", layout(line=[1, 2, 3]), "LABEL_TEMPLATE_INVALID"),
        ("PDF", layout(text="", x=1, y=1), "LABEL_TEMPLATE_INVALID"),
        ("PDF", layout(text="x", x=True, y=1), "LABEL_TEMPLATE_INVALID"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused_with_what_is_wrong(kind, body, code):
    with pytest.raises(InvalidInput) as refused:
        check_template(LabelKind(kind), body)
    assert refused.value.problem.code == code
    if code == "LABEL_PLACEHOLDER_UNKNOWN":
        assert refused.value.problem.value in body


def test_a_layout_is_filled():
    (element,) = lay_out(layout(text="{serial} {{x}}", x=1, y=2), VALUES).elements
    assert (element.text, element.width) == ("FN-KR-251110D-001-0001 {x}", 59.0)


# Over HTTP


async def test_a_label_is_printed_once_and_again_with_a_reason(plant):
    _, (serial,) = await plant.released_lot(1)
    where = f"/api/v1/serials/{serial}/labels"
    body = {"template": "SERIAL-ZPL", "printed_by": "Kim"}
    first = await plant.post(where, body, key="p1")
    assert (first.status_code, first.headers["X-Label-Copy"]) == (201, "1")
    assert first.text.startswith("^XA")
    assert serial in first.text
    replayed = await plant.post(where, body, key="p1")
    assert (replayed.content, replayed.headers["X-Label-Copy"]) == (first.content, "1")
    refused = await plant.post(where, body, key="p2")
    assert (refused.status_code, refused.json()["code"]) == (422, "REPRINT_REASON")
    again = await plant.post(where, body | {"reason": "torn"}, key="p3")
    assert again.headers["X-Label-Copy"] == "2"
    other = await plant.post(where, {"template": "SERIAL-PDF"})
    assert (other.headers["content-type"], other.content[:4]) == ("application/pdf", b"%PDF")
    prints = (await plant.get(where)).json()["data"]
    assert [(each["template_code"], each["copy_number"], each["reason"]) for each in prints] == [
        ("SERIAL-ZPL", 1, None),
        ("SERIAL-ZPL", 2, "torn"),
        ("SERIAL-PDF", 1, None),
    ]
    assert prints[0]["digest"] == hashlib.sha256(first.content).hexdigest() == first.headers["X-Label-Digest"]
    known = (await plant.get(f"/api/v1/serials/{serial}/certificate")).json()["data"]
    assert len(known["labels"]) == 3


async def test_a_lot_is_printed_in_one_document_without_what_is_scrapped(plant):
    lot, numbers = await plant.released_lot(3)
    await plant.patch(f"/api/v1/serials/{numbers[1]}", {"action": "scrap", "reason": "cracked"})
    where = f"/api/v1/lots/{lot['lot_number']}/labels"
    zpl = await plant.post(where, {"template": "SERIAL-ZPL"})
    assert zpl.text.count("^XA") == 2
    assert numbers[1] not in zpl.text
    assert (await plant.post(where, {"template": "SERIAL-ZPL"})).json()["code"] == "REPRINT_REASON"
    refused = await plant.post(f"/api/v1/serials/{numbers[1]}/labels", {"template": "SERIAL-ZPL"})
    assert (refused.status_code, refused.json()["code"]) == (409, "SERIAL_SCRAPPED")


async def test_a_lot_without_serials_has_no_labels(plant):
    lot = await plant.lot(1)
    answer = await plant.post(f"/api/v1/lots/{lot['lot_number']}/labels", {"template": "SERIAL-ZPL"})
    assert (answer.status_code, answer.json()["code"]) == (409, "LOT_EMPTY")


async def test_a_template_that_is_not_there_says_which_are(plant):
    _, (serial,) = await plant.released_lot(1)
    answer = await plant.post(f"/api/v1/serials/{serial}/labels", {"template": "BOX"})
    assert (answer.status_code, answer.json()["code"]) == (404, "LABEL_TEMPLATE_UNKNOWN")
    assert "SERIAL-PDF, SERIAL-ZPL" in answer.json()["detail"]


async def test_a_template_of_another_model_is_refused(plant, database_path):
    _, (serial,) = await plant.released_lot(1)
    with sqlite3.connect(database_path) as connection:
        connection.execute(
            "insert into product_models (id, code, name, specification, target_cycle_time, bom, lot_pattern,"
            " serial_pattern, is_active, created_at, updated_at) select 2, 'OTHER', name, specification,"
            " target_cycle_time, bom, lot_pattern, serial_pattern, is_active, created_at, updated_at"
            " from product_models"
        )
        connection.execute("update label_templates set product_model_id = 2")
    answer = await plant.post(f"/api/v1/serials/{serial}/labels", {"template": "SERIAL-ZPL"})
    assert (answer.status_code, answer.json()["code"]) == (409, "LABEL_OTHER_MODEL")


async def test_a_preview_prints_nothing(plant):
    _, (serial,) = await plant.released_lot(1)
    svg = await plant.get(f"/api/v1/label-templates/SERIAL-PDF/preview?format=svg&serial_number={serial}")
    assert svg.headers["content-type"].startswith("image/svg")
    assert serial in svg.text
    assert (await plant.get("/api/v1/label-templates/SERIAL-PDF/preview")).content[:4] == b"%PDF"
    text = await plant.get("/api/v1/label-templates/SERIAL-ZPL/preview?format=text")
    assert SAMPLE.serial_number in text.text
    drawn = await plant.get("/api/v1/label-templates/SERIAL-ZPL/preview?format=svg")
    assert (drawn.status_code, drawn.json()["code"]) == (422, "LABEL_NOT_DRAWN")
    assert (await plant.get(f"/api/v1/serials/{serial}/labels")).json()["data"] == []

"""The birth certificate and labels as others read them: the text of the PDF, the symbol by a decoder."""

import io
import random
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pypdf
import pypdfium2
import pytest
import zxingcpp
from andon_mes.genealogy import pdf
from andon_mes.genealogy.certificate import certificate
from andon_mes.genealogy.model import Issued, Record
from andon_mes.labels.controller import render
from andon_mes.labels.model import SAMPLE, LabelKind, Template
from andon_mes.paper.datamatrix import MOST_CHARACTERS, modules

NOON = datetime(2025, 11, 10, 3, tzinfo=UTC)
SEOUL = ZoneInfo("Asia/Seoul")
TEMPLATE = Template(
    "SERIAL",
    LabelKind.PDF,
    """{"width": 60, "height": 30, "elements": [
      {"text": "{model_name_ko}", "x": 3, "y": 6, "size": 10},
      {"line": [3, 8, 40, 8]},
      {"datamatrix": "{datamatrix}", "x": 42, "y": 10, "side": 15}]}""",
    None,
)
ROUTE = ["SPRING", "LMA", "LASER", "EOL", "ROBOT", "PRINT", "PACK"]


def a_record(attempts=7, components=4):
    serial = {
        "id": 1,
        "serial_number": "FN-KR-251110D-001-0001",
        "checksum": "7Q",
        "sequence_in_lot": 1,
        "status": "COMPLETED",
        "held_from": None,
        "current_process": None,
        "is_defective": False,
        "defect_code": None,
        "created_at": NOON,
        "started_at": NOON,
        "completed_at": NOON,
        "shipped_at": None,
        "lot_number": "FN-KR-20251110-D-000001",
        "lot_status": "CLOSED",
        "plant_code": "KR",
        "shift": "D",
        "production_date": NOON.date(),
        "model": "NH-F2X-001",
        "model_name": "F2X Wearable Robot Standard",
        "model_name_ko": None,
        "specification": {},
    }
    tries = tuple(
        {
            "process": ROUTE[at % 7],
            "attempt": 1 + at // 7,
            "status": "PASS",
            "started_at": NOON,
            "completed_at": NOON,
            "recorded_at": NOON,
            "cycle_time": 61.5,
            "operator_id": "OP-1",
            "equipment_id": "EQ-LMA-01",
            "station": None,
            "application_version": "2.1.0",
            "release": "1.0.0",
            "process_specific_data": {"torque": 1.21},
            "inspection_result": {"vision": "ok"},
            "limit_breaches": None,
            "defect_code": None,
        }
        for at in range(attempts)
    )
    uses = tuple(
        {
            "id": at,
            "serial_id": 1,
            "subassembly_id": None,
            "component": "BATTERY",
            "component_serial": f"B-{at:06d}",
            "component_lot": "배터리-7",
            "quantity": 1.0,
            "process": "LMA",
            "scanned_at": NOON,
            "removed_at": NOON if at == 0 else None,
            "removal_reason": "나사 풀림",
        }
        for at in range(components)
    )
    limit = {"name": "torque", "unit": "N·m", "lower": 1.1, "upper": 1.3}
    limits = dict.fromkeys(ROUTE, (limit,))
    label = {
        "template_code": "SERIAL",
        "copy_number": 1,
        "printed_at": NOON,
        "printed_by": "Kim",
        "reason": None,
    }
    return Record(serial, tries, limits, uses, (), (), (), (label,), (), (), (), None, None)


def rendered(language, **more):
    issued = Issued("1.0.0", NOON, "KR", SEOUL.key)
    return pdf.render(certificate(a_record(**more), issued), language, SEOUL, is_signed=False)


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", ["Birth certificate", "Unsigned copy"]), ("ko", ["제품 출생 증명서", "서명 없는 사본"])],
)
def test_a_usual_serial_fits_one_page_in_both_languages(language, words):
    pages = pypdf.PdfReader(io.BytesIO(rendered(language))).pages
    assert len(pages) == 1
    text = _bare(pages[0].extract_text())
    for wanted in [
        *words,
        "FN-KR-251110D-001-0001",
        "B-000003",
        "배터리-7",
        "나사 풀림",
        "2025-11-10 12:00:00",
    ]:
        assert _bare(wanted) in text, wanted


def _bare(text):
    """Without what a line break in a cell changes."""
    return "".join(text.split())


def test_a_long_history_takes_the_pages_that_it_needs():
    pages = pypdf.PdfReader(io.BytesIO(rendered("en", attempts=60, components=100))).pages
    assert len(pages) > 1
    assert "B-000099" in "".join(each.extract_text() for each in pages)


def test_the_same_certificate_gives_the_same_bytes():
    assert rendered("ko") == rendered("ko")


def test_the_symbol_of_the_certificate_says_number_and_check_characters():
    image = pypdfium2.PdfDocument(rendered("en"))[0].render(scale=4).to_pil()
    assert [each.text for each in zxingcpp.read_barcodes(image)] == ["FN-KR-251110D-001-0001 7Q"]


def test_a_symbol_of_every_size_is_read_as_it_was_written():
    noise, sizes = random.Random(3), set()
    letters = [chr(each) for each in range(32, 127)]
    for _ in range(120):
        length = noise.randint(1, MOST_CHARACTERS)
        text = "".join(noise.choices(letters if noise.random() < 0.5 else "0123456789", k=length))
        rows = np.pad(np.array(modules(text)), 2)
        sizes.add(len(rows) - 4)
        image = np.where(np.kron(rows, np.ones((5, 5))), 0, 255).astype(np.uint8)
        assert [each.text for each in zxingcpp.read_barcodes(image)] == [text]
    assert len(sizes) > 5


def test_the_symbol_of_a_label_says_number_and_check_characters():
    sheet = render(TEMPLATE, [SAMPLE, SAMPLE], NOON, SEOUL)
    assert sheet == render(TEMPLATE, [SAMPLE, SAMPLE], NOON, SEOUL)
    document = pypdfium2.PdfDocument(sheet.content)
    assert len(document) == 2
    image = document[1].render(scale=203 / 72).to_pil()  # as a label printer of 203 dpi has it
    assert [each.text for each in zxingcpp.read_barcodes(image)] == [
        f"{SAMPLE.serial_number} {SAMPLE.checksum}"
    ]
    assert "웨어러블" in pypdf.PdfReader(io.BytesIO(sheet.content)).pages[0].extract_text()


@pytest.mark.parametrize("text", ["", "가", "x" * (MOST_CHARACTERS + 1)])
def test_what_a_symbol_cannot_hold_is_refused(text):
    with pytest.raises(ValueError, match="Data Matrix"):
        modules(text)

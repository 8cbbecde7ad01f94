"""Reports on paper, read back: what ships with every release has no reader of PDF."""

import io
import re
import sys
from pathlib import Path

import pypdf
from andon_mes.exports import form_pdf
from andon_mes.exports.model import Form, Language

sys.path.insert(0, str(Path(__file__).parents[1]))
from ledger import DAY, NOW
from test_exports import a_head, made


def test_paper_shows_each_row_with_page_numbers_in_plant_time_and_in_korean():
    rows = [(f"시리얼-{number}", number, 99.5, None, DAY, NOW) for number in range(120)]
    pages = pypdf.PdfReader(io.BytesIO(made(rows, Form.PDF, a_head(language=Language.KO)))).pages
    texts = [each.extract_text() for each in pages]
    assert len(pages) == 3
    whole = "\n".join(texts)
    assert "표본" in texts[0]
    assert "생산일: 2025-11-10" in texts[0]
    for number, text in enumerate(texts, start=1):
        assert re.search(rf"{number} /\s+3", text), "each page says which it is, and of how many"
        assert "수량" in text, "each page has the headings"
    assert all(f"시리얼-{number}" in whole for number in range(120))
    assert whole.count("2025-11-10 18:00:00") == 120 + 1, "plant time, not UTC"
    assert form_pdf.written(None, a_head()) == "-"


def test_long_text_on_paper_is_broken_and_not_cut_off():
    words = " ".join(f"word{number}" for number in range(12))
    [page] = pypdf.PdfReader(io.BytesIO(made([(words, 1, 1.0, 1.0, DAY, NOW)], Form.PDF))).pages
    assert "".join(words.split()) in "".join(page.extract_text().split())


async def test_the_life_of_a_serial_is_told_on_paper_in_korean(any_plant):
    _, [serial] = await any_plant.released_lot(1)
    await any_plant.pass_process(serial, "SPRING")
    answer = await any_plant.get(f"/api/v1/reports/genealogy?serial={serial}&format=pdf&lang=ko")
    text = pypdf.PdfReader(io.BytesIO(answer.content)).pages[0].extract_text()
    assert serial in text
    assert "시리얼 이력" in text

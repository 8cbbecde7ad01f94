"""The pages as HTML: whole in both languages, safe, honest about what may not be done; errors for people."""

import json
import re
from html.parser import HTMLParser

import pytest
from andon_mes.api.configuration import path_of
from andon_mes.configuration.model import Kind
from andon_mes.dashboard.frame import local
from andon_mes.dashboard.report_pages import REPORTS

PAGE = {"Accept": "text/html"}
_VOID = {"meta", "link", "input", "br", "hr"}


@pytest.fixture
async def busy(plant):
    """A plant with a lot in work, one serial that passed, one that failed."""
    lot, numbers = await plant.released_lot(3)
    await plant.pass_process(numbers[0], "SPRING")
    await plant.start(numbers[0], "LMA")
    await plant.fail(numbers[1], "SPRING", "D001")
    plant.paths = [
        "/",
        "/lots",
        f"/lots/{lot['lot_number']}",
        *(f"/serials/{each}" for each in numbers),
        "/defects",
        "/defects?status=all",
        "/defects/1",
        "/spc",
        "/spc/SPRING",
        "/spc/SPRING/spring_force?rules=&last=25",
        "/oee",
        "/oee?from=2025-11-01",
        "/recall",
        f"/recall?number={lot['lot_number']}",
        "/admin",
        "/admin/settings",
        "/admin/audit",
        "/admin/users",
        "/admin/permissions?role=station",
        "/admin/devices",
        "/admin/exchange",
        "/admin/errors?all=1",
        "/admin/requests",
        *(f"/reports?report={name}" for name in REPORTS),
        *(f"/admin{path_of(kind)}" for kind in Kind),
        "/login",
    ]
    return plant


class _Closed(HTMLParser):
    """Checks that elements are closed in the order in which they were opened, and gathers ids."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.inline, self.unlabelled = [], [], [], []

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.ids += [named["id"]] if "id" in named else []
        self.inline += [name for name in named if name == "style" or name.startswith("on")]
        if tag not in _VOID and not self.get_starttag_text().endswith("/>"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)

    def handle_endtag(self, tag):
        assert self.open, tag
        assert self.open.pop() == tag, (tag, self.getpos())


def looked_at(text):
    parser = _Closed()
    parser.feed(text)
    return parser


async def test_every_page_is_whole_and_safe_and_asks_the_api_for_what_is_there(busy):
    known = (await busy.get("/openapi.json")).json()["paths"]
    patterns = {
        re.sub(r"\{[^}]*\}", "[^/]+", path): {each.upper() for each in of} for path, of in known.items()
    }
    tasks = 0
    for number, path in enumerate(busy.paths):
        language = ("en", "ko")[number % 2]
        joiner = "&" if "?" in path else "?"
        answer = await busy.client.get(f"{path}{joiner}lang={language}", headers=PAGE)
        assert answer.status_code == 200, path
        assert f'<html lang="{language}"' in answer.text
        assert answer.cookies["mes_lang"] == language
        _check_safe(path, answer)
        for written in re.findall(r"data-task='([^']*)'", answer.text):
            task = json.loads(written)
            address = re.sub(r"\{\w+\}", "x", task["url"].split("?")[0])
            fits = [of for pattern, of in patterns.items() if re.fullmatch(pattern, address)]
            assert any(task["method"] in of for of in fits), (path, task["method"], task["url"])
            tasks += 1
    assert tasks > 40


def _check_safe(path, answer):
    page = looked_at(answer.text)
    assert page.open == [], path
    assert page.inline == [], path
    assert len(page.ids) == len(set(page.ids)), path
    assert "<style" not in answer.text
    assert answer.text.count("<script") == answer.text.count('<script src="/static/')
    assert not re.search(r"https?://(?!www\.w3\.org)", answer.text), path
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]


async def test_the_fragment_is_the_living_part_and_unchanged_it_is_not_sent_again(busy):
    first = await busy.client.get("/?fragment=true", headers=PAGE)
    assert first.text.lstrip().startswith("<title>")
    assert "<dialog" not in first.text
    again = await busy.client.get("/?fragment=true", headers=PAGE | {"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.text) == (304, "")


async def test_who_just_changed_something_sees_it_at_once(busy):
    path = busy.paths[2]
    before = (await busy.client.get(f"{path}?fragment=true", headers=PAGE)).text
    await busy.patch(f"/api/v1{path}", {"action": "hold", "reason": "gauge"})
    assert (await busy.client.get(f"{path}?fragment=true", headers=PAGE)).text == before
    own = await busy.client.get(f"{path}?fragment=true", headers=PAGE | {"X-Fresh": "1"})
    assert "gauge" in own.text


async def test_what_people_write_is_escaped(plant):
    hostile = "<script>alert(1)</script>'\"&"
    lot = await plant.lot(2, notes=hostile, created_by=hostile)
    text = (await plant.client.get(f"/lots/{lot['lot_number']}", headers=PAGE)).text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&#39;&#34;&amp;" in text
    assert looked_at(text).open == []


async def test_what_the_state_does_not_allow_is_shown_with_the_apis_own_reason(plant):
    lot = await plant.lot(2)
    text = (await plant.client.get(f"/lots/{lot['lot_number']}?lang=ko", headers=PAGE)).text
    button = re.search(r'<button[^>]*id="verb-hold"[^>]*>', text)[0]
    refusal = await plant.patch(f"/api/v1/lots/{lot['lot_number']}", {"action": "hold", "reason": "x"})
    assert 'aria-disabled="true"' in button
    assert refusal.json()["detail_ko"].rstrip(".") in button


async def test_what_the_role_may_not_do_is_shown_with_the_reason(plant):
    lot, numbers = await plant.released_lot(1)
    operator = plant.acting("operator")
    for path in (f"/lots/{lot['lot_number']}", f"/serials/{numbers[0]}"):
        text = (await operator.client.get(path, headers=PAGE)).text
        button = re.search(r'<button[^>]*id="verb-hold"[^>]*>', text)[0]
        assert 'aria-disabled="true" title="Your role (Operator) may not' in button
        assert "data-task" not in button
    assert 'href="/reports"' not in text
    assert (await operator.client.get("/oee", headers=PAGE)).status_code == 403


async def test_a_plant_without_a_key_offers_the_unsigned_certificate_and_says_why(plant):
    _, [number] = await plant.released_lot(1)
    address = f"/api/v1/serials/{number}/certificate"
    text = (await plant.client.get(f"/serials/{number}", headers=PAGE)).text
    refusal = (await plant.get(f"{address}.json")).json()
    for name in ("pdf", "json"):
        assert refusal["detail"].rstrip(".") in re.search(rf'<button[^>]*id="verb-{name}"[^>]*>', text)[0]
    assert f'href="{address}.pdf?lang=en"' not in text
    assert f'href="{address}.pdf?lang=en&amp;signed=false"' in text
    assert "?signed=false" in refusal["detail"]


async def test_a_process_that_quality_accepted_as_it_is_is_not_shown_as_failed(plant):
    _, [number] = await plant.released_lot(1)
    for _ in range(3):
        await plant.fail(number, "SPRING", "D001")
    text = (await plant.client.get(f"/serials/{number}", headers=PAGE)).text
    assert '<li class="failed"><b>SPRING</b>' in text
    [known, *_] = (await plant.get("/api/v1/defects?is_live=true")).json()["data"]["defects"]
    kim = await plant.user("kim", "quality")
    accepted = await kim.patch(
        f"/api/v1/defects/{known['id']}",
        {
            "action": "disposition",
            "disposition": "USE_AS_IS",
            "reason": "the customer agreed",
            "signature": {
                "password": "coffee under grey rain",  # pragma: allowlist secret
                "meaning": "approved",
            },
        },
    )
    assert accepted.status_code == 200, accepted.text
    for language, word in (("en", "accepted by concession"), ("ko", "특채 승인")):
        asked = await plant.client.get(f"/serials/{number}?lang={language}", headers=PAGE | {"X-Fresh": "1"})
        text = asked.text
        assert '<li class="accepted"><b>SPRING</b>' in text
        assert word in text


async def test_the_first_steps_are_said_only_where_nothing_was_done_and_nothing_is_open(plant):
    async def is_advised():
        return 'class="panel blank"' in (await plant.client.get("/", headers=PAGE | {"X-Fresh": "1"})).text

    assert await is_advised()
    call = (await plant.post("/api/v1/calls", {"kind": "QUALITY", "message": "bent"})).json()["data"]
    assert not await is_advised()
    done = {"action": "resolve", "resolution": "straightened"}
    assert (await plant.patch(f"/api/v1/calls/{call['id']}", done)).status_code == 200
    assert await is_advised()
    await plant.released_lot(1)
    assert not await is_advised()


async def test_a_report_on_a_page_says_states_in_words_and_its_file_keeps_the_codes(plant):
    await plant.lot(1)
    text = (await plant.client.get("/reports?report=production&lang=ko", headers=PAGE)).text
    assert "초안" in text
    assert "주간" in text
    assert "DRAFT" not in text
    assert "DRAFT" in (await plant.client.get("/api/v1/reports/production?format=csv")).text


async def test_who_is_not_known_is_asked_to_sign_in_and_comes_back(plant):
    nobody = plant.acting(None)
    answer = await nobody.client.get("/lots?status=HOLD", headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Flots%3Fstatus%3DHOLD")
    assert (await nobody.client.get("/lots?fragment=true", headers=PAGE)).status_code == 401
    assert (await nobody.client.get("/events")).status_code == 401
    page = await nobody.client.get(answer.headers["location"], headers=PAGE)
    assert 'data-next="/lots?status=HOLD"' in page.text


async def test_an_error_is_a_page_for_people_and_a_problem_for_programs(plant):
    page = await plant.client.get("/lots/FN-KR-NONE?lang=ko", headers=PAGE)
    assert page.status_code == 404
    assert "해당 로트가 없습니다" in page.text
    assert (await plant.client.get("/nowhere", headers=PAGE)).status_code == 404
    program = await plant.get("/api/v1/lots/FN-KR-NONE")
    assert program.headers["content-type"] == "application/problem+json"


NOWHERE = [
    ("/lots?status=NONE", 422),
    ("/lots?unknown=1", 422),
    ("/lots?page=0", 422),
    ("/oee?from=never", 422),
    ("/reports?from=2025-13-01", 422),
    ("/reports?report=none&by=none", 200),
    ("/spc/SPRING/spring_force?last=0", 422),
    ("/spc/NONE/none", 404),
    ("/defects/none", 404),
    ("/defects?page=x", 200),
    ("/recall/none", 404),
    ("/serials/none", 404),
    ("/admin/audit?page=99999999999", 200),
    ("/admin/errors?before=x", 200),
    ("/find?number=", 404),
]


async def test_an_address_that_is_none_is_said_and_fails_nothing(plant):
    for path, status in NOWHERE:
        answer = await plant.client.get(path, headers=PAGE)
        assert answer.status_code == status, path
        assert answer.text.rstrip().endswith("</html>"), path


async def test_what_is_scanned_leads_to_its_page(busy):
    number = busy.paths[3].removeprefix("/serials/")
    check = (await busy.serial(number))["checksum"]
    for scanned in (number, number.lower(), f" {number} ", f"{number}{check}", f"{number}-{check}"):
        found = await busy.client.get("/find", params={"number": scanned}, headers=PAGE)
        assert found.headers["location"] == f"/serials/{number}", scanned
    lot = busy.paths[2].removeprefix("/lots/")
    found = await busy.client.get("/find", params={"number": lot}, headers=PAGE)
    assert found.headers["location"] == f"/lots/{lot}"
    assert (await busy.client.get("/find", params={"number": f"{number}ZZ"}, headers=PAGE)).status_code == 404


async def test_style_and_script_are_kept_only_under_the_address_of_their_own_content(plant):
    text = (await plant.client.get("/", headers=PAGE)).text
    address = re.search(r'src="(/static/mes.js\?\w+)"', text)[1]
    assert "immutable" in (await plant.get(address)).headers["cache-control"]
    assert (await plant.get("/static/mes.js?of-another-release")).headers["cache-control"] == "no-store"
    assert (await plant.get("/static/../app.py")).status_code == 404


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("/lots?status=HOLD", "/lots?status=HOLD"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("https://evil.example", "/"),
        ("/api/v1/lots", "/"),
        (None, "/"),
    ],
)
def test_a_sign_in_never_sends_anyone_elsewhere(path, leads_to):
    assert local(path) == leads_to

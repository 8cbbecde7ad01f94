"""Whatever people call things: in a page it is text, and in a button it is the value that was meant."""

import json
from html.parser import HTMLParser

from andon_mes.dashboard import assets
from andon_mes.dashboard.actions import Action
from hypothesis import example, given, settings
from hypothesis import strategies as st

HOSTILE = "</button><script>alert(1)</script>'\"&<!--"
NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)
_BUTTON = '{% import "_parts.html" as parts with context %}{{ parts.act(it) }}'
_NAME = '{% import "_parts.html" as parts with context %}{{ parts.serial_link(it) }}'


class _Read(HTMLParser):
    """What a browser makes of it: the elements with their attributes, and the text."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.elements, self.said = [], ""

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.said += data


def read(template, it):
    page = _Read()
    page.feed(assets.templates().from_string(template).render(it=it))
    page.close()
    return page


@settings(max_examples=40, deadline=None)
@given(NAMES)
@example(HOSTILE)
def test_a_button_carries_its_task_whole_and_is_one_element(name):
    task = Action("x", name, "/api/v1/lots", say=name, body={"notes": name})
    page = read(_BUTTON, task)
    [(tag, attributes)] = page.elements
    assert tag == "button"
    assert json.loads(attributes["data-task"]) == task.task
    assert page.said == name


@settings(max_examples=20, deadline=None)
@given(NAMES)
@example(HOSTILE)
def test_a_reason_why_not_stays_in_its_attribute(name):
    page = read(_BUTTON, Action("x", "Hold", "/api/v1/lots", why=name))
    assert [tag for tag, _ in page.elements] == ["button", "span"]
    assert page.elements[0][1]["title"] == name
    assert "data-task" not in page.elements[0][1]


@settings(max_examples=20, deadline=None)
@given(NAMES)
@example(HOSTILE)
def test_a_name_is_text_and_its_address_leads_nowhere_else(name):
    page = read(_NAME, name)
    [(tag, attributes)] = page.elements
    assert tag == "a"
    assert attributes["href"].startswith("/serials/")
    assert not set("<>\"' ") & set(attributes["href"])
    assert page.said == name

"""Any configuration that files must carry: rows drawn from their shapes, whatever holds between them."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from andon_mes.configuration import exchange
from andon_mes.configuration.model import (
    Choice,
    Document,
    Flag,
    Group,
    Instant,
    Kind,
    Number,
    Plant,
    Reference,
    Table,
    Text,
    Whole,
)
from andon_mes.configuration.reading import read_row
from andon_mes.configuration.shapes import CODE, NAME, SHAPES, VERSION
from andon_mes.configuration.store import By
from andon_mes.numbers.calendar import plain_calendar
from hypothesis import strategies as st

NOON = datetime(2025, 11, 10, 3, 0, tzinfo=UTC)
SEOUL = ZoneInfo("Asia/Seoul")
PLAIN = plain_calendar(SEOUL, time(8), time(20))


def take(connection, content, *, dry=False, at=NOON):
    """Take the file, and give the steps of it."""
    return exchange.take(connection, exchange.parse(connection, content, PLAIN), By("Kim", at), is_dry=dry)


CODES = st.from_regex(r"[A-Z0-9][A-Z0-9_.-]{0,8}", fullmatch=True)
NAMES = st.from_regex(
    r"[A-Za-z가-힣_][^/\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff\ufffe\uffff]{0,8}", fullmatch=True
)
LETTERS = st.characters(
    exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="\x7f\x85\u2028\u2029\ufffe\uffff"
)
WORDS = st.text(LETTERS, min_size=1, max_size=12) | st.sampled_from(
    ["=1+1", "'''", '"""', "_x0041_", "-", "+1", "@x", "1", "1.0", "TRUE", "#x", "a # b", "\\n", "한국어 ✓"]
)
LINES = st.lists(WORDS, min_size=1, max_size=4).map("\n".join) | st.sampled_from(
    ["a\n", "\n\na", " a\t\n'", "^XA'''"]
)
LEAVES = WORDS | st.booleans() | st.integers(-(2**52), 2**52) | st.floats(-1e9, 1e9, allow_nan=False)
INSTANTS = st.integers(1_600_000_000, 1_900_000_000).map(lambda at: datetime.fromtimestamp(at, UTC))


def documents(leaves, *, empty=True):
    return st.dictionaries(
        WORDS | CODES,
        st.recursive(
            leaves,
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
            max_leaves=5,
        ),
        min_size=0 if empty else 1,
        max_size=4,
    )


KNOWN_FORMS = {CODE: CODES, NAME: NAMES, VERSION: st.just("1.2.3-rc1"), r"\S+": st.just("sha256:ab")}
DRAWN = {
    Text: lambda form: KNOWN_FORMS.get(form.form, LINES if form.has_lines else WORDS),
    Reference: lambda _form: CODES,
    Whole: lambda form: st.integers(form.least, form.most),
    Number: lambda form: st.floats(1e-3 if form.is_positive else -1e9, 1e9, allow_nan=False),
    Flag: lambda _form: st.booleans(),
    Choice: lambda form: st.sampled_from(form.words),
    Instant: lambda _form: INSTANTS,
    Document: lambda form: documents(LEAVES | st.none() if form.is_schema else LEAVES),
    Group: lambda form: rows(form.fields),
    Table: lambda form: st.lists(rows(form.fields), min_size=1, max_size=2),
}


def values(form):
    return DRAWN[type(form)](form)


def rows(fields):
    drawn = {
        each.name: (values(each.form) | st.none() if each.is_nullable else values(each.form))
        for each in fields
    }
    return st.fixed_dictionaries(drawn)


def kinds(kind):
    shape = SHAPES[kind]

    def keyed(drawn):
        read = [read_row(shape, raw) for raw in drawn]
        return {shape.key_of(row): row for row, wrong in read if not wrong}

    return st.lists(rows(shape.fields), max_size=2).map(keyed)


def of_kinds(chosen):
    return st.fixed_dictionaries({kind: kinds(kind) for kind in chosen})


PLANTS = st.builds(
    Plant,
    st.lists(st.sampled_from(Kind), unique=True, max_size=2).flatmap(of_kinds),
    st.dictionaries(st.sampled_from(["calendar", "enforcement"]), documents(LEAVES, empty=False), max_size=1),
)

"""Errors of `andon.toml` name file, line, key, value, what is wrong and the fix."""

import contextlib
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.kernel.errors import InvalidInput
from andon.units.load import load, parse
from andon.units.model import Manifest, StrategyName
from andon.units.positions import lines

GOOD = """\
[unit]
name = "mes"

[run]
command = ["mes", "--port", "{port}"]

[evidence.errors]
source = "gateway"

[environments.production]
port = 9000
strategy = "canary"
"""


def refusal(text: str) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        parse(text, source="andon.toml")
    return caught.value


def test_a_manifest_is_read_with_its_defaults() -> None:
    manifest = parse(GOOD, source="andon.toml")
    assert manifest.unit.name == "mes"
    assert manifest.environments["production"].strategy is StrategyName.CANARY
    assert manifest.health.path == "/health"


@pytest.mark.asvs("2.2.1")
@pytest.mark.parametrize(
    ("change", "sentence", "hint"),
    [
        (("port = 9000", "port = 99999"), "line 11: environments.production.port = 99999: must be", "`port`"),
        (
            ("port = 9000", "port = 9000\ninstancs = 2"),
            "line 12: environments.production.instancs = 2: no such key",
            "did you mean `instances`?",
        ),
        (("port = 9000", "zzz = 1\nport = 9000"), "line 11: environments.production.zzz", "known here: host"),
        (("port = 9000\n", ""), "line 10: environments.production: `port` is missing", ""),
        (('"canary"', '"canry"'), "strategy = \"canry\": must be 'canary'", "`strategy`: How a rollout"),
        (('"mes"', '"Mes"'), 'line 2: unit.name = "Mes": not a name', "lower-case"),
        (("{port}", "{prot}"), "line 5: run.command", "`command`"),
        (("evidence.errors", 'evidence."A b"'), "line 7: evidence.A b: not a name", "lower-case"),
        (('"gateway"', '"http"'), "line 7: evidence.errors: source http needs `exposure` and `bad`", ""),
        (('"gateway"', '"sql"'), "line 7: evidence.errors: source sql needs `database` and `query`", ""),
        (('"gateway"', '"gateway"\nquery = "x"'), "`database` and `query` are for source sql", ""),
        (('"gateway"', '"gateway"\nrows = "x"'), "`rows` is for source json", ""),
        (('"gateway"', '"json"\nkind = "latency"'), "source json needs `edges`, the buckets to read", ""),
        (('"gateway"', '"prometheus"\nevery = "1m"'), "line 9: evidence.errors.every", ""),
        (
            ('"gateway"', '"gateway"\nkind = "latency"\nedges = [1]'),
            "line 7: evidence.errors: the gateway has buckets of its own",
            "",
        ),
        (
            ('"gateway"', '"gateway"\nkind = "latency"\nguardrail = 0.05'),
            "line 7: evidence.errors: kind latency has no bad events",
            "",
        ),
        (
            ('"gateway"', '"gateway"\nkind = "latency"\nacceptable_p95 = "2s"\nguardrail_p95 = "1s"'),
            "line 7: evidence.errors: `acceptable_p95` must be below `guardrail_p95`",
            "",
        ),
        (
            ('"gateway"', '"http"\nkind = "latency"\nhistogram = "x"'),
            "line 7: evidence.errors: source http needs `histogram` and `edges`",
            "",
        ),
        (
            ('"gateway"', '"http"\nkind = "latency"\nhistogram = "x"\nedges = [2, 1]'),
            "line 7: evidence.errors: `edges` must rise",
            "",
        ),
        (
            ('"gateway"', '"gateway"\nguardrail_p95 = "1s"'),
            "line 7: evidence.errors: `histogram`, `edges` and limits of a percentile are for kind latency",
            "",
        ),
        (
            ("port = 9000", "policy = { steps = [0.5, 0.1] }\nport = 1"),
            "line 11: environments.production.p",
            "",
        ),
        (("port = 9000", "policy = { steps = [0.5] }\nport = 1"), "the last share must be 1", ""),
        (
            ("port = 9000", "port = 9000\n[health]\npath = 'x'"),
            'health.path = "x": must begin with /',
            "/health",
        ),
        (
            ("port = 9000", "port = 9000\n[health]\ninterval = 5"),
            "line 13: health.interval = 5: give the unit",
            "",
        ),
        (("port = 9000", "port = 9000\n[health]\ninterval = '0s'"), "longer than nothing", ""),
        (("port = 9000", f"port = 9000\n[health]\ninterval = '{'9' * 30}d'"), "a year is the longest", ""),
        (("port = 9000", "port = 9000\n[build]\nrequirements = '../x'"), "below the manifest's folder", ""),
        (("port = 9000", "port = 9000\n[test]\ncommand = ['pytest']"), "test.command", ""),
        (("[unit]", "[unit"), "line 1: this is not TOML", ""),
        (('name = "mes"', "name = mes"), "line 2: this is not TOML", "double quotes"),
        (('name = "mes"', 'name = "mes"\nname = "b"'), "line 3: this is not TOML", ""),
    ],
)
def test_a_mistake_is_told_with_its_place_and_its_fix(
    change: tuple[str, str], sentence: str, hint: str
) -> None:
    error = refusal(GOOD.replace(*change))
    assert sentence in error.message.splitlines()[0]
    assert hint in error.hint


JUDGED = f"{GOOD}[environments.production.policy]\njudge = "


@pytest.mark.parametrize(
    ("more", "sentence", "hint"),
    [
        ('"mann-whitney"\n', "line 13", ""),
        ('"mann-whitney"\n', "mann-whitney passes after 50 minutes at the earliest, later than", ""),
        ('"threshold"\nmax_wait = "4m"\n', "threshold passes after 5 minutes", ""),
        (
            '"threshold"\n[environments.production.policy.mann-whitney]\nsample = 9\n',
            "line 16: environments.production.policy.mann-whitney.sample = 9: no such key",
            "did you mean `samples`?",
        ),
        (
            '"threshold"\n[environments.production.policy.mann-whitney.metrics.errors]\ndirection = "up"\n',
            "must be 'increase', 'decrease' or 'either'",
            "`direction`: Which change of the metric fails it",
        ),
        ('"threshold"\nmann_whitney = {}\n', "mann_whitney: no such key", "did you mean `mann-whitney`?"),
        ('"Sequential"\n', 'policy.judge = "Sequential": not a name', "lower-case"),
    ],
)
def test_what_is_asked_of_a_judge_is_checked_with_words_that_help(
    more: str, sentence: str, hint: str
) -> None:
    error = refusal(f"{JUDGED}{more}")
    assert sentence in error.message
    assert hint in error.hint


@pytest.mark.asvs("2.2.3", "3.5.4")
def test_two_environments_cannot_have_one_port() -> None:
    assert "production and b both want port 9000" in refusal(f"{GOOD}[environments.b]\nport = 9000\n").message


def test_all_mistakes_come_at_once_in_the_order_of_the_lines() -> None:
    error = refusal(GOOD.replace("9000", "-1").replace('"mes"\n', '"Mes"\nkin = "x"\n'))
    told = error.message.splitlines()
    assert [each.split(":")[0] for each in told] == [
        "andon.toml line 2",
        "andon.toml line 3",
        "andon.toml line 12",
    ]
    assert "did you mean `kind`?" in told[1]


def test_a_missing_or_unreadable_file_is_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"andon\.toml cannot be read"):
        load(tmp_path)
    (tmp_path / "andon.toml").write_bytes(b"[unit]\nname = '\xff'\n")
    with pytest.raises(InvalidInput, match="line 2: this is not UTF-8"):
        load(tmp_path)
    (tmp_path / "andon.toml").write_text(GOOD)
    assert load(tmp_path) == load(tmp_path / "andon.toml")


def test_every_key_has_its_line() -> None:
    text = '''\
top = 1  # [not.a.table]
dotted.key . "quoted.key" = """
[not]
a = "table" """
[a."b c"]
list = [ # comment ]
  1, "two, ]",
  { x = 'y#' }, [3,
  4]
]
inline = { one = 1, two.three = [] }
[[many]]
name = 1
[[many]]
[many.sub]
name = 2
'''
    tomllib.loads(text)
    found = lines(text)
    assert found["top",] == 1
    assert found["dotted", "key", "quoted.key"] == 2
    assert ("not",) not in found
    assert found["a", "b c"] == 5
    assert [found["a", "b c", "list", each] for each in range(4)] == [7, 7, 8, 8]
    assert found["a", "b c", "list", 2, "x"] == 8
    assert found["a", "b c", "list", 3, 1] == 9
    assert found["a", "b c", "inline", "two", "three"] == 11
    assert (found["many", 0, "name"], found["many", 1]) == (13, 14)
    assert found["many", 1, "sub", "name"] == 16


TOKENS = st.sampled_from(
    [
        *("[", "]", "[[", "]]", "{", "}", "=", ",", ".", "\n", "\n", " ", "#", "'", '"', "'''", '"""', "\\"),
        *(
            "unit",
            "name",
            "run",
            "command",
            "environments",
            "production",
            "port",
            "policy",
            "steps",
            "health",
        ),
        *("[unit]\n", 'name = "mes"\n', "[run]\n", "command = ['x']\n", "[environments.a]\n", "port = 1\n"),
        *("1", "-1", "0.5", "1e400", "nan", "true", "1979-05-27", '"5s"', '"1e9d"', "\u0000", "\ud55c", "\r"),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.lists(TOKENS, max_size=40).map("".join)))
def test_any_text_is_a_manifest_or_the_callers_mistake(text: str) -> None:
    with contextlib.suppress(InvalidInput):
        assert isinstance(parse(text, source="x"), Manifest)


@settings(max_examples=300, deadline=None)
@given(st.lists(TOKENS, max_size=40).map("".join))
def test_whatever_toml_accepts_has_lines(text: str) -> None:
    with contextlib.suppress(tomllib.TOMLDecodeError):
        data = tomllib.loads(text)
        found = lines(text)
        assert {(key,) for key in data} <= set(found)
        assert all(1 <= each <= text.count("\n") + 1 for each in found.values())


SCALARS = st.one_of(st.integers(), st.booleans(), st.text(max_size=5), st.floats(allow_nan=False))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
SECTIONS = st.dictionaries(st.sampled_from([*Manifest.model_fields, "x"]), VALUES, max_size=6)


@settings(max_examples=200, deadline=None)
@given(SECTIONS)
def test_any_toml_document_is_a_manifest_or_the_callers_mistake(data: dict[str, object]) -> None:
    import tomlkit

    with contextlib.suppress(InvalidInput):
        parse(tomlkit.dumps(data), source="x")


GATEWAY = """
[unit]
name = "shop"

[run]
command = ["shop", "--port", "{port}"]

[gateway]
%s

[environments.production]
port = 8443
%s
"""


@pytest.mark.parametrize(
    ("gateway", "place", "words"),
    [
        ('cors = ["https://board.plant.local/"]', "", "scheme, name and port alone"),
        ('cors = ["*"]', "", "scheme, name and port alone"),
        ('preview_from = ["10.20.0.5/16"]', "", "write a network"),
        ('timeouts = { "reports" = "5m" }', "", "write the beginning of a path"),
        ('timeouts = { "/reports" = "0s" }', "", "longer than nothing"),
        ('[gateway.limit]\nper = "1ms"', "", '"50ms" or longer'),
        ("[gateway.outliers]\nmost = 1.0", "", "less than 1"),
        ("retries = 6", "", "less than or equal to 5"),
        ("", "redirect_port = 8080", "needs `tls = true`"),
        ("", "tls = true\nredirect_port = 8443", "another than `port`"),
        ("", "[environments.staging]\nport = 8080\ntls = true\nredirect_port = 8443", "both want port 8443"),
    ],
)
def test_what_is_asked_of_the_gateway_is_checked_with_words_that_help(gateway, place, words):
    with pytest.raises(InvalidInput) as refused:
        parse(GATEWAY % (gateway, place), source="andon.toml")
    assert words in str(refused.value)


def test_an_empty_table_asks_for_the_usual_limit():
    manifest = parse(GATEWAY % ('cors = ["http://[::1]:80"]\n[gateway.limit]', ""), source="andon.toml")
    limit = manifest.gateway.limit
    assert limit is not None
    assert (limit.requests, limit.per.total_seconds()) == (100, 60)
    assert manifest.gateway.outliers is None


def with_data(text: str) -> str:
    return f"{GOOD}\n[data.rows]\n{text}"


def test_what_a_unit_keeps_is_declared_by_kind() -> None:
    found = parse(with_data('kind = "sqlite"\npath = "mes.db"\ntables = ["lots"]'), source="andon.toml")
    assert found.data["rows"].path == "mes.db"
    server = parse(with_data('kind = "postgresql"\nurl_env = "MES_DATABASE"'), source="andon.toml")
    assert server.data["rows"].url_env == "MES_DATABASE"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('kind = "sqlite"', "a sqlite is named by `path`"),
        ('kind = "postgresql"\npath = "x"\nurl_env = "X"', "a database on a server is named by `url_env`"),
        ('kind = "folder"\npath = "files"\ntables = ["lots"]', "a folder has no `tables`"),
        ('kind = "folder"\npath = "../other"', "below the manifest's folder"),
        ('kind = "sqlite"\npath = "mes.db"\ntables = ["lots; drop"]', "the name of a table"),
    ],
)
def test_what_it_keeps_must_be_where_a_copy_can_find_it(text: str, sentence: str) -> None:
    assert sentence in str(refusal(with_data(text)))

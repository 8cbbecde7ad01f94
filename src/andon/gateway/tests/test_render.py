"""Routes become documents: goldens, names, and what must never be rendered."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from andon.gateway.aside import is_expressible
from andon.gateway.bootstrap import bootstrap
from andon.gateway.model import (
    Backend,
    Beside,
    Endpoint,
    Features,
    HealthCheck,
    Limit,
    Outliers,
    Route,
    Tls,
)
from andon.gateway.names import IDLE, ClusterName, Role, find_cluster, route_name
from andon.gateway.reading import beside_in, clusters_in, receiving_in, weights_in
from andon.gateway.render import Documents, RenderOptions, document, render, revision_in, to_bytes
from andon.kernel.errors import InvalidInput
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.units.desired import Match, MatchKind, Routing

GOLDEN = Path(__file__).parent / "golden"
OPTIONS = RenderOptions("/gateway")
OLD, NEW = Version("1.0.0"), Version("1.1.0-rc1+b.5")


def a_route(**changes):
    backends = (
        Backend(NEW, 100, (Endpoint("127.0.0.1", 9002),), is_candidate=True),
        Backend(OLD, 900, (Endpoint("127.0.0.1", 9000), Endpoint("localhost", 9001))),
    )
    route = Route(UnitName("shop"), EnvironmentName("production"), 7, "127.0.0.1", 8080, backends)
    return replace(route, **changes)


def _checked(candidate: HealthCheck):
    """The candidate is checked in another way than the stable release."""
    return tuple(
        replace(each, health=candidate) if each.is_candidate else each for each in a_route().backends
    )


ASIDE = Routing(
    (Match(MatchKind.HEADER, "X-Group", "b"), Match(MatchKind.COOKIE, "group", "b")), 0.25, has_preview=True
)
EVERYTHING = Features(
    timeouts=(("/reports/", timedelta(minutes=5)), ("/reports/quick/", timedelta(seconds=5))),
    retries=3,
    limit=Limit(),
    outliers=Outliers(),
    compress_above=2000,
    allow_origins=("https://board.plant.local",),
    cached=("/static/",),
)


def as_json(documents: Documents):
    return {"lds": documents.lds, "cds": documents.cds, "rds": dict(documents.rds)}


def the_route(documents: Documents):
    return documents.rds["shop~production"]["resources"][0]


CASES = {
    "canary": [a_route()],
    "sticky": [
        a_route(
            sticky=True,
            timeout=timedelta(seconds=5),
            backends=_checked(HealthCheck("/healthz", timedelta(seconds=3), timedelta(seconds=1), 2, 2)),
        )
    ],
    "nothing_ready": [a_route(backends=(Backend(OLD, 0, ()),))],
    "aside": [a_route(routing=ASIDE)],
    "features": [a_route(features=EVERYTHING, tls=Tls(8081), sticky=True)],
    "idle": [],
}


@pytest.mark.parametrize("name", CASES)
def test_documents_are_the_golden_ones(name):
    """After an intended change write them anew with: python -m json.tool on what this test prints."""
    made = json.dumps(as_json(render(CASES[name], OPTIONS)), indent=1, sort_keys=True) + "\n"
    assert made == (GOLDEN / f"{name}.json").read_text(), made


def test_the_bootstrap_is_the_golden_one():
    made = json.dumps(bootstrap("/gateway", "/gateway/admin.sock"), indent=1, sort_keys=True) + "\n"
    assert made == (GOLDEN / "bootstrap.json").read_text(), made
    assert "allow_paths" not in bootstrap("/gateway", "/a.sock", version=(1, 30, 0))["admin"]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("version", ["1.0.0", "1.1.0-rc1+b.5", "10.20.30-a.b-c"])
def test_a_cluster_name_has_no_dot_and_gives_its_release_back(version, role):
    name = ClusterName(UnitName("my-shop"), EnvironmentName("prod-2"), Version(version), role)
    assert "." not in str(name)
    assert find_cluster(str(name)) == name


@pytest.mark.parametrize("name", [IDLE, "admin", "a~b~1_0_0~other", "a~b~c~d~e"])
def test_a_cluster_of_no_release_is_not_taken_for_one(name):
    assert find_cluster(name) is None


def test_the_cluster_document_is_never_empty():
    assert [each["name"] for each in render([], OPTIONS).cds["resources"]] == [IDLE]


def test_weights_are_read_back_stable_first():
    configuration = the_route(render([a_route()], OPTIONS))
    assert list(weights_in(configuration).items()) == [(OLD, 900), (NEW, 100)]
    assert clusters_in(configuration) == {"shop~production~1_0_0", "shop~production~1_1_0-rc1+b_5~slot"}
    assert receiving_in(configuration) == {"shop~production~1_0_0", "shop~production~1_1_0-rc1+b_5"}


def test_a_candidate_falls_back_on_the_stable_release_and_not_the_other_way():
    clusters = {each["name"]: each for each in render([a_route()], OPTIONS).cds["resources"]}
    slot = clusters["shop~production~1_1_0-rc1+b_5~slot"]["cluster_type"]["typed_config"]["clusters"]
    assert slot == ["shop~production~1_1_0-rc1+b_5", "shop~production~1_0_0"]
    assert "shop~production~1_0_0~slot" not in clusters


def test_a_return_changes_the_route_document_only():
    before, after = (
        render([a_route(revision=revision, backends=made)], OPTIONS)
        for revision, made in ((7, a_route().backends), (8, _with_weights(a_route(), 0)))
    )
    assert before.lds == after.lds
    assert before.cds == after.cds
    assert before.rds != after.rds
    assert revision_in(after.rds["shop~production"]["version_info"]) == 8


def _with_weights(route: Route, share: int):
    return tuple(
        replace(each, weight=share if each.is_candidate else 1000 - share) for each in route.backends
    )


def test_a_version_changes_with_the_content_and_only_then():
    first, second = render([a_route()], OPTIONS), render([a_route(timeout=timedelta(seconds=9))], OPTIONS)
    assert first.lds["version_info"] == second.lds["version_info"]
    name = route_name(UnitName("shop"), EnvironmentName("production"))
    assert first.rds[name]["version_info"] != second.rds[name]["version_info"]
    assert to_bytes(first.rds[name]) == to_bytes(render([a_route()], OPTIONS).rds[name])
    assert document([]) == document([])


def test_an_event_stream_has_no_timeout_and_every_other_request_has_the_routes():
    actions = actions_of(a_route(timeout=timedelta(seconds=60)))
    assert [each["timeout"] for each in actions] == ["0.000s", "60.000s", "60.000s", "60.000s"]


def actions_of(route: Route):
    """What is done with each kind of request that reaches a release."""
    routes = the_route(render([route], OPTIONS))["virtual_hosts"][0]["routes"]
    return [each["route"] for each in routes if "route" in each]


def test_a_500_is_never_retried():
    host = the_route(render([a_route(sticky=True)], OPTIONS))["virtual_hosts"][0]
    actions = actions_of(a_route(sticky=True, routing=ASIDE))
    policies = [host["retry_policy"], *(each.get("retry_policy") for each in actions)]
    conditions = {word for each in policies if each for word in each["retry_on"].split(",")}
    assert conditions == {
        "connect-failure",
        "refused-stream",
        "reset-before-request",
        "reset",
        "gateway-error",
    }


def test_an_older_envoy_is_not_asked_to_count_cut_answers():
    made = render([a_route()], RenderOptions("/gateway", is_modern=False))
    assert "access_log" not in json.dumps(made.lds)


@pytest.mark.parametrize(
    ("backends", "words"),
    [
        ((Backend(OLD, 999, (Endpoint("127.0.0.1", 1),)),), "sum to 999"),
        ((Backend(OLD, 1000, ()),), "1.0.0, which has no endpoint"),
        (
            (Backend(OLD, 1001, (Endpoint("h", 1),)), Backend(NEW, -1, (Endpoint("h", 2),))),
            "weights of shop in production",
        ),
    ],
)
def test_weights_that_contradict_themselves_are_refused(backends, words):
    with pytest.raises(InvalidInput, match=words):
        render([a_route(backends=backends)], OPTIONS)


def test_two_routes_on_one_port_are_refused():
    with pytest.raises(InvalidInput, match=r"mes in production and shop in production|both want"):
        render([a_route(), a_route(unit=UnitName("mes"))], OPTIONS)


def test_a_route_may_go_without_every_feature():
    configuration = the_route(render([a_route(features=Features(has_security_headers=False))], OPTIONS))
    assert set(configuration["virtual_hosts"][0]) == {"name", "domains", "retry_policy", "routes"}


def test_a_redirect_port_that_another_route_has_is_refused():
    other = a_route(unit=UnitName("mes"), port=9090, tls=Tls(8080))
    with pytest.raises(InvalidInput, match=r"both want 127\.0\.0\.1:8080"):
        render([other, a_route()], OPTIONS)


def test_a_longer_beginning_of_a_path_has_its_own_timeout_and_only_static_files_are_cached():
    routes = the_route(render([a_route(features=EVERYTHING)], OPTIONS))["virtual_hosts"][0]["routes"]
    found = {}
    for each in routes:
        if "route" in each:
            added = json.dumps(each.get("response_headers_to_add", []))
            found[each["match"]["prefix"]] = (each["route"]["timeout"], "max-age=2592000" in added)
    assert list(found.items()) == [
        ("/reports/quick/", ("5.000s", False)),
        ("/reports/", ("300.000s", False)),
        ("/static/", ("60.000s", True)),
        ("/", ("60.000s", False)),
    ]


def test_a_candidate_is_never_given_a_rest():
    clusters = render([a_route(features=EVERYTHING, routing=ASIDE)], OPTIONS).cds["resources"]
    resting = [each["name"] for each in clusters if "outlier_detection" in each]
    assert resting == ["shop~production~1_0_0"]


def test_what_is_beside_the_weights_is_read_back():
    configuration = the_route(render([a_route(routing=ASIDE)], OPTIONS))
    assert beside_in(configuration) == frozenset(Beside)
    trial = "shop~production~1_1_0-rc1+b_5"
    roles = {f"{trial}~{each}" for each in ("matched", "mirrored", "previewed")}
    assert receiving_in(configuration) == {"shop~production~1_0_0", trial, *roles}
    assert clusters_in(configuration) == {
        "shop~production~1_0_0",
        f"{trial}~slot",
        f"{trial}~matched-slot",
        f"{trial}~mirrored",
        f"{trial}~previewed",
    }
    assert beside_in(the_route(render([a_route()], OPTIONS))) == frozenset()


def test_clusters_of_what_is_beside_the_weights_exist_only_where_it_is_asked_for():
    asked = Routing(mirror=0.1)
    names = {each["name"] for each in render([a_route(routing=asked)], OPTIONS).cds["resources"]}
    plain = {each["name"] for each in render([a_route()], OPTIONS).cds["resources"]}
    assert names - plain == {"shop~production~1_1_0-rc1+b_5~mirrored"}


@pytest.mark.parametrize("endpoints", [(), (Endpoint("127.0.0.1", 9002),)])
def test_a_candidate_without_an_endpoint_gets_nothing_beside_its_weight(endpoints):
    backends = (
        Backend(OLD, 1000, (Endpoint("127.0.0.1", 1),)),
        Backend(NEW, 0, endpoints, is_candidate=True),
    )
    configuration = the_route(render([a_route(backends=backends, routing=ASIDE)], OPTIONS))
    assert bool(beside_in(configuration)) is bool(endpoints)


def test_an_older_envoy_reads_a_cookie_as_the_header_it_is():
    older = RenderOptions("/gateway", is_modern=False)
    made = json.dumps(the_route(render([a_route(routing=ASIDE)], older)))
    assert "(?:.*; ?)?group=b(?:;.*)?" in made
    assert "cookies" not in made
    assert "request_headers_mutations" not in made


@pytest.mark.parametrize(
    ("match", "is_good"),
    [
        (Match(MatchKind.HEADER, "x-group", "a b"), True),
        (Match(MatchKind.HEADER, "x-group", " b"), False),
        (Match(MatchKind.HEADER, "x group", "b"), False),
        (Match(MatchKind.HEADER, "", "b"), False),
        (Match(MatchKind.HEADER, ":path", "/"), False),
        (Match(MatchKind.HEADER, "X-Andon-Preview", "1.1.0"), False),
        (Match(MatchKind.HEADER, "x-group", ""), False),
        (Match(MatchKind.HEADER, "x-group", "\u00e4"), False),
        (Match(MatchKind.HEADER, "x-group", "a\r\nb"), False),
        (Match(MatchKind.COOKIE, "group", "b.1+x=="), True),
        (Match(MatchKind.COOKIE, "group", "a;b"), False),
        (Match(MatchKind.COOKIE, "group", "a b"), False),
    ],
)
def test_a_match_is_something_that_a_request_can_carry(match, is_good):
    assert is_expressible(match) is is_good

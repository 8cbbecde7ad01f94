"""Routes become documents: goldens, names, and what must never be rendered."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from andon.gateway.bootstrap import bootstrap
from andon.gateway.model import Backend, Endpoint, HealthCheck, Route
from andon.gateway.names import IDLE, ClusterName, find_cluster, route_name
from andon.gateway.render import Documents, RenderOptions, document, render, revision_in, to_bytes
from andon.gateway.routing import clusters_in, weights_in
from andon.kernel.errors import InvalidInput
from andon.kernel.ids import EnvironmentName, UnitName, Version

GOLDEN = Path(__file__).parent / "golden"
OPTIONS = RenderOptions("/gateway/rds")
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


@pytest.mark.parametrize("is_slot", [False, True])
@pytest.mark.parametrize("version", ["1.0.0", "1.1.0-rc1+b.5", "10.20.30-a.b-c"])
def test_a_cluster_name_has_no_dot_and_gives_its_release_back(version, is_slot):
    name = ClusterName(UnitName("my-shop"), EnvironmentName("prod-2"), Version(version), is_slot)
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
    assert list(clusters_in(configuration)) == [
        "shop~production~1_0_0",
        "shop~production~1_1_0-rc1+b_5~slot",
    ]


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
    routes = the_route(render([a_route(timeout=timedelta(seconds=60))], OPTIONS))["virtual_hosts"][0][
        "routes"
    ]
    assert [each["route"]["timeout"] for each in routes] == ["0s", "60.000s", "60.000s", "60.000s"]


def test_a_500_is_never_retried():
    host = the_route(render([a_route(sticky=True)], OPTIONS))["virtual_hosts"][0]
    policies = [host["retry_policy"], *(each["route"].get("retry_policy") for each in host["routes"])]
    conditions = {word for each in policies if each for word in each["retry_on"].split(",")}
    assert conditions == {
        "connect-failure",
        "refused-stream",
        "reset-before-request",
        "reset",
        "gateway-error",
    }


def test_an_older_envoy_is_not_asked_to_count_cut_answers():
    made = render([a_route()], RenderOptions("/gateway/rds", counts_cut_answers=False))
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

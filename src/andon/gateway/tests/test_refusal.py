"""Envoy's words become an error that a person can act on."""

import pytest

from andon.gateway.refusal import explain

_HEAD = "[2026-01-01 00:00:00.000][7][warning][config] [source/x.cc:81] "


@pytest.mark.parametrize(
    ("key", "log", "code", "words"),
    [
        (
            "lds",
            f"{_HEAD}update rejected: cannot bind '127.0.0.1:8080': Address already in use",
            "gateway-port-in-use",
            "127.0.0.1:8080 is already in use",
        ),
        (
            "lds",
            f"{_HEAD}lds: cannot bind '0.0.0.0:80': Permission denied",
            "gateway-port-not-allowed",
            "may not listen on 0.0.0.0:80",
        ),
        (
            "lds",
            f"{_HEAD}cannot bind '10.9.9.9:8080': Cannot assign requested address",
            "gateway-address",
            "Cannot assign requested address",
        ),
        (
            "rds/shop~production",
            f"{_HEAD}Filesystem config update rejected: route: unknown cluster 'x'",
            "gateway-rejected",
            "routes of shop~production and goes on with the last ones: [source/x.cc:81] Filesystem config",
        ),
        ("cds", "", "gateway-rejected", "it gave no reason"),
    ],
)
def test_a_refusal_says_what_and_what_to_do(key, log, code, words):
    problem = explain(key, log)
    assert problem.code == code
    assert words in problem.message
    assert problem.hint

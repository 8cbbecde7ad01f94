"""Envoy's words about a document it refused, turned into an error for a person. Pure."""

import re

from andon.gateway.names import CDS, LDS
from andon.kernel.errors import AndonError, Conflict, InvalidInput

_WORDS = re.compile(
    r"^\[[^\]]+\](?:\[[^\]]*\])*\s*(.*rejected.*|.*[Ee]rror.*|.*cannot bind.*)$", re.MULTILINE
)
_BIND = re.compile(r"cannot bind '?([^' ]+?)'?: ([A-Za-z ]+)")
_LONGEST = 600
_KIND = {CDS: "clusters", LDS: "listeners"}


def explain(key: str, log: str) -> AndonError:
    """The error for the refused document `key`, from what Envoy logged since it was written."""
    bind = _BIND.search(log)
    if bind and "in use" in bind[2]:
        return Conflict(
            "gateway-port-in-use",
            f"{bind[1]} is already in use",
            hint="stop what listens there, or give the unit another port in its andon.toml",
        )
    if bind and "denied" in bind[2]:
        return InvalidInput(
            "gateway-port-not-allowed",
            f"this user may not listen on {bind[1]}",
            hint="use a port of 1024 or above, or give the Envoy program the capability net_bind_service",
        )
    if bind:
        return InvalidInput(
            "gateway-address",
            f"Envoy cannot listen on {bind[1]}: {bind[2].strip()}",
            hint="use an address that this machine has",
        )
    said = " ".join(each.strip() for each in _WORDS.findall(log))[:_LONGEST] or "it gave no reason"
    return InvalidInput(
        "gateway-rejected",
        f"Envoy refused the {_KIND.get(key, 'routes of ' + key.removeprefix('rds/'))}"
        f" and goes on with the last ones: {said}",
        hint="see envoy.log in the gateway folder",
    )

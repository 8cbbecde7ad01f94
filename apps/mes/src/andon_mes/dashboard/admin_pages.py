"""The entrance to administration: what there is to set, and what of it a person may see."""

from typing import Any

from andon_mes.api.configuration import RESOURCES
from andon_mes.configuration.model import Kind
from andon_mes.dashboard.asked import Asked
from andon_mes.dashboard.viewer import Viewer
from andon_mes.store.engine import Connection

_PEOPLE = (Kind.OPERATORS, Kind.QUALIFICATIONS)


def entrance(_connection: Connection, viewer: Viewer, _asked: Asked) -> dict[str, Any]:
    """The sections by what they are about; each with its address, its word, and why it may not be seen."""
    return {
        "groups": [
            (
                "people",
                [
                    _section(viewer, "users", "user"),
                    _section(viewer, "permissions", "user"),
                    _section(viewer, "devices", "device"),
                    *(_section(viewer, each.value, _resource(each)) for each in _PEOPLE),
                ],
            ),
            (
                "configuration",
                [_section(viewer, each.value, _resource(each)) for each in Kind if each not in _PEOPLE]
                + [_section(viewer, each, "configuration") for each in ("settings", "exchange")],
            ),
            (
                "records",
                [
                    _section(viewer, name, resource)
                    for name, resource in (("audit", "audit"), ("errors", "error"), ("requests", "audit"))
                ],
            ),
        ]
    }


def _section(viewer: Viewer, name: str, resource: str) -> tuple[str, str, str]:
    return name.replace("_", "-"), f"admin.{name}", viewer.why_not(resource, "read")


def _resource(kind: Kind) -> str:
    return RESOURCES.get(kind, "configuration")

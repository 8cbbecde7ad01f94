"""What Envoy is started with: its admin socket, where its documents are, which statistics it keeps. Pure."""

from typing import Any

MODERN = (1, 40)  # the version that everything here was measured with
OLDEST = (1, 30)

_READABLE = ("/stats", "/config_dump", "/clusters", "/listeners")


def bootstrap(folder: str, admin_socket: str, *, version: tuple[int, ...] = MODERN) -> dict[str, Any]:
    """The bootstrap for an Envoy that reads `folder`/cds.json and lds.json."""
    admin: dict[str, Any] = {"address": {"pipe": {"path": admin_socket, "mode": 0o600}}}
    if version >= MODERN:
        admin["allow_paths"] = [
            *({"prefix": each} for each in _READABLE),
            {"exact": "/server_info"},
            {"exact": "/ready"},
        ]
    return {
        "node": {"id": "andon-gateway", "cluster": "andon"},
        "admin": admin,
        "dynamic_resources": {
            "cds_config": _file(f"{folder}/cds.json"),
            "lds_config": _file(f"{folder}/lds.json"),
        },
        # Histograms are merged when somebody reads them, instead of every five seconds.
        "stats_flush_on_admin": True,
        "stats_config": {
            "stats_matcher": {
                "exclusion_list": {"patterns": [{"safe_regex": {"regex": r".*\.(?:external|internal)\..*"}}]}
            }
        },
    }


def _file(path: str) -> dict[str, Any]:
    # No `watched_directory`: with it every rename in the folder re-reads every document.
    return {"resource_api_version": "V3", "path_config_source": {"path": path}}

"""What Envoy is started with: its admin socket, where its documents are, which statistics it keeps. Pure."""

from typing import Any

MODERN = (1, 40)  # the version that everything here was measured with
OLDEST = (1, 30)

# What Andon reads, and what a person looks for. Everything would be 500 statistics for each service, and
# Envoy walks through all of them whenever it is asked for one.
_COUNTED = tuple(
    rf"{of}\.(?:{names})"
    for of, names in (
        ("(?:andon|cluster_manager|listener_manager|main_thread|overload|runtime|sds|server|workers)", ".*"),
        (r"cluster\.[^.]+", r"upstream_rq_.*|membership_.*|warming_state|health_check\..*"),
        (r"cluster\.[^.]+", r"outlier_detection\..*|upstream_cx_(?:active|total|connect_fail|overflow)"),
        (
            r"http\.[^.]+",
            r"rds\..*|no_route|no_cluster|downstream_cx_(?:active|total|ssl_active|upgrades_active)",
        ),
        (r"http\.[^.]+", r"downstream_rq_(?:active|total|completed|timeout|[1-5]xx|tx_reset|rx_reset)"),
        (r"listener\..*", r"ssl\.(?:handshake|connection_error)|downstream_cx_(?:active|total|overflow)"),
    )
)

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
                "inclusion_list": {"patterns": [{"safe_regex": {"regex": each}} for each in _COUNTED]}
            }
        },
    }


def _file(path: str) -> dict[str, Any]:
    # No `watched_directory`: with it every rename in the folder re-reads every document.
    return {"resource_api_version": "V3", "path_config_source": {"path": path}}

"""Which environment variables a stage gets: those it needs to find programs and packages, and no others."""

import os
from collections.abc import Mapping

_ALLOWED = {"PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"}
_PROXIES = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
_PROXIES |= {each.upper() for each in _PROXIES}
_PACKAGES = ("PIP_", "UV_")


def of_worker(environment: Mapping[str, str]) -> dict[str, str]:
    """What a worker gets of `environment`: an allowlist, so that a secret has to be asked for."""
    return {
        name: value
        for name, value in environment.items()
        if name in _ALLOWED | _PROXIES or name.startswith(("LC_", *_PACKAGES))
    }


def of_unit(environment: Mapping[str, str]) -> dict[str, str]:
    """What the unit's own code gets of a worker's: the address of an index or a proxy may hold a password."""
    return {
        name: value
        for name, value in environment.items()
        if name not in _PROXIES and not name.startswith(_PACKAGES)
    }


def own() -> dict[str, str]:
    """A worker's own variables, which `of_worker` chose for it."""
    return dict(os.environ)  # noqa: TID251  settings are for Andon; a worker has only what it was given

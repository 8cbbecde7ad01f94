"""What `/ready` and `andon doctor` ask of each part. A part of the composition root beside `parts.py`."""

from collections.abc import Awaitable, Callable

from andon.api.services import Probe
from andon.base import Base
from andon.gateway.envoy import Envoy
from andon.judge.registry import Judges
from andon.kernel.errors import AndonError, Damaged
from andon.kernel.tls import Reloading
from andon.timeline.store import Filter


async def probes_of(base: Base, envoy: Envoy, certificate: Reloading | None) -> list[Probe]:
    """Database, registry as its files are, and gateway: what `/ready` and `andon doctor` ask."""
    return [
        await probed("database", lambda: base.timeline.list(Filter(), limit=1), "is the disk full?"),
        await probed("registry", base.releases.verify, "docs/operations/keys.md"),
        _gateway_probe(envoy),
        _judges_probe(base.judges),
        await probed("secrets", lambda: _secrets(base), "docs/operations/secrets.md"),
        *(
            [await probed("directory", base.access.directory.probe, "docs/operations/ldap.md")]
            if base.access.directory
            else []
        ),
        *(
            [Probe("certificate", problem=certificate.problem(), hint="docs/operations/tls.md")]
            if certificate
            else []
        ),
    ]


async def probed(name: str, read: Callable[[], Awaitable[object]], hint: str) -> Probe:
    """The part `name`, asked by `read`; `hint` is for a problem that brings none."""
    try:
        await read()
    except AndonError as error:
        return Probe(name, problem=f"{error.message} ({error.code})", hint=error.hint or hint)
    return Probe(name, detail="answers")


async def _secrets(base: Base) -> None:
    if unreadable := await base.access.secrets.list_unreadable():
        raise Damaged("secrets-unreadable", f"secrets that cannot be opened: {', '.join(unreadable)}")


def _judges_probe(judges: Judges) -> Probe:
    if judges.problems:
        problem = "; ".join(f"{name}: {why}" for name, why in sorted(judges.problems.items()))
        return Probe("judges", problem=problem, hint="docs/operations/judges.md")
    return Probe("judges", detail=", ".join(judges.names))


def _gateway_probe(envoy: Envoy) -> Probe:
    running = envoy.find_running()
    if running is None:
        return Probe("gateway", problem="Envoy does not run", hint="see gateway/envoy.log in the home folder")
    return Probe("gateway", detail=f"Envoy runs as process {running.pid}")

"""The certificates of listeners that speak TLS: from the plant's files to where Envoy takes them up.

Certificate and key go in one file with one rename, so that Envoy never sees half of a change. A pair that
does not work stays outside, and the one in use stays in use. What is not here: making certificates
(`access/ca`), and the listeners (`render.py`).
"""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from andon.gateway.folder import Folder
from andon.gateway.model import Route
from andon.gateway.names import route_name, sds
from andon.gateway.render import document, to_bytes
from andon.kernel import files, logging, tls
from andon.kernel.clock import Clock
from andon.kernel.errors import AndonError, InvalidInput, NotFound, Unavailable

CODE = "gateway-certificate"  # begins the code of every problem here
_SECRET = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105  a type
_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", re.DOTALL)
_log = logging.get(__name__)


@dataclass(frozen=True, slots=True)
class Places:
    """Where a listener's certificate is looked for: UNIT.ENVIRONMENT.pem and UNIT.pem in `folder`, then
    `default`. A file holds certificate, chain and key; or the key stands beside it, with the ending .key."""

    folder: Path | None = None
    default: Path | None = None

    def of(self, route: Route) -> Path | None:
        """The first that is there."""
        names = (f"{route.unit}.{route.environment}.pem", f"{route.unit}.pem")
        own = [self.folder / each for each in names] if self.folder is not None else []
        looked = own if self.default is None else [*own, self.default]
        return next((each for each in looked if each.exists()), None)


@dataclass(frozen=True, slots=True)
class Brought:
    """Names of the listeners that have no certificate at all, and what is wrong with any."""

    without: frozenset[str]
    problems: tuple[AndonError, ...]


class Certificates:
    """Looks at the files at each call; what did not change costs a `stat`."""

    def __init__(self, folder: Folder, places: Places, clock: Clock) -> None:
        self._folder = folder
        self._places = places
        self._clock = clock
        self._pairs: dict[str, tuple[object, tls.Pair]] = {}

    async def bring(self, routes: Iterable[Route]) -> Brought:
        """Put the certificate of each of these routes that speaks TLS where Envoy takes it up."""
        speaking = [each for each in routes if each.tls is not None]
        return await asyncio.to_thread(self._bring, speaking) if speaking else Brought(frozenset(), ())

    def _bring(self, routes: Iterable[Route]) -> Brought:
        without, problems = set(), []
        for route in routes:
            name = route_name(route.unit, route.environment)
            try:
                problems += self._take(name, route)
            except AndonError as error:
                problems.append(_of_route(route, error))
            except OSError as error:  # a file that is just being exchanged, or a full disk
                said = Unavailable("unreadable", str(error), hint="it is tried again at the next look")
                problems.append(_of_route(route, said))
            if not self._path(name).exists():
                without.add(name)
        return Brought(frozenset(without), tuple(problems))

    def _take(self, name: str, route: Route) -> list[AndonError]:
        """Write the pair where it is another; what is to be said of the one in use."""
        source = self._places.of(route)
        if source is None:
            raise NotFound(
                f"{CODE}-missing",
                f"no certificate for {route.unit}",
                hint="andon ca issue NAME..., or put UNIT.pem into the folder of certificates",
            )
        stamp, known = _stamp(source), self._pairs.get(name)
        pair = known[1] if known is not None and known[0] == stamp else _read(source)
        if known is None or known[0] != stamp or not self._path(name).exists():
            self._check(source, pair)
            self._write(name, pair)
            self._pairs[name] = (stamp, pair)
        left = pair.expires_at - self._clock.now()
        return [_ends(route, source, left)] if left < tls.WARN_BEFORE else []

    def _check(self, source: Path, pair: tls.Pair) -> None:
        if not pair.valid_from <= self._clock.now() < pair.expires_at:
            raise InvalidInput(
                f"{CODE}-out-of-life",
                f"{source} is valid from {pair.valid_from:%Y-%m-%d} to {pair.expires_at:%Y-%m-%d}",
                hint="bring a new one; is this machine's clock right? docs/operations/gateway.md",
            )

    def _write(self, name: str, pair: tls.Pair) -> None:
        made = to_bytes(document([_secret(name, pair)]))
        path = self._path(name)
        if path.exists() and path.read_bytes() == made:
            return
        files.write(path, made, mode=0o600)
        _log.info("gateway certificate taken up", listener=name, expires_at=pair.expires_at.isoformat())

    def _path(self, name: str) -> Path:
        return self._folder.root / f"{sds(name)}.json"


def _read(source: Path) -> tls.Pair:
    key = source.with_suffix(".key")
    return tls.read_pair(source, key if key.exists() else None)


def _stamp(source: Path) -> object:
    seen = [each.stat() for each in (source, source.with_suffix(".key")) if each.exists()]
    return source, tuple((each.st_mtime_ns, each.st_size, each.st_ino) for each in seen)


def _secret(name: str, pair: tls.Pair) -> dict[str, Any]:
    """The key apart from the chain: Envoy shows a chain to whoever reads its configuration, a key never."""
    blocks = [(each[1], each[0]) for each in _PEM.finditer(pair.content.decode("ascii", "replace"))]
    chain = "\n".join(text for kind, text in blocks if kind == "CERTIFICATE")
    key = "\n".join(text for kind, text in blocks if kind.endswith("PRIVATE KEY"))
    certificate = {"certificate_chain": {"inline_string": chain}, "private_key": {"inline_string": key}}
    return {"@type": _SECRET, "name": sds(name), "tls_certificate": certificate}


def _of_route(route: Route, error: AndonError) -> AndonError:
    message = f"{route.unit} in {route.environment} gets no new certificate: {error.message}"
    code = error.code if error.code.startswith(CODE) else f"{CODE}-{error.code}"
    return type(error)(code, message, hint=error.hint)


def _ends(route: Route, source: Path, left: timedelta) -> AndonError:
    when = "has expired" if left <= timedelta() else f"expires in {left.days} days"
    return InvalidInput(
        f"{CODE}-ends",
        f"the certificate of {route.unit} in {route.environment} {when}",
        hint=f"issue or bring a new one to {source}; docs/operations/gateway.md",
    )

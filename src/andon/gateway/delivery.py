"""Brings documents to Envoy and waits for its word: clusters, then weights, then listeners; old ones last.

A document that Envoy refuses is put back to the last one it took. What is not here: the process
(`envoy.py`), what the documents say (`render.py`).
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from andon.gateway import refusal, render
from andon.gateway.admin import Admin
from andon.gateway.folder import Folder
from andon.gateway.model import Acknowledged, Route
from andon.gateway.names import CDS, LDS, rds, route_name
from andon.gateway.reading import beside_in, clusters_in, receiving_in, weights_in
from andon.gateway.rendered import Renderer
from andon.gateway.retirement import Retirement
from andon.kernel import logging
from andon.kernel.clock import Clock
from andon.kernel.errors import AndonError, Unavailable
from andon.kernel.ids import EnvironmentName, UnitName

_log = logging.get(__name__)
_FIRST_LOOK = timedelta(milliseconds=1)
_LONGEST_LOOK = timedelta(milliseconds=40)

Json = dict[str, Any]
Key = tuple[UnitName, EnvironmentName]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for Envoy's word, for a new release's first health check in one call, for requests
    in flight on a release that is no longer routed to, and before a refused document is tried again."""

    acknowledgement: timedelta = timedelta(seconds=5)
    health: timedelta = timedelta(seconds=1)
    drain: timedelta = timedelta(seconds=30)
    refused: timedelta = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Applied:
    """What is in force after one call, what was refused, and which routes wait for a healthy release."""

    acknowledged: tuple[Acknowledged, ...]
    problems: tuple[AndonError, ...] = ()
    waiting: tuple[str, ...] = ()

    def check(self) -> "Applied":
        """Itself, when nothing was refused. Raises the first problem."""
        for problem in self.problems:
            raise problem
        return self


@dataclass(slots=True)
class _Refused:
    version: str
    problem: AndonError
    words: str
    at: float


@dataclass(slots=True)
class _Call:
    """What one call gathers."""

    problems: list[AndonError] = field(default_factory=list)
    waiting: dict[str, str] = field(default_factory=dict)


class Delivery:
    """The only writer of the gateway's documents. Calls are one after another."""

    def __init__(self, folder: Folder, admin: Admin, clock: Clock, patience: Patience) -> None:
        self._folder = folder
        self._admin = admin
        self._clock = clock
        self._patience = patience
        self._lock = asyncio.Lock()
        self._renderer = Renderer()
        self._in_force: dict[str, str] = {}
        self._rejections: dict[str, int] = {}
        self._refused: dict[str, _Refused] = {}
        self._retirement = Retirement(admin, clock, patience.drain)

    def forget(self) -> None:
        """Another Envoy runs now: what the last one said no longer counts."""
        self._in_force, self._rejections, self._refused = {}, {}, {}

    async def apply(
        self, routes: Sequence[Route], options: render.RenderOptions, *, keep: Collection[Key] = ()
    ) -> Applied:
        """Make `routes` true and say what is in force; routes in `keep` stay as they are, others go.

        Raises InvalidInput for routes that contradict themselves, Unavailable when Envoy is silent, Damaged
        when a document is gone and a route should be kept.
        """
        async with self._lock:
            wanted = self._renderer.render(routes, options)
            kept = {route_name(*each) for each in keep}
            self._folder.check(kept)
            await self._look()
            call = _Call()
            # Weights over clusters that Envoy has: a return to the stable release is one rename, and does
            # not stand behind another unit's new clusters.
            clusters = await self._clusters(wanted.cds, kept)
            await self._move_weights(self._over_unchanged(wanted.rds, clusters, call), call, timedelta(0))
            await self._deliver({CDS: clusters}, call)
            if call.waiting:
                # Where Envoy refused the clusters they are still other ones than those that are wanted.
                late = {name: wanted.rds[name] for name in call.waiting}
                known = self._over_unchanged(late, clusters, call)
                await self._move_weights(known, call, self._patience.health)
            await self._listen(routes, wanted, kept, call)
            return self._applied(routes, kept, call)

    async def _listen(
        self, routes: Sequence[Route], wanted: render.Documents, kept: set[str], call: _Call
    ) -> None:
        for route in routes:
            name = route_name(route.unit, route.environment)
            if rds(name) not in self._folder.documents():
                await self._write(rds(name), _serving_nothing(route))
        await self._deliver_listeners(_with(wanted.lds, self._old(LDS, kept)), call)
        listened = {each["name"] for each in self._folder.documents()[LDS]["resources"]}
        present = {key.removeprefix("rds/") for key in self._folder.documents() if key.startswith("rds/")}
        for gone in present - listened - set(wanted.rds) - kept:
            self._folder.remove(rds(gone))
        # A new listener reads its route document only now.
        unheard = {rds(name) for name in present & listened}
        unheard -= {key for key in unheard if self._is_taken(key) or key in self._refused}
        await self._await_word(unheard, {}, self._folder.log_size(), call)

    async def _deliver_listeners(self, made: Json, call: _Call) -> None:
        """All of them; when Envoy refuses some, the others without those."""
        await self._deliver({LDS: made}, call)
        refused = self._refused.get(LDS)
        if refused is None or refused.version != made["version_info"]:
            return
        old = _by_name(self._folder.documents()[LDS])
        for each in made["resources"]:
            name = each["name"]
            if f"'{name}'" not in refused.words and f"{name}:" not in refused.words:
                old[name] = each
        wanted = [old[each["name"]] for each in made["resources"] if each["name"] in old]
        await self._deliver({LDS: render.document(wanted)}, call)

    def _over_unchanged(self, wanted: Mapping[str, Json], clusters: Json, call: _Call) -> dict[str, Json]:
        """The route documents that give no weight to a release whose cluster is about to change."""
        old, new = _by_name(self._folder.documents()[CDS]), _by_name(clusters)
        changed = {name for name, made in new.items() if old.get(name) != made}
        at_once = {}
        for name, made in wanted.items():
            if not self._is_news(rds(name), made):
                continue
            if late := self._gaining(name, made) & changed:
                call.waiting[name] = f"{', '.join(sorted(late))} not yet known to Envoy"
            else:
                at_once[name] = made
        return at_once

    async def _move_weights(self, wanted: Mapping[str, Json], call: _Call, patience: timedelta) -> None:
        """Deliver the route documents whose clusters are there and whose gaining releases are healthy."""
        deadline = self._clock.monotonic() + patience.total_seconds()
        left = {name: made for name, made in wanted.items() if self._is_news(rds(name), made)}
        while left:
            gaining = {name: self._gaining(name, made) for name, made in left.items()}
            healthy = await self._healthy({each for names in gaining.values() for each in names})
            ready = {}
            for name, made in list(left.items()):
                if reason := self._hindrance(made, gaining[name] - healthy):
                    call.waiting[name] = reason
                else:
                    ready[rds(name)] = left.pop(name)
                    call.waiting.pop(name, None)
            await self._deliver(ready, call)
            if self._clock.monotonic() >= deadline:
                return
            await self._clock.sleep(timedelta(milliseconds=10))

    def _hindrance(self, made: Json, unhealthy: set[str]) -> str:
        known = _by_name(self._folder.documents()[CDS])
        if missing := sorted(clusters_in(made["resources"][0]) - set(known)):
            return f"{', '.join(missing)} not yet known to Envoy"
        return f"{', '.join(sorted(unhealthy))} not healthy" if unhealthy else ""

    def _gaining(self, name: str, made: Json) -> set[str]:
        """Clusters that would receive requests and do not now."""
        old = self._folder.documents().get(rds(name))
        now = receiving_in(old["resources"][0]) if old else set()
        return receiving_in(made["resources"][0]) - now

    async def _healthy(self, names: set[str]) -> set[str]:
        if not names:
            return set()
        wanted = r"^cluster\.[^.]+\.(membership_healthy|warming_state)$"
        found = await self._admin.numbers(wanted, used_only=True)  # what is not there is 0
        return {
            each
            for each in names
            if found.get(f"cluster.{each}.membership_healthy", 0) > 0
            # While a changed cluster warms, its predecessor's numbers stand under its name.
            and found.get(f"cluster.{each}.warming_state", 0) == 0
        }

    async def _clusters(self, wanted: Json, kept: set[str]) -> Json:
        """The wanted clusters, those of kept routes, and those that are still needed for a while."""
        old = self._old(CDS, kept)
        names = {each["name"] for each in (*old, *wanted["resources"])}
        present = _by_name(self._folder.documents()[CDS])
        unwanted = set(present) - names
        routed: set[str] = set()
        for key, made in self._folder.documents().items():
            if unwanted and key.startswith("rds/"):
                routed |= clusters_in(made["resources"][0])
        needed = await self._retirement.still_needed(unwanted, routed)
        return _with(wanted, [*old, *(present[name] for name in sorted(needed))])

    def _old(self, key: str, kept: set[str]) -> list[Json]:
        """Resources on disk that belong to a kept route."""
        return [
            each
            for each in self._folder.documents()[key]["resources"]
            if "~".join(str(each["name"]).split("~")[:2]) in kept
        ]

    def _is_news(self, key: str, made: Json) -> bool:
        on_disk = self._folder.documents().get(key)
        version = made["version_info"]
        return on_disk is None or on_disk["version_info"] != version or not self._is_in_force(key, version)

    def _is_in_force(self, key: str, version: str) -> bool:
        return self._in_force.get(_statistic(key, "version_text")) == version

    async def _look(self) -> None:
        self._in_force = await self._admin.versions()
        if not self._rejections:
            self._rejections = await self._count_rejections()

    async def _count_rejections(self) -> dict[str, int]:
        wanted = r"(\.cds|\.lds|\.rds\..*)\.update_rejected$"
        return {"": 0} | await self._admin.numbers(wanted, used_only=True)

    async def _write(self, key: str, made: Json) -> None:
        try:
            await asyncio.to_thread(self._folder.replace, key, made)
        except OSError as error:
            raise Unavailable(
                "gateway-write",
                f"the {key} document of the gateway cannot be written: {error}",
                hint=f"{self._folder.root} must be writable, on a disk with space left; Envoy serves on",
            ) from error

    async def _deliver(self, wanted: Mapping[str, Json], call: _Call) -> None:
        """Write the documents that are news and wait until Envoy has taken or refused each of them."""
        before: dict[str, Json | None] = {}
        offset = self._folder.log_size()
        for key, made in wanted.items():
            if not self._is_news(key, made):
                continue
            refused = self._refused.get(key)
            if refused and refused.version == made["version_info"] and self._is_recent(refused):
                call.problems.append(refused.problem)
                continue
            before[key] = self._folder.documents().get(key)
            await self._write(key, made)
        listened = {each["name"] for each in self._folder.documents()[LDS]["resources"]}
        awaited = {key for key in before if key in (CDS, LDS) or key.removeprefix("rds/") in listened}
        await self._await_word(awaited, before, offset, call)

    def _is_recent(self, refused: _Refused) -> bool:
        return self._clock.monotonic() - refused.at < self._patience.refused.total_seconds()

    async def _await_word(
        self, awaited: set[str], before: Mapping[str, Json | None], offset: int, call: _Call
    ) -> None:
        deadline = self._clock.monotonic() + self._patience.acknowledgement.total_seconds()
        pause = _FIRST_LOOK
        while awaited:
            await self._clock.sleep(pause)
            self._in_force = await self._admin.versions()
            awaited -= {key for key in awaited if self._is_taken(key)}
            # Envoy takes a good document within a few ms: ask about refusals only when it takes longer.
            if awaited and pause > _FIRST_LOOK * 4:
                for key in await self._refusals(awaited):
                    awaited.discard(key)
                    call.problems.append(await self._put_back(key, before.get(key), offset))
            if awaited and self._clock.monotonic() > deadline:
                call.problems.append(_silent(awaited))
                return
            pause = min(pause * 1.6, _LONGEST_LOOK)

    def _is_taken(self, key: str) -> bool:
        version = self._folder.documents()[key]["version_info"]
        taken = self._is_in_force(key, version)
        if taken and key in self._refused and self._refused[key].version == version:
            del self._refused[key]
        return taken

    async def _refusals(self, awaited: set[str]) -> set[str]:
        counts = await self._count_rejections()
        names = {key: _statistic(key, "update_rejected") for key in awaited}
        refused = {key for key, name in names.items() if counts.get(name, 0) > self._rejections.get(name, 0)}
        if refused:
            self._rejections = counts
        return refused

    async def _put_back(self, key: str, before: Json | None, offset: int) -> AndonError:
        """Restore the document that Envoy took last; what it says of the refused one becomes the error."""
        refused = self._folder.documents()[key]["version_info"]
        words = self._folder.log_since(offset)
        problem = refusal.explain(key, words)
        self._refused[key] = _Refused(refused, problem, words, self._clock.monotonic())
        if before is not None and before["version_info"] != refused:
            await self._write(key, before)
        _log.error("gateway refused a document", document=key, code=problem.code, reason=problem.message)
        return problem

    def _applied(self, routes: Sequence[Route], kept: set[str], call: _Call) -> Applied:
        documents, now = self._folder.documents(), self._clock.now()
        backends = {route_name(each.unit, each.environment): each.backends for each in routes}
        acknowledged = []
        for name in sorted({*backends, *kept}):
            made = documents.get(rds(name))
            if made is None or not self._is_in_force(rds(name), made["version_info"]):
                continue
            unit, _, environment = name.partition("~")
            weights = {each.version: 0 for each in backends.get(name, ())} | weights_in(made["resources"][0])
            acknowledged.append(
                Acknowledged(
                    UnitName(unit),
                    EnvironmentName(environment),
                    render.revision_in(made["version_info"]),
                    weights,
                    now,
                    beside_in(made["resources"][0]),
                )
            )
        waiting = tuple(f"{name}: {reason}" for name, reason in sorted(call.waiting.items()))
        return Applied(tuple(acknowledged), tuple(call.problems), waiting)


def _serving_nothing(route: Route) -> Json:
    """A route document, of no revision, for a new listener whose releases are not healthy yet."""
    backends = tuple(replace(each, weight=0) for each in route.backends)
    idle = replace(route, revision=0, backends=backends)
    return render.render([idle], render.RenderOptions("")).rds[route_name(route.unit, route.environment)]


def _with(wanted: Json, others: list[Json]) -> Json:
    """The document with other resources too; where a name is in both, the wanted one stands."""
    added = _by_name({"resources": others})
    if not added:
        return wanted
    resources = added | _by_name(wanted)
    return render.document(sorted(resources.values(), key=lambda each: str(each["name"])))


def _by_name(made: Json) -> dict[str, Json]:
    return {each["name"]: each for each in made["resources"]}


def _statistic(key: str, name: str) -> str:
    if key == CDS:
        return f"cluster_manager.cds.{name}"
    if key == LDS:
        return f"listener_manager.lds.{name}"
    route = key.removeprefix("rds/")
    return f"http.{route}.rds.{route}.{name}"


def _silent(awaited: set[str]) -> Unavailable:
    return Unavailable(
        "gateway-not-acknowledged",
        f"Envoy has neither taken nor refused {', '.join(sorted(awaited))}",
        hint="see envoy.log in the gateway folder; the machine may be overloaded",
    )

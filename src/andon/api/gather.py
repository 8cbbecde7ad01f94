"""Reads what a page or an answer needs from the services, and hands it to the pure views."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from andon.access import rights
from andon.access.model import Permission, Place
from andon.access.policies.model import Policy
from andon.access.signatures.model import Document, Signature, Standing
from andon.api import floor, model, places, views
from andon.api.callers import Caller
from andon.api.rates import UNKNOWN, Window
from andon.api.services import Services
from andon.fleet.model import Recall
from andon.kernel.errors import AndonError, NotFound
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version
from andon.pipelines.model import Run
from andon.rollouts.holds.model import Hold
from andon.rollouts.model import Cord, Rollout
from andon.rollouts.sets.model import SetRollout
from andon.targets.counting import count
from andon.targets.model import Instance
from andon.timeline.records import Record
from andon.timeline.store import Filter
from andon.units.desired import Desired
from andon.units.model import Manifest

_TIMELINE = 40
_MOST_LOOKS = 1000
_MOST_ROLLOUTS = 16
_PAGE, _MOST_PAGES = 500, 20


T = TypeVar("T")


class Located(Protocol):
    """What stands in one environment of one unit."""

    @property
    def unit(self) -> UnitName: ...
    @property
    def environment(self) -> EnvironmentName: ...


def sees(caller: Caller, there: Located) -> bool:
    """Whether the caller may see the floor there."""
    return caller.may(Permission.FLOOR_VIEW, Place(environment=there.environment, unit=there.unit))


def reads(caller: Caller, record: Record) -> bool:
    """Whether the caller may read the record."""
    return caller.may(Permission.TIMELINE_VIEW, places.of_record(record))


def reads_document(caller: Caller, signed: Document) -> bool:
    """Whether the caller may read a signature on this document."""
    return caller.may(Permission.TIMELINE_VIEW, places.of_document(signed))


async def _filtered(
    read: Callable[[int], Awaitable[Sequence[T]]], is_seen: Callable[[T], bool], limit: int
) -> list[T]:
    """The first `limit` that are seen; who sees little has more read for them, up to a bound."""
    for most in (limit, max(limit, _PAGE), _PAGE * _MOST_PAGES):
        all_of_them = await read(most)
        found = [each for each in all_of_them if is_seen(each)]
        if len(found) >= limit or len(all_of_them) < most:
            break
    return found[:limit]


def _with_hold(tile: model.UnitStatus, held: Mapping[str, Hold]) -> model.UnitStatus:
    hold = held.get(f"{tile.environment}/{tile.unit}")
    return tile if hold is None else tile.model_copy(update={"hold": views.hold(hold)})


def _with_recalls(tile: model.UnitStatus, recalls: Iterable[Recall]) -> model.UnitStatus:
    said = [
        f"{each.version} is recalled by {each.actor}: {each.reason}; stations go to {each.to}"
        for each in recalls
        if (each.unit, each.environment) == (tile.unit, tile.environment)
    ]
    return tile.model_copy(update={"recalls": said}) if said else tile


class _Looks:
    """Looks as they were read: `views` thinned; `seq` is the last one's."""

    def __init__(self) -> None:
        self.views: list[model.LookView] = []
        self.seq = 0

    def add(self, look: model.LookView) -> None:
        self.seq = look.seq
        self.views.append(look)
        if len(self.views) > _MOST_LOOKS:
            del self.views[1:-1:2]


class Gather:
    """Views of the present."""

    def __init__(self, services: Services, window: Window) -> None:
        self.services = services
        self.window = window
        self._looks: dict[RolloutId, _Looks] = {}

    async def status(self, caller: Caller) -> model.Status:
        """The floor, as far as the caller sees it."""
        desired = [each for each in await self.services.desired.list() if sees(caller, each)]
        cords = await self.cords(caller)
        tiles = await asyncio.gather(*(self._tile(each, cords) for each in desired))
        held = {f"{each.environment}/{each.unit}": each for each in await self.holds(caller)}
        recalls = (await self.services.fleet.commands.said()).recalls
        return model.Status(
            at=self.services.clock.now(),
            version=self.services.version,
            cords=[views.cord(each) for each in cords],
            units=[_with_recalls(_with_hold(each, held), recalls) for each in tiles],
            sets=[views.set_rollout(each) for each in await self.set_rollouts(caller, only_active=True)],
        )

    async def cords(self, caller: Caller) -> list[Cord]:
        """The pulled cords that concern what the caller sees."""
        pulled = await self.services.commands.cords()
        return [
            each
            for each in pulled
            if caller.may(Permission.FLOOR_VIEW, Place(environment=each.environment or None))
        ]

    async def holds(self, caller: Caller) -> list[Hold]:
        """The holds in force that the caller sees."""
        return [each for each in await self.services.commands.holds() if sees(caller, each)]

    async def set_rollouts(self, caller: Caller, *, only_active: bool = False) -> list[SetRollout]:
        """Sets on their way, and those that were, of which the caller sees every unit."""
        found = await self.services.sets.rollouts()
        return [
            each
            for each in found
            if not (only_active and each.phase.is_over)
            and all(
                caller.may(Permission.FLOOR_VIEW, Place(environment=each.environment, unit=part.unit))
                for part in each.parts
            )
        ]

    async def units(self, caller: Caller) -> list[model.UnitView]:
        """Every unit that was ever released or deployed, as far as the caller sees it."""
        releases = await self.services.releases.list()
        desired = [each for each in await self.services.desired.list() if sees(caller, each)]
        names = sorted(
            {each.unit for each in releases if caller.may(Permission.FLOOR_VIEW, Place(unit=each.unit))}
            | {each.unit for each in desired}
        )
        return [await self._unit(caller, name, desired) for name in names]

    async def _unit(self, caller: Caller, name: UnitName, desired: Sequence[Desired]) -> model.UnitView:
        own = await self.services.releases.list(name)
        newest = max(own, key=lambda each: each.created_at, default=None)
        manifest = await self.manifest(name, newest.version) if newest else None
        deployed = {each.environment for each in desired if each.unit == name}
        return model.UnitView(
            name=name,
            description=manifest.unit.description if manifest else "",
            environments=sorted(
                each
                for each in deployed | set(manifest.environments if manifest else ())
                if caller.may(Permission.FLOOR_VIEW, Place(environment=each, unit=name))
            ),
            releases=len(own),
            newest=newest.version if newest else None,
        )

    async def rollout(self, rollout: RolloutId, caller: Caller) -> model.RolloutView:
        """A rollout with everything about it; at its gate, whether the caller may approve."""
        found = await self.services.rollouts.get(rollout)
        instances = await self.instances(found.unit, found.environment)
        view = views.rollout(found, instances, await self.manifest(found.unit, found.candidate))
        whole = {"gate": await self._gate(found, caller), "fleet": await self._fleet(found)}
        return view.model_copy(update=whole)

    async def _fleet(self, rollout: Rollout) -> model.FleetView | None:
        """Its stations, counted as the engine counts them; None of a service, or before the first look."""
        place, stations = (rollout.unit, rollout.environment), self.services.fleet.controller
        plan = rollout.plan.fleet
        wish = stations.worked_out(place) if plan is not None else None
        if plan is None or wish is None or rollout.phase.is_over:
            return None
        members = await stations.members(place)
        return views.fleet(count(wish, members, stations.opened(place), rollout.candidate), plan)

    async def _gate(self, rollout: Rollout, caller: Caller) -> model.GateView | None:
        answered = await self.services.commands.gate(rollout.id)
        if answered is None:
            return None
        principal = caller.principal
        place = Place(environment=rollout.environment, unit=rollout.unit)
        why_not = answered.why_not(principal.user_id, principal.name, rights.roles_at(principal, place))
        document = None
        if rollout.is_gated:
            try:
                document = await self.services.commands.document_of_answer(rollout.id, is_yes=True)
            except AndonError as error:  # the page must still show why nobody can sign
                why_not = error.message
        if not caller.may(Permission.APPROVE, place):
            why_not = f"{principal.name} lacks {Permission.APPROVE.value} there"
        elif not principal.may_sign:
            why_not = "a token cannot sign"
        return views.gate(answered, document, why_not)

    async def looks(self, rollout: RolloutId) -> Sequence[model.LookView]:
        """The looks of a rollout for a chart; only new ones are read, and a long history is thinned."""
        if rollout not in self._looks:
            while len(self._looks) >= _MOST_ROLLOUTS:
                self._looks.pop(next(iter(self._looks)))
            self._looks[rollout] = _Looks()
        known = self._looks[rollout]
        for each in await self.services.rollouts.looks(rollout, known.seq):
            if each.seq > known.seq:  # another page may have read the same meanwhile
                known.add(views.look(each))
        return known.views

    async def instances(self, unit: UnitName, environment: EnvironmentName) -> Sequence[Instance]:
        """The instances of a unit in an environment."""
        return await self.services.instances(unit, environment)

    async def runs(self, caller: Caller, unit: UnitName | None, limit: int) -> list[Run]:
        """The newest runs that the caller sees."""
        return await _filtered(
            lambda most: self.services.runs.list(unit, limit=most),
            lambda each: caller.may(Permission.FLOOR_VIEW, Place(unit=each.unit)),
            limit,
        )

    async def rollouts(
        self, caller: Caller, unit: UnitName | None, environment: EnvironmentName | None, limit: int
    ) -> list[Rollout]:
        """The newest rollouts that the caller sees."""
        return await _filtered(
            lambda most: self.services.rollouts.list(unit, environment, most),
            lambda each: sees(caller, each),
            limit,
        )

    async def timeline(
        self, caller: Caller, wanted: Filter, limit: int = _TIMELINE
    ) -> list[model.RecordView]:
        """Records that the caller may read, newest first; what names no unit is only for who sees all."""
        found: list[model.RecordView] = []
        for number in range(_MOST_PAGES):
            page = await self.services.timeline.list(wanted, limit=max(limit, _PAGE) if number else limit)
            found += [views.record(each) for each in page if reads(caller, each)]
            if len(found) >= limit or not page:
                break
            wanted = replace(wanted, before=page[-1].number)
        return found[:limit]

    async def record(self, caller: Caller, number: int) -> Record:
        """One record; NotFound, too, where the caller may not read it."""
        found = await self.services.timeline.get(number)
        if not reads(caller, found):
            raise NotFound("no-such-record", f"there is no record {number}", hint="andon timeline")
        return found

    async def neighbours(
        self, caller: Caller, record: Record
    ) -> tuple[model.RecordView | None, model.RecordView | None]:
        """The records of the same subject before and after it, as far as the caller may read them."""
        own = record.event.subject
        before = await self.timeline(caller, Filter(subject=own, before=record.number), 1)
        after = await self.services.timeline.list(
            Filter(subject=own, after=record.number), limit=1, newest_first=False
        )
        seen = [views.record(each) for each in after if reads(caller, each)]
        return before[0] if before else None, seen[0] if seen else None

    async def signatures(
        self, caller: Caller, subject: str | None, limit: int
    ) -> list[tuple[Signature, Standing]]:
        """Signatures that the caller may read, newest first; of one subject, or of all."""
        found = await _filtered(
            lambda most: self.services.signing.list(subject, most),
            lambda each: reads_document(caller, each[0].document),
            limit,
        )
        return [(made, await self._standing(made, standing)) for made, standing in found]

    async def signature(self, caller: Caller, own: str) -> tuple[Signature, Standing]:
        """One signature; NotFound, too, where the caller may not read it."""
        made, standing = await self.services.signing.get(own)
        if not reads_document(caller, made.document):
            raise NotFound("no-such-signature", f"there is no signature {own}")
        return made, await self._standing(made, standing)

    async def _standing(self, made: Signature, standing: Standing) -> Standing:
        """What it is worth today: one that is genuine, over what changed since, is no signature on it."""
        if standing is not Standing.VALID:
            return standing
        present = await self.services.commands.present_document(made)
        return await self.services.signing.standing(made, present)

    async def policies(self, caller: Caller) -> list[Policy]:
        """What the environments demand of which the caller sees something."""
        known = {each.environment for each in await self.services.desired.list()}
        return [
            each
            for each in await self.services.policies.list(sorted(known))
            if caller.may(Permission.FLOOR_VIEW, Place(environment=each.environment))
        ]

    async def environments(self, caller: Caller) -> list[str]:
        """The environments in which the caller sees a unit."""
        return sorted({each.environment for each in await self.services.desired.list() if sees(caller, each)})

    async def manifest(self, unit: UnitName, version: Version) -> Manifest | None:
        """The manifest of a release; None when it cannot be had, because a page must still show the rest."""
        try:
            return await self.services.releases.manifest(unit, version)
        except AndonError:
            return None

    async def _tile(self, desired: Desired, cords: Sequence[Cord]) -> model.UnitStatus:
        unit, environment = desired.unit, desired.environment
        rollouts = await self.services.rollouts.list(unit, environment, 1)
        newest = rollouts[0] if rollouts else None
        version = newest.candidate if newest and not newest.phase.is_over else desired.stable
        traffic = self.services.traffic()
        keys = [(unit, environment, each.version) for each in desired.releases]
        scene = floor.Scene(
            now=self.services.clock.now(),
            desired=desired,
            instances=await self.instances(unit, environment),
            rollout=newest,
            cords=[each for each in cords if each.environment in {None, environment}],
            manifest=await self.manifest(unit, version) if version else None,
            readings=self.services.readings(unit, environment),
            traffic_at=traffic.at if traffic else None,
            rates={None: self.window.rates(keys) if keys else UNKNOWN}
            | {key[2]: self.window.rates([key]) for key in keys},
        )
        return floor.tile(scene)

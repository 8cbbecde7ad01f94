"""From the fleet's values to what the API says of them."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from andon.access.policies import calendar
from andon.api import fleet_model as model
from andon.api.account_model import CalendarView
from andon.fleet import windows
from andon.fleet.model import Pin, Recall, Ring, Seen, Standing, Station, Window
from andon.fleet.reports.model import NO_TALLY, Tally, TallyKey
from andon.fleet.tokens.model import EnrolmentToken
from andon.fleet.updates import Answer, File
from andon.fleet.wanting.store import Said
from andon.fleet.whole import Fleet
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon_wire.protocol import Sample, UnitState, WantedUnit

_NOTHING, _NOT_WANTED = UnitState(), WantedUnit(version=None, reason="nothing is said of it")


class May(Protocol):
    """Whether the caller may see a unit. line None: all that happened to it in the environment."""

    def __call__(self, unit: str, environment: str, line: str | None = None) -> bool: ...


@dataclass(frozen=True, slots=True)
class Look:
    """What views are made of. may: whether the caller may see a unit in an environment, or on one line."""

    fleet: Fleet
    said: Said
    now: datetime
    may: May


def station(of: Station, look: Look) -> model.StationView:
    """A station in a list."""
    return model.StationView(**_common(of, look))


def detail(of: Station, look: Look) -> model.StationDetail:
    """A station whole."""
    machine, said, fleet = of.machine, look.said, look.fleet
    window = windows.find(of, windows.by_place(said.windows))
    return model.StationDetail(
        **_common(of, look),
        machine=model.MachineView(**machine.model_dump(exclude={"platform", "agent"})),
        public_key=of.public_key,
        enrolled_at=of.enrolled_at,
        enrolled_by=of.token,
        retired_at=of.retired_at,
        address=fleet.roster.seen_of(of.name).address,
        window="" if window is None else f"{window.scope.value}/{window.name}",
    )


def _common(of: Station, look: Look) -> dict[str, Any]:
    fleet = look.fleet
    seen = fleet.roster.seen_of(of.name)
    return {
        "name": of.name,
        "environment": of.environment,
        "ring": of.ring,
        "line": of.line,
        "labels": dict(of.labels),
        "standing": of.standing.value,
        "is_reachable": of.standing is not Standing.RETIRED
        and seen.is_reachable(look.now, fleet.controller.patience),
        "last_seen_at": seen.at,
        "platform": of.machine.platform,
        "agent": of.machine.agent,
        "revision": fleet.roster.revision_of(of.name),
        "acts_on": seen.revision,
        "units": _units(of, seen, look),
    }


def _units(of: Station, seen: Seen, look: Look) -> list[model.UnitOnStation]:
    told = look.fleet.roster.told.get(of.name)
    wanted = dict(told.content.units) if told else {}
    held = {each.unit: each for each in look.said.pins if each.station == of.name and each.holds(look.now)}
    every = sorted({*wanted, *map(UnitName, seen.units)})
    names = [each for each in every if look.may(each, of.environment, of.line)]
    return [_unit(each, seen.units.get(each, _NOTHING), wanted.get(each), held.get(each)) for each in names]


def _unit(name: str, state: UnitState, told: WantedUnit | None, held: Pin | None) -> model.UnitOnStation:
    """told: None where nothing was said of the unit, so that whatever runs is no drift."""
    wanted = told or _NOT_WANTED
    return model.UnitOnStation(
        unit=name,
        running=state.running,
        confirmed=state.confirmed,
        standby=state.standby,
        wanted=wanted.version,
        may_switch=wanted.may_switch,
        phase=state.phase.value,
        since=state.since,
        progress=state.progress,
        reason=state.reason,
        wanted_reason=wanted.reason,
        attempt=wanted.attempt,
        restarts=state.restarts,
        crashes=state.crashes,
        is_drifted=state.is_drifted,
        differs=told is not None and state.running != wanted.version,
        pinned=None if held is None else held.reason,
        pinned_by=None if held is None else held.actor,
        pinned_until=None if held is None else held.expires_at,
    )


def token(of: EnrolmentToken) -> model.EnrolmentTokenView:
    """An enrolment token."""
    names = model.EnrolmentTokenView.model_fields
    return model.EnrolmentTokenView(
        **{each: getattr(of, each) for each in names if each != "labels"}, labels=dict(of.labels)
    )


def pin(of: Pin) -> model.PinView:
    """A pin."""
    return model.PinView(**{each: getattr(of, each) for each in model.PinView.model_fields})


def recall(of: Recall) -> model.RecallView:
    """A recall."""
    return model.RecallView(**{each: getattr(of, each) for each in model.RecallView.model_fields})


def window(of: Window) -> model.WindowView:
    """A maintenance window."""
    values = CalendarView(**calendar.to_values(of.calendar))
    return model.WindowView(scope=of.scope.value, name=of.name, calendar=values)


def ring(of: Ring, stations: Iterable[Station]) -> model.RingView:
    """A ring."""
    count = sum(each.ring == of.name and each.standing is not Standing.RETIRED for each in stations)
    return model.RingView(name=of.name, position=of.position, stations=count)


def sample(of: Sample) -> model.SampleView:
    """Metrics at one moment."""
    return model.SampleView(**of.model_dump())


def versions(
    look: Look,
    tallies: Mapping[TallyKey, Tally],
    stations: Sequence[Station],
    revoked: Container[tuple[UnitName, Version]],
) -> list[model.TallyView]:
    """What happened to each release, and where it runs among `stations`; of a revoked one also on which.

    Who sees one line alone is told of what runs there, and nothing that was counted over all lines.
    """
    running: dict[TallyKey, dict[str, UnitState]] = {}
    for each in stations:
        for unit, state in look.fleet.roster.seen_of(each.name).units.items():
            if state.running is not None and look.may(unit, each.environment, each.line):
                key = (UnitName(unit), EnvironmentName(each.environment), Version(state.running))
                running.setdefault(key, {})[each.name] = state
    counted = {key: tally for key, tally in tallies.items() if look.may(key[0], key[1])}
    return [
        _tally(key, counted.get(key, NO_TALLY), running.get(key, {}), is_revoked=(key[0], key[2]) in revoked)
        for key in sorted({*running, *counted})
    ]


def _tally(
    key: TallyKey, tally: Tally, running: Mapping[str, UnitState], *, is_revoked: bool
) -> model.TallyView:
    unit, environment, version = key
    return model.TallyView(
        unit=unit,
        environment=environment,
        version=version,
        stations=len(running),
        drifted=sum(each.is_drifted for each in running.values()),
        is_revoked=is_revoked,
        to_move=sorted(running) if is_revoked else [],
        **{each: getattr(tally, each) for each in type(tally).__slots__},
    )


def checked(of: Answer, base: str) -> model.CheckedUpdate:
    """What a simple client is told. base: address of this Andon, ending in a slash."""

    def url(file: File | None) -> str | None:
        return None if file is None else f"{base}registry/targets/{file.path}"

    return model.CheckedUpdate(
        update_available=of.version is not None,
        new_version=of.version,
        patch_url=url(of.patch),
        patch_checksum=of.patch.sha256 if of.patch else None,
        patch_size=of.patch.size if of.patch else None,
        full_package_url=url(of.full),
        full_package_size=of.full.size if of.full else None,
        checksum=of.full.sha256 if of.full else None,
        changes=of.notes or of.reason,
        reason=of.reason,
        rollback_supported=of.version is not None,
        is_return=of.is_return,
    )

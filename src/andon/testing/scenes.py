"""Fills a `FakePlant` with a busy morning: a promoted release, one taken back by yield, one under way."""

import math
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from andon.evidence.model import Reading, Tally
from andon.fleet.assign import Wish
from andon.fleet.model import Seen, Station
from andon.fleet.tokens.model import EnrolmentToken
from andon.fleet.updates import File
from andon.gateway.model import ReleaseTraffic
from andon.judge import sequential
from andon.judge.model import Counts, Finding, Look, Outcome, Verdict
from andon.kernel.ids import (
    EnvironmentName,
    InstanceId,
    RolloutId,
    RunId,
    Sha256,
    StationName,
    UnitName,
    Version,
)
from andon.kernel.supervise import LoopHealth
from andon.pipelines.model import Run, RunState, StageName, StageState, StageStatus
from andon.pipelines.plan import plan
from andon.releases.model import Artifact, Release, Role
from andon.releases.notes import Notes
from andon.rollouts.gather import Gained
from andon.rollouts.model import Cord, Evidence, Phase, Trigger
from andon.targets.model import Instance, InstanceState
from andon.testing.services import FakePlant
from andon.testing.shelves import FakeLook, a_plan, a_rollout
from andon.timeline.records import Event, Severity
from andon.units.desired import Desired, DesiredRelease
from andon.units.model import Manifest
from andon_wire.protocol import Machine, UnitState

MES, ROASTERY = UnitName("mes"), UnitName("roastery")
PRODUCTION, STAGING = EnvironmentName("production"), EnvironmentName("staging")
UNDER_WAY, TAKEN_BACK, PROMOTED = (
    RolloutId("ro-underway-00000001"),
    RolloutId("ro-takenback-0000001"),
    RolloutId("ro-promoted-00000001"),
)
SHIPPED, SHIPPING = RunId("run-shipped-00000001"), RunId("run-shipping-0000001")
_V = {minor: Version(f"1.{minor}.0") for minor in range(4)}


def manifest(name: str, description: str, port: int) -> Manifest:
    """A service with errors from the gateway and yield from its own page."""
    return Manifest.model_validate(
        {
            "unit": {"name": name, "description": description},
            "run": {"command": ["serve"]},
            "evidence": {
                "errors": {"source": "gateway", "title": "Request errors", "title_ko": "요청 오류"},
                "yield": {
                    "source": "http",
                    "exposure": "serials_total",
                    "bad": 'serials_total{result="fail"}',
                    "title": "First-pass fails",
                    "title_ko": "직행 불량",
                },
            },
            "environments": {
                "production": {"port": port, "instances": 4},
                "staging": {"port": port + 1, "instances": 1},
            },
        }
    )


def a_busy_morning(plant: FakePlant) -> FakePlant:
    """Everything that a page can show, ending now."""
    now = plant.clock.now()
    plant.manifests = {
        MES: manifest("mes", "Manufacturing execution", 8080),
        ROASTERY: manifest("roastery", "Roasting cost", 8090),
    }
    for minor, version in _V.items():
        _release(plant, MES, version, now - timedelta(hours=5 - minor))
    _release(plant, ROASTERY, Version("2.4.1"), now - timedelta(days=2))
    _runs(plant, now)
    _rollouts(plant, now)
    _running(plant, now)
    _history(plant, now)
    _stations(plant, now)
    plant.loops = [
        LoopHealth("rollouts", now),
        LoopHealth("gateway", now),
        LoopHealth("target local", now),
    ]
    return plant


def _stations(plant: FakePlant, now: datetime) -> None:
    """Three stations of two lines; one of them was not heard of for a day."""
    for number, (name, ring, line) in enumerate(
        (("press-1", "lab", "line-1"), ("press-2", "plant", "line-1"), ("oven-1", "plant", "line-2"))
    ):
        station = Station(
            StationName(name), PRODUCTION, ring, line, f"{number + 1:064x}",
            Machine(id=f"m-{name}", hostname=name, platform="linux-x86_64", agent="1.0.0", cpus=4),
            now - timedelta(days=30), {"kind": "press"}, token="et-none",  # noqa: S106  an id
        )  # fmt: skip
        state = UnitState(running="2.0.0", confirmed="2.0.0", wanted="2.0.0")
        heard = now - (timedelta(days=1) if name == "oven-1" else timedelta(seconds=20))
        plant.stations.stations[station.name] = station
        plant.stations.seen[station.name] = Seen(heard, "boot", 1, 7, {"screen": state}, "", "10.0.0.4")
        plant.fleet.roster.put(station)
        plant.fleet.roster.reported(station.name, plant.stations.seen[station.name])
    plant.stations.tokens["hash"] = EnrolmentToken(
        "et-none", PRODUCTION, "lab", "line-1", now, "jiwoo", "a new press", now + timedelta(hours=24)
    )
    screen = UnitName("screen")
    plant.fleet.controller.want((screen, PRODUCTION), Wish(Version("2.0.0")))
    files = {"bundle-linux-x86_64.andon": File("screen/2.0.0/x.bundle", "0" * 64, 9)}
    plant.stations.files |= {(screen, Version(each)): files for each in ("1.1.0", "2.0.0")}


def _release(plant: FakePlant, unit: UnitName, version: Version, at: datetime) -> None:
    artifacts = tuple(
        Artifact(role, f"{role}.bin", Sha256(f"{number:02x}" * 32), 1000 + 700_000 * (number == 0))
        for number, role in enumerate(Role)
    )
    plant.releases[(unit, version)] = Release(unit, version, artifacts, "9f2c1e7", SHIPPED, at)
    plant.notes[(unit, version)] = Notes(
        f"- {version} says where the serials of a lot are (`GET /lots/{{lot_number}}/progress`).\n"
        "- Scans at EOL no longer wait for the label printer."
    )


def _runs(plant: FakePlant, now: datetime) -> None:
    start = now - timedelta(minutes=40)
    done = []
    for number, name in enumerate(StageName):
        begun = start + timedelta(seconds=7 * number)
        state = StageState.CACHED if name is StageName.BUILD else StageState.DONE
        done.append(
            StageStatus(name, state, 1, begun, begun + timedelta(seconds=6), summary=f"{name} is good")
        )
    plant.runs[SHIPPED] = Run(
        SHIPPED, MES, _V[3], "/srv/mes", RunState.DONE, tuple(done), "jiwoo", start,
        start + timedelta(seconds=52), "mes@1.3.0 is published", 9, plan(plant.manifests[MES]),
    )  # fmt: skip
    begun = now - timedelta(seconds=20)
    stages = (
        _stage(StageName.SOURCE, StageState.DONE, begun, 1, "412 files"),
        _stage(StageName.BUILD, StageState.DONE, begun, 9, "31 wheels"),
        StageStatus(StageName.TEST, StageState.RUNNING, 1, begun + timedelta(seconds=9)),
        _stage(StageName.SECURITY, StageState.FAILED, begun, 4, "bandit: 1 finding of severity high (B608)"),
        *(StageStatus(each) for each in (StageName.PACKAGE, StageName.SIGN, StageName.PUBLISH)),
    )  # fmt: skip
    plant.runs[SHIPPING] = Run(
        SHIPPING,
        MES,
        Version("1.4.0"),
        "/srv/mes",
        RunState.RUNNING,
        stages,
        "minseo",
        begun,
        None,
        "",
        4,
        plan(plant.manifests[MES]),
    )
    plant.logs[(SHIPPING, StageName.TEST)] = "\n".join(
        f"tests/test_lots.py::test_number_{n} PASSED" for n in range(30)
    )
    plant.logs[(SHIPPING, StageName.BUILD)] = "collecting wheels\nbuilt andon_mes-1.4.0-py3-none-any.whl\n"


def _stage(name: StageName, state: StageState, begun: datetime, seconds: int, summary: str) -> StageStatus:
    return StageStatus(name, state, 1, begun, begun + timedelta(seconds=seconds), summary=summary)


def looks(at: datetime, *, count: int, rates: tuple[float, float], share: float = 0.1) -> list[FakeLook]:
    """`count` looks, 3 s apart, of yield with these fail rates (stable, candidate) and of quiet errors."""
    found: list[FakeLook] = []
    for seq in range(1, count + 1):
        now_share = share if seq < count // 2 else 0.5
        each = {}
        for name, (low, high), pace in (("errors", (0.004, 0.004), 90), ("yield", rates, 30)):
            stable, candidate = int(pace * seq * 0.8), int(pace * seq * 0.35)
            each[name] = _finding(stable, int(stable * low + 1), candidate, int(candidate * high + 0.6))
        when = at + timedelta(seconds=3 * seq)
        before = found[-1].findings if found else {}
        gained = {name: _gained(before.get(name), now) for name, now in each.items()}
        found.append(FakeLook(seq, when, now_share, each, Gained(gained, None, now_share, when.timestamp())))
    return found


def _gained(before: dict[str, Any] | None, now: dict[str, Any]) -> Look:
    def arm(name: str) -> Counts:
        was = before[name] if before else {"exposure": 0, "bad": 0}
        return Counts(now[name]["exposure"] - was["exposure"], now[name]["bad"] - was["bad"])

    return Look(arm("stable"), arm("candidate"))


def _finding(stable: int, stable_bad: int, candidate: int, candidate_bad: int) -> dict[str, Any]:
    ratio = (candidate_bad / candidate) / (stable_bad / stable) if candidate and stable_bad else None
    width = 3.2 * math.sqrt(1 / (stable_bad + 0.7) + 1 / (candidate_bad + 0.7))
    middle = math.log(max(ratio or 1, 0.05))
    excess = max(0.0, middle - 0.6 * width)
    return {
        "ratio": ratio,
        "low": math.exp(middle - width),
        "high": math.exp(middle + width) if candidate_bad + stable_bad > 2 else None,
        "log_e_harm": excess * (candidate_bad + 1) * 0.9,
        "log_e_safe": max(0.0, (0.405 - middle) * candidate_bad * 0.35),
        "stable": {"exposure": stable, "bad": stable_bad},
        "candidate": {"exposure": candidate, "bad": candidate_bad},
    }


def _verdict(last: FakeLook, outcome: Outcome, reason: str) -> Evidence:
    findings = []
    for name, each in last.findings.items():
        is_bad = outcome is Outcome.FAIL and name == "yield"
        findings.append(
            Finding(
                metric=name,
                outcome=outcome if name == "yield" or outcome is Outcome.PASS else Outcome.INCONCLUSIVE,
                reason=reason if name == "yield" else "no harm seen; not enough events yet",
                stable=Counts(**each["stable"]),
                candidate=Counts(**each["candidate"]),
                ratio=each["ratio"],
                interval=(each["low"], each["high"] or math.inf),
                e_harm=math.exp(each["log_e_harm"]),
                e_safe=math.exp(each["log_e_safe"]),
                harm_boundary=200.0,
                safe_boundary=100.0,
                events_needed=None if outcome is Outcome.PASS or is_bad else 23,
                exposure_needed=None if outcome is Outcome.PASS or is_bad else 1150,
            )
        )
    policy = a_plan().policy
    seen = {each.metric: Look(each.stable, each.candidate) for each in findings}
    state = sequential.update(sequential.start(policy), seen, policy)
    return Evidence(state, Verdict(outcome, reason, tuple(findings)), seq=last.seq)


def _rollouts(plant: FakePlant, now: datetime) -> None:
    began = now - timedelta(minutes=4)
    good = looks(began - timedelta(hours=2), count=80, rates=(0.03, 0.03))
    plant.looks[PROMOTED] = good
    plant.rollouts[PROMOTED] = a_rollout(
        began - timedelta(hours=2), id=PROMOTED, candidate=_V[1], phase=Phase.PROMOTED, step=2,
        evidence=_verdict(good[-1], Outcome.PASS, "no metric of 1.1.0 is worse by 1.5 times than of 1.0.0"),
        reason="1.1.0 took everything and its soak is over", finished_at=began - timedelta(minutes=110),
    )  # fmt: skip
    bad = looks(began - timedelta(hours=1), count=48, rates=(0.03, 0.11))
    plant.looks[TAKEN_BACK] = bad
    plant.rollouts[TAKEN_BACK] = a_rollout(
        began - timedelta(hours=1), id=TAKEN_BACK, stable=_V[1], candidate=_V[2],
        phase=Phase.RETURNED, step=1,
        evidence=_verdict(
            bad[-1], Outcome.FAIL,
            "yield: 1.2.0 fails 3.6 times as often as 1.1.0 (interval 1.9 to 6.8), which is not chance",
        ),
        trigger=Trigger.JUDGE, reason="the judge failed 1.2.0 on yield; everything is back on 1.1.0",
        finished_at=began - timedelta(minutes=56),
    )  # fmt: skip
    open_looks = looks(began, count=64, rates=(0.03, 0.036))
    plant.looks[UNDER_WAY] = open_looks
    plant.rollouts[UNDER_WAY] = a_rollout(
        began, id=UNDER_WAY, stable=_V[1], candidate=_V[3], step=1,
        step_since=now - timedelta(seconds=20), entered_at=now - timedelta(seconds=21),
        deadline_at=now + timedelta(minutes=29),
        evidence=_verdict(open_looks[-1], Outcome.INCONCLUSIVE, "no harm seen; yield needs 23 more fails"),
        reason="1.3.0 has 50 %; soaking, and yield needs about 23 more failed serials",
    )  # fmt: skip


def _running(plant: FakePlant, now: datetime) -> None:
    for unit, environment, stable, releases in (
        (MES, PRODUCTION, _V[1], ((_V[1], 4, 0.5), (_V[3], 2, 0.5))),
        (MES, STAGING, _V[3], ((_V[3], 1, 1.0),)),
        (ROASTERY, PRODUCTION, Version("2.4.1"), ((Version("2.4.1"), 2, 1.0),)),
    ):
        plant.desired[(unit, environment)] = Desired(
            unit, environment, 7, stable, tuple(DesiredRelease(*each) for each in releases)
        )
        for version, instances, share in releases:
            for number in range(instances):
                is_ill = unit == ROASTERY and number == 1
                state = InstanceState.UNHEALTHY if is_ill else InstanceState.READY
                port = 20000 + len(plant.instances)
                plant.instances.append(
                    Instance(
                        InstanceId(f"{unit}-{environment}-{version}-{number}"), unit, environment, version,
                        state, "127.0.0.1", port, 4000 + port, 0, 0, now - timedelta(hours=1),
                        "health check timed out" if is_ill else "",
                    )
                )  # fmt: skip
            requests = int(9000 * share)
            plant.counts[(unit, environment, version)] = ReleaseTraffic(
                requests, requests // 250, 3, _latency(requests)
            )
    tallies = {_V[1]: Tally(9120, 265), _V[3]: Tally(1344, 48)}
    plant.readings[(MES, PRODUCTION)] = [Reading("yield", now, tallies)]


def _latency(requests: int) -> tuple[tuple[float, int], ...]:
    shares = ((5.0, 0.2), (10.0, 0.6), (25.0, 0.9), (50.0, 0.97), (100.0, 0.995), (math.inf, 1.0))
    return tuple((edge, int(requests * share)) for edge, share in shares)


def move_traffic(plant: FakePlant, requests: int = 40) -> None:
    """Let some requests pass, by the shares in force."""
    for key, seen in list(plant.counts.items()):
        share = plant.desired[key[:2]].share_of(key[2])
        total = seen.requests + int(requests * share)
        plant.counts[key] = ReleaseTraffic(total, total // 250, 3, _latency(total))


def a_cord(reason: str, at: datetime) -> Cord:
    """A cord that is pulled everywhere."""
    return Cord(None, False, "jiwoo", reason, at)


def look_again(plant: FakePlant, rollout: RolloutId = UNDER_WAY) -> None:
    """Let the judge look once more, with the same counts."""
    last, whole = plant.looks[rollout][-1], plant.rollouts[rollout]
    plant.looks[rollout].append(replace(last, seq=last.seq + 1, at=plant.clock.now()))
    evidence = replace(whole.evidence, seq=last.seq + 1)
    plant.rollouts[rollout] = replace(whole, evidence=evidence)


def _history(plant: FakePlant, now: datetime) -> None:
    def tell(ago: float, kind: str, rollout: str, reason: str, severity: Severity = Severity.INFO) -> None:
        actor = "jiwoo" if kind.endswith("created") else "andon"
        event = Event(kind, f"rollout/{rollout}", actor, reason, MES, PRODUCTION, severity)
        plant.tell(event, now - timedelta(minutes=ago))

    tell(124, "rollout.created", PROMOTED, "spring torque limits from engineering")
    tell(110, "rollout.promoted", PROMOTED, "1.1.0 is no worse than 1.0.0 by 1.5 times on every metric")
    tell(64, "rollout.created", TAKEN_BACK, "faster EOL check")
    tell(63, "rollout.step", TAKEN_BACK, "step 1 of 3: 1.2.0 gets 10 %")
    tell(
        60.5, "rollout.rollback", TAKEN_BACK,
        "the judge failed 1.2.0 on yield: it fails 3.6 times as often as 1.1.0", Severity.ALERT,
    )  # fmt: skip
    tell(60, "rollout.returned", TAKEN_BACK, "everything is back on 1.1.0; 1.2.0 is stopped")
    plant.tell(
        Event("instance.died", "unit/roastery", "andon", "exit code 1: out of memory", ROASTERY, PRODUCTION,
              Severity.WARNING), now - timedelta(minutes=30),
    )  # fmt: skip
    plant.tell(
        Event("release.published", "release/mes@1.3.0", "andon", "signed and published", MES),
        now - timedelta(minutes=39),
    )
    tell(4, "rollout.created", UNDER_WAY, "label reprint for packing")
    tell(3.8, "rollout.step", UNDER_WAY, "step 1 of 3: 1.3.0 gets 10 %")
    tell(3.7, "rollout.confirmed", UNDER_WAY, "the gateway serves 10 % on 1.3.0")
    tell(
        0.4, "rollout.step", UNDER_WAY, "step 2 of 3: 1.3.0 gets 50 %, because yield and errors show no harm"
    )
    tell(0.3, "rollout.confirmed", UNDER_WAY, "the gateway serves 50 % on 1.3.0")


HIDDEN, MARK = UnitName("canaryfish"), "CANARY-7f3a91"
HIDDEN_ROLLOUT, HIDDEN_RUN = RolloutId("ro-hidden-000000001"), RunId("run-hidden-00000001")
HIDDEN_INSTANCE = InstanceId("canaryfish-production-9.0.0-0")


def a_hidden_unit(plant: FakePlant) -> FakePlant:
    """A unit of which only some may know; everything that it says carries `MARK`."""
    now, version = plant.clock.now(), Version("9.0.0")
    plant.manifests[HIDDEN] = manifest(HIDDEN, MARK, 8190)
    _release(plant, HIDDEN, version, now - timedelta(days=1))
    plant.runs[HIDDEN_RUN] = replace(
        plant.runs[SHIPPED], id=HIDDEN_RUN, unit=HIDDEN, actor=MARK, reason=MARK, path=f"/srv/{MARK}"
    )
    plant.logs[HIDDEN_RUN, StageName.TEST] = f"{MARK}\n"
    plant.rollouts[HIDDEN_ROLLOUT] = a_rollout(
        now, id=HIDDEN_ROLLOUT, unit=HIDDEN, candidate=version, reason=MARK, actor=MARK
    )
    plant.looks[HIDDEN_ROLLOUT] = looks(now, count=3, rates=(0.01, 0.01))
    plant.desired[HIDDEN, PRODUCTION] = Desired(
        HIDDEN, PRODUCTION, 1, version, (DesiredRelease(version, 1, 1.0),)
    )
    plant.instances.append(
        Instance(
            HIDDEN_INSTANCE, HIDDEN, PRODUCTION, version, InstanceState.READY, "127.0.0.1", 29999, 1, 0, 0,
            now, MARK,
        )
    )  # fmt: skip
    plant.tell(Event("instance.died", f"unit/{HIDDEN}", MARK, MARK, HIDDEN, PRODUCTION))
    plant.tell(Event("user.changed", f"user/{MARK}", MARK, MARK))
    return plant

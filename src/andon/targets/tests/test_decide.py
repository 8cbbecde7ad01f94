import itertools
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from andon.kernel.ids import EnvironmentName, InstanceId, Process, UnitName, Version
from andon.targets.decide import (
    Create,
    Decision,
    Drain,
    Forget,
    GiveUp,
    Install,
    Kill,
    Mark,
    Migrate,
    Restart,
    Start,
    Stop,
    TryAgain,
    apply,
    decide,
    died,
)
from andon.targets.model import InstanceState
from andon.targets.records import (
    Checked,
    Record,
    Rules,
    SeenInstance,
    SeenRelease,
    Work,
    WorkState,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ONE, TWO = Version("1.0.0"), Version("1.1.0")
RULES = Rules()
DONE, TODO, DOING = Work(WorkState.DONE), Work(WorkState.TODO), Work(WorkState.DOING)
GOOD = Checked(is_ready=True)
RUNNING = (InstanceState.STARTING, InstanceState.READY, InstanceState.UNHEALTHY)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def a_record(state=InstanceState.READY, number: int = 1, **changes) -> Record:
    has_process = state in {*RUNNING, InstanceState.DRAINING}
    base = Record(
        id=InstanceId(f"in-{number}"),
        unit=UnitName("mes"),
        environment=EnvironmentName("production"),
        version=ONE,
        state=state,
        created_at=ago(1000 - number),
        since=ago(10),
        process=Process(100 + number, 1, "boot") if has_process else None,
        starts=1 if has_process else 0,
        port=20000 + number,
    )
    return replace(base, **changes)


def seen(record: Record, *, is_alive: bool | None = None, checked: Checked | None = GOOD, end: str = ""):
    return SeenInstance(record, record.process is not None if is_alive is None else is_alive, end, checked)


def a_release(instances: int = 1, **changes) -> SeenRelease:
    base = SeenRelease(
        ONE, instances, share=1.0, is_settled=True, install=DONE, migration=DONE, health_failures=3
    )
    return replace(base, **changes)


def actions(releases, instances, now=NOW):
    return [each.action for each in decide(releases, instances, now, RULES)]


def first_of(record: Record, release: SeenRelease | None = None, **how) -> Decision | None:
    found = decide([release or a_release()], [seen(record, **how)], NOW, RULES)
    return found[0] if found else None


ID = InstanceId("in-1")
FAILED_ONCE = Work(WorkState.FAILED, "disk full", 1, ago(-5))
SAID = "the checks"

TABLE = {
    "ready and healthy: nothing": (a_record(), {}, None),
    "not installed: install": (
        a_record(InstanceState.INSTALLING),
        {"release": a_release(install=TODO, migration=TODO)},
        Install(ONE),
    ),
    "being installed: wait": (
        a_record(InstanceState.INSTALLING),
        {"release": a_release(install=DOING)},
        None,
    ),
    "installed: migrate": (
        a_record(InstanceState.INSTALLING),
        {"release": a_release(migration=TODO)},
        Migrate(ONE),
    ),
    "being migrated: wait": (
        a_record(InstanceState.INSTALLING),
        {"release": a_release(migration=DOING)},
        None,
    ),
    "without a manifest: wait": (
        a_record(InstanceState.INSTALLING),
        {"release": a_release(install=TODO, has_manifest=False)},
        None,
    ),
    "installation failed: wait before the next": (
        a_record(InstanceState.INSTALLING),
        {"release": a_release(install=FAILED_ONCE)},
        None,
    ),
    "installation failed a while ago: again": (
        a_record(InstanceState.INSTALLING),
        {"release": a_release(install=replace(FAILED_ONCE, retry_at=ago(0)))},
        Install(ONE),
    ),
    "installation failed too often: give up": (
        a_record(InstanceState.INSTALLING),
        {"release": a_release(install=replace(FAILED_ONCE, failures=3))},
        GiveUp(ID, InstanceState.CRASH_LOOP, 1),
    ),
    "migration failed too often: give up": (
        a_record(InstanceState.INSTALLING),
        {"release": a_release(migration=replace(FAILED_ONCE, failures=3))},
        GiveUp(ID, InstanceState.CRASH_LOOP, 1),
    ),
    "not trusted: refuse, also without a manifest": (
        a_record(InstanceState.INSTALLING),
        {"release": a_release(install=Work(WorkState.REFUSED, "altered"), has_manifest=False)},
        GiveUp(ID, InstanceState.REFUSED, 1),
    ),
    "refused: nothing more": (a_record(InstanceState.REFUSED, gave_up_at_instances=1), {}, None),
    "crash loop: nothing more": (a_record(InstanceState.CRASH_LOOP, gave_up_at_instances=1), {}, None),
    "crash loop, another number wanted: again": (
        a_record(InstanceState.CRASH_LOOP, gave_up_at_instances=2),
        {},
        TryAgain(ID),
    ),
    "all there: start": (a_record(InstanceState.INSTALLING), {}, Start(ID)),
    "backoff not over: wait": (a_record(InstanceState.RESTARTING, start_after=ago(-1)), {}, None),
    "backoff over: start": (a_record(InstanceState.RESTARTING, start_after=ago(0)), {}, Start(ID)),
    "start cut off, nothing came of it: start": (
        a_record(InstanceState.STARTING, process=None),
        {},
        Start(ID),
    ),
    "start cut off, something may come of it: wait": (
        a_record(InstanceState.STARTING, process=None),
        {"is_alive": True},
        None,
    ),
    "starting: wait": (a_record(InstanceState.STARTING), {"checked": None}, None),
    "starting and ready": (a_record(InstanceState.STARTING), {}, Mark(ID, InstanceState.READY)),
    "not ready in time: kill": (
        a_record(InstanceState.STARTING, since=ago(60)),
        {"checked": Checked(problem=SAID)},
        Kill(ID),
    ),
    "two failed checks: nothing": (a_record(), {"checked": Checked(True, 2, SAID)}, None),
    "three failed checks: unhealthy": (
        a_record(),
        {"checked": Checked(True, 3, SAID)},
        Mark(ID, InstanceState.UNHEALTHY),
    ),
    "not asked yet: nothing": (a_record(InstanceState.UNHEALTHY), {"checked": None}, None),
    "recovered": (a_record(InstanceState.UNHEALTHY), {}, Mark(ID, InstanceState.READY)),
    "still unhealthy: wait": (a_record(InstanceState.UNHEALTHY), {"checked": Checked(True, 5, SAID)}, None),
    "unhealthy for long, settled: kill": (
        a_record(InstanceState.UNHEALTHY),
        {"checked": Checked(True, 6, SAID)},
        Kill(ID),
    ),
    "unhealthy for long, in a rollout: the rollout decides": (
        a_record(InstanceState.UNHEALTHY),
        {"checked": Checked(True, 60, SAID), "release": a_release(is_settled=False)},
        None,
    ),
    "dead: restart": (a_record(), {"is_alive": False}, Restart(ID, ago(-0.5), (NOW,))),
    "dead again: later": (
        a_record(deaths=(ago(3), ago(2))),
        {"is_alive": False},
        Restart(ID, ago(-2), (ago(3), ago(2), NOW)),
    ),
    "dead, earlier deaths long ago: soon": (
        a_record(deaths=(ago(300), ago(200))),
        {"is_alive": False},
        Restart(ID, ago(-0.5), (NOW,)),
    ),
    "dead five times: crash loop": (
        a_record(deaths=(ago(4), ago(3), ago(2), ago(1))),
        {"is_alive": False},
        GiveUp(ID, InstanceState.CRASH_LOOP, 1, (ago(4), ago(3), ago(2), ago(1), NOW)),
    ),
    "surplus and running: drain": (a_record(), {"release": a_release(0)}, Drain(ID)),
    "surplus and not running: forget": (
        a_record(InstanceState.RESTARTING),
        {"release": a_release(0)},
        Forget(ID),
    ),
    "draining with requests: a moment": (a_record(InstanceState.DRAINING, since=ago(1)), {}, None),
    "draining with requests, moment over: stop": (
        a_record(InstanceState.DRAINING, since=ago(2)),
        {},
        Stop(ID),
    ),
    "draining without requests: stop at once": (
        a_record(InstanceState.DRAINING, since=NOW),
        {"release": a_release(share=0.0)},
        Stop(ID),
    ),
    "asked to stop: wait": (a_record(InstanceState.DRAINING, terminated_at=ago(29)), {}, None),
    "does not stop: kill": (a_record(InstanceState.DRAINING, terminated_at=ago(30)), {}, Kill(ID)),
    "gone: forget": (a_record(InstanceState.DRAINING, terminated_at=ago(1)), {"is_alive": False}, Forget(ID)),
}


@pytest.mark.parametrize("name", TABLE)
def test_the_table(name):
    record, how, expected = TABLE[name]
    # What drains is not counted, so a new one is made beside it.
    found = [
        each
        for each in decide([how.get("release", a_release())], [_seen(record, how)], NOW, RULES)
        if not isinstance(each.action, Create)
    ]
    assert [each.action for each in found] == ([] if expected is None else [expected])
    assert all(each.reason for each in found)


def _seen(record, how):
    return seen(record, **{key: value for key, value in how.items() if key != "release"})


def test_missing_instances_are_made():
    assert actions([a_release(3)], [seen(a_record())]) == [Create(ONE), Create(ONE)]


def test_what_drains_is_not_counted():
    assert actions([a_release(1, share=0.0)], [seen(a_record(InstanceState.DRAINING))]) == [
        Create(ONE),
        Stop(ID),
    ]


def test_a_release_that_is_not_named_leaves_whatever_its_state():
    for state in InstanceState:
        if state in {InstanceState.STOPPED, InstanceState.DRAINING}:
            continue
        record = a_record(state)
        expected = Drain(ID) if record.process is not None else Forget(ID)
        assert actions([], [seen(record)]) == [expected]


def test_of_too_many_the_least_healthy_go_and_then_the_newest():
    records = [
        a_record(InstanceState.READY, 1),
        a_record(InstanceState.UNHEALTHY, 2),
        a_record(InstanceState.READY, 3),
        a_record(InstanceState.READY, 4),
    ]
    healthy = [seen(each) for each in records if each.state is InstanceState.READY]
    sick = seen(records[1], checked=Checked(True, 3, SAID))
    assert actions([a_release(2)], [*healthy, sick]) == [Drain(InstanceId("in-2")), Drain(InstanceId("in-4"))]


def test_a_release_is_installed_once_for_all_its_instances():
    waiting = [seen(a_record(InstanceState.INSTALLING, number)) for number in (1, 2, 3)]
    assert actions([a_release(3, install=TODO)], waiting) == [Install(ONE)]


def test_a_backoff_is_at_most_half_a_minute():
    rules = Rules(crash_loop_deaths=100)
    deaths = tuple(ago(n) for n in range(50))
    decision = died(a_record(deaths=deaths), "it ended", a_release(), NOW, rules)
    assert decision.action.after == NOW + timedelta(seconds=30)


def test_the_reason_of_a_kill_outlives_the_signal_that_it_caused():
    record = apply(a_record(InstanceState.STARTING), Decision(Kill(ID), "not ready within 60 s"), NOW)
    assert first_of(record, is_alive=False, end="ended by SIGKILL").reason == "not ready within 60 s"


def test_one_that_is_not_ready_in_time_is_ended_with_what_it_last_answered():
    record = a_record(InstanceState.STARTING, since=ago(60))
    checked = Checked(is_ready=False, problem="/ready answered 503")
    found = first_of(record, a_release(ready_deadline=timedelta(seconds=60)), checked=checked)
    assert found.reason == "not ready within 60 s: /ready answered 503"


def test_one_that_is_tried_again_has_a_clean_slate():
    given_up = a_record(InstanceState.CRASH_LOOP, gave_up_at_instances=1, deaths=(NOW,), start_after=NOW)
    again = apply(given_up, Decision(TryAgain(ID), "a person retries"), NOW)
    assert (again.deaths, again.start_after, again.gave_up_at_instances) == ((), None, None)


def test_a_new_start_forgets_why_the_last_one_was_killed():
    killed = a_record(InstanceState.RESTARTING, killed_for="too slow")
    assert apply(killed, Decision(Start(ID), "starting"), NOW).killed_for == ""


def _situations():
    """The whole small space: two instances in any state, alive or not, and any wish."""
    states = [each for each in InstanceState if each is not InstanceState.STOPPED]
    checks = [None, GOOD, Checked(True, 9, SAID)]
    works = [TODO, DOING, DONE, replace(FAILED_ONCE, failures=3), Work(WorkState.REFUSED, "altered")]
    return itertools.product(
        states, states, (True, False), checks, (0, 1, 2), (0.0, 1.0), works, (True, False)
    )


def test_in_every_situation_the_promises_hold():
    count = 0
    for one, two, is_alive, checked, wanted, share, work, is_late in _situations():
        count += 1
        records = [a_record(one, 1), a_record(two, 2)]
        if is_late:
            records = [replace(each, since=ago(3600), terminated_at=ago(3600)) for each in records]
        instances = [
            seen(each, is_alive=is_alive and each.process is not None, checked=checked) for each in records
        ]
        release = a_release(wanted, share=share, install=work)
        decisions = decide([release], instances, NOW, RULES)
        by_id = {each.record.id: each for each in instances}
        created = sum(isinstance(each.action, Create) for each in decisions)
        staying = [each for each in records if each.state is not InstanceState.DRAINING]
        leaving = {each.action.id for each in decisions if isinstance(each.action, Drain | Forget)}
        left = [each for each in staying if each.id not in leaving]
        touched = [each.action.id for each in decisions if hasattr(each.action, "id")]
        assert len(left) + created == wanted, "as many as wanted beside those that leave"
        assert len(touched) == len(set(touched)), "one action for an instance at a time"
        assert all(each.reason for each in decisions)
        for each in decisions:
            match each.action:
                case Start(id=name):
                    assert not by_id[name].is_alive, "never two processes for one instance"
                    assert work.state is WorkState.DONE, "nothing starts that is not installed"
                    assert name not in leaving
                case Stop(id=name):
                    assert by_id[name].record.state is InstanceState.DRAINING, "drained before it is stopped"
                case Forget(id=name):
                    assert not by_id[name].is_alive, "what runs is not forgotten"
                case Install():
                    assert work.state in {WorkState.TODO, WorkState.FAILED}, "what is refused is not tried"
    assert count > 10_000


@dataclass
class World:
    """A machine that does as it is told; a step may be cut off after any write."""

    now: datetime = NOW
    records: dict = field(default_factory=dict)
    alive: set = field(default_factory=set)
    installed: set = field(default_factory=set)
    next_id: int = 0
    most_processes: int = 0

    def releases(self, wanted):
        return [
            SeenRelease(version, count, 0.5, False, DONE if version in self.installed else TODO, DONE)
            for version, count in wanted.items()
        ]

    def step(self, wanted, *, dies_after: int = 1000):
        instances = [seen(each, is_alive=each.id in self.alive) for each in self.records.values()]
        for number, decision in enumerate(decide(self.releases(wanted), instances, self.now, RULES)):
            if number == dies_after:
                break
            self.do(decision)
        self.most_processes = max(self.most_processes, len(self.alive))
        self.now += timedelta(seconds=1)

    def do(self, decision):
        match decision.action:
            case Create(version=version):
                self.next_id += 1
                record = a_record(InstanceState.INSTALLING, self.next_id, version=version)
                self.records[record.id] = record
                return
            case Install(version=version):
                self.installed.add(version)
                return
        record = apply(self.records[decision.action.id], decision, self.now)
        match decision.action:
            case Start():
                assert record.id not in self.alive
                self.alive.add(record.id)
                record = replace(record, process=Process(self.next_id, 1, "boot"))
            case Stop() | Kill():
                self.alive.discard(record.id)
            case Forget():
                del self.records[record.id]
                return
        self.records[record.id] = record


@pytest.mark.parametrize("dies_after", [0, 1, 2, 1000])
def test_an_obedient_world_comes_to_what_is_wanted_also_when_cut_off_after_any_write(dies_after):
    world = World()
    for wanted in ({ONE: 3}, {ONE: 3, TWO: 1}, {ONE: 1, TWO: 3}, {TWO: 2}, {ONE: 2}, {}):
        for step in range(80):
            world.step(wanted, dies_after=dies_after if step % 2 else 1000)
        assert sorted(each.version for each in world.records.values()) == sorted(
            version for version, count in wanted.items() for _ in range(count)
        )
        assert all(each.state is InstanceState.READY for each in world.records.values())
        assert world.alive == set(world.records)
    assert world.most_processes <= 6


def test_a_world_in_which_everything_dies_comes_to_rest():
    world = World()
    for _ in range(100):
        world.step({ONE: 2})
        world.alive.clear()
    assert {each.state for each in world.records.values()} == {InstanceState.CRASH_LOOP}
    before = dict(world.records)
    world.step({ONE: 2})
    assert world.records == before

"""What stands on disk: records and output of instances, installations."""

import asyncio
import io
import os
import tarfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from andon.kernel.clock import ManualClock
from andon.kernel.errors import Damaged, InvalidInput, NotFound, Unavailable, Untrusted
from andon.kernel.ids import EnvironmentName, InstanceId, Process, UnitName, Version
from andon.targets import launching
from andon.targets.installs import Installs
from andon.targets.model import InstanceState
from andon.targets.records import Record, WorkState
from andon.targets.store import InstanceStore
from andon.targets.works import Works
from andon.testing import tiny_unit

AT = datetime(2026, 1, 1, tzinfo=UTC)
MES, PRODUCTION, ONE = UnitName("mes"), EnvironmentName("production"), Version("1.0.0")


def a_record(number: int = 1, **changes) -> Record:
    base = Record(
        id=InstanceId(f"in-{number}"),
        unit=MES,
        environment=PRODUCTION,
        version=ONE,
        state=InstanceState.READY,
        created_at=AT + timedelta(seconds=number),
        since=AT,
    )
    return replace(base, **changes)


@pytest.fixture
def store(tmp_path: Path) -> InstanceStore:
    return InstanceStore(tmp_path)


def test_a_record_comes_back_as_it_was_saved(store):
    full = a_record(
        process=Process(7, 99, "boot"),
        deaths=(AT, AT + timedelta(seconds=1)),
        start_after=AT,
        terminated_at=AT,
        stop_patience=timedelta(milliseconds=250),
        gave_up_at_instances=2,
        killed_for="slow",
    )
    for each in (full, a_record(2)):
        store.save(each)
    assert store.list() == [full, a_record(2)]


def test_a_record_that_cannot_be_read_does_not_hide_the_others(store, tmp_path):
    store.save(a_record())
    (tmp_path / "in-0").mkdir()
    (tmp_path / "in-0" / "instance.json").write_text("{")
    assert store.list() == [a_record()]


def test_stopped_ones_are_not_listed_and_only_the_last_are_kept(store, tmp_path):
    for number in range(15):
        store.save(a_record(number, state=InstanceState.STOPPED, since=AT + timedelta(seconds=number)))
    store.save(a_record(20, environment=EnvironmentName("staging"), state=InstanceState.STOPPED))
    assert store.list() == []
    store.prune(MES, PRODUCTION)
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(
        [*(f"in-{number}" for number in range(5, 15)), "in-20"]
    )


def test_the_tail_of_a_long_output_is_read_from_its_end(store):
    store.save(a_record())
    lines = [f"line {number} äöü" for number in range(20_000)]
    store.output(InstanceId("in-1")).write_text("\n".join(lines) + "\n")
    assert store.tail(InstanceId("in-1"), 7) == lines[-7:]
    assert store.tail(InstanceId("in-1"), 0) == []
    assert len(store.tail(InstanceId("in-1"), 10_000)) == 10_000


def test_output_that_was_put_aside_is_kept_once(store):
    store.save(a_record())
    output = store.output(InstanceId("in-1"))
    output.write_bytes(b"x" * 10_000_001)
    store.rotate(InstanceId("in-1"))
    output.write_text("new\n")
    assert store.tail(InstanceId("in-1"), 5) == ["new"]
    assert output.with_suffix(".log.1").stat().st_size == 10_000_001


@pytest.mark.parametrize("name", ["in-2", "..", "../x", "/etc", "."])
def test_what_is_no_instance_has_no_output(store, name):
    store.save(a_record())
    with pytest.raises(NotFound):
        store.tail(InstanceId(name), 1)


def installs_of(tmp_path: Path, archive: bytes) -> Installs:
    async def fetch(unit, version, role, into):
        path = into / "wheelhouse.tar"
        path.write_bytes(archive)
        return path

    return Installs(tmp_path / "installs", fetch)


def a_tar(**members: tarfile.TarInfo | bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, member in members.items():
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(name)
            if isinstance(member, bytes):
                info.size = len(member)
            tar.addfile(info, io.BytesIO(member) if isinstance(member, bytes) else None)
    return stream.getvalue()


def a_link(name: str, target: str) -> tarfile.TarInfo:
    link = tarfile.TarInfo(name)
    link.type, link.linkname = tarfile.SYMTYPE, target
    return link


OUTSIDE = {"../../escaped.whl": b"x"}


@pytest.mark.parametrize(
    "archive",
    [b"", b"no tar", a_tar(), a_tar(**OUTSIDE), a_tar(x=a_link("x", "/etc")), a_tar(**{"notes.txt": b"x"})],
    ids=["empty", "garbage", "nothing in it", "leaves its folder", "links outside", "no wheel"],
)
async def test_a_bad_wheelhouse_installs_nothing(tmp_path, archive):
    installs = installs_of(tmp_path, archive)
    with pytest.raises(Damaged):
        await installs.install(MES, ONE)
    assert installs.find(MES, ONE) is None
    assert not list(tmp_path.rglob("escaped.whl"))


def test_a_version_is_not_taken_for_another_that_begins_alike(tmp_path):
    made = tmp_path / "installs" / "mes" / f"1.0.0-rc1-{'0' * 12}"
    made.mkdir(parents=True)
    (made / ".complete").touch()
    installs = installs_of(tmp_path, b"")
    assert installs.find(MES, ONE) is None
    assert installs.find(MES, Version("1.0.0-rc1")) == made


async def test_old_installations_go_but_not_those_that_are_used(tmp_path):
    for number in range(6):
        made = tmp_path / "installs" / "mes" / f"1.0.{number}-{'0' * 12}"
        made.mkdir(parents=True)
        (made / ".complete").touch()
        os.utime(made / ".complete", (1e9 + number, 1e9 + number))
    await installs_of(tmp_path, b"").clean(MES, {Version("1.0.0")})
    left = {each.name[:5] for each in (tmp_path / "installs" / "mes").iterdir() if each.is_dir()}
    assert left == {"1.0.0", "1.0.3", "1.0.4", "1.0.5"}


async def settled(works: Works, key: tuple[str, ...]):
    async with asyncio.timeout(60):
        while works.state(key).state is WorkState.DOING:
            await asyncio.sleep(0)
    return works.state(key)


async def test_work_that_fails_waits_longer_each_time_and_trust_is_not_retried():
    clock, woken = ManualClock(), []
    works = Works(clock, lambda: woken.append(1))

    async def fail() -> None:
        raise Unavailable("disk", "the disk is full")

    async def refuse() -> None:
        raise Untrusted("bad-hash", "it was altered")

    for failures, seconds in ((1, 2), (2, 4), (3, 8)):
        works.begin(("x",), fail)
        state = await settled(works, ("x",))
        assert (state.state, state.failures, state.detail) == (WorkState.FAILED, failures, "the disk is full")
        assert state.retry_at == clock.now() + timedelta(seconds=seconds)
    works.forget(("x",))
    assert works.state(("x",)).state is WorkState.TODO
    works.begin(("y",), refuse)
    assert (await settled(works, ("y",))).state is WorkState.REFUSED
    assert woken


async def test_a_mistake_of_the_program_is_raised_once_and_counted():
    works = Works(ManualClock(), lambda: None)

    async def mistake() -> None:
        raise KeyError("x")

    works.begin(("x",), mistake)
    with pytest.raises(KeyError):
        await settled(works, ("x",))
    assert works.state(("x",)).state is WorkState.FAILED


def a_place(tmp_path: Path) -> launching.Place:
    return launching.Place(tmp_path / "venv", tmp_path / "data", tmp_path / "own")


def test_words_are_filled_in_and_nothing_of_ours_leaks(tmp_path, monkeypatch):
    monkeypatch.setenv("ANDON_DATABASE_URL", "postgresql://secret@host/andon")
    manifest = tiny_unit.manifest()
    run = manifest.run.model_copy(
        update={"command": ["tiny", "{host}:{port}", "{instance}"], "env": {"DB": "{data}/x-{version}.db"}}
    )
    launch = launching.launch_of(
        a_record(port=5), manifest.model_copy(update={"run": run}), a_place(tmp_path)
    )
    assert launch.command == ["tiny", "127.0.0.1:5", "in-1"]
    assert launch.environment["DB"] == f"{tmp_path}/data/x-1.0.0.db"
    assert launch.environment["ANDON_INSTANCE"] == "in-1"
    assert launch.environment["ANDON_RELEASE"] == "1.0.0"
    assert launch.environment["PATH"].startswith(f"{tmp_path}/venv/bin:")
    assert "secret" not in str(launch.environment)


def test_a_unit_cannot_rename_itself_by_its_own_environment(tmp_path):
    manifest = tiny_unit.manifest()
    run = manifest.run.model_copy(update={"env": {"ANDON_INSTANCE": "other", "ANDON_RELEASE": "9.9.9"}})
    launch = launching.launch_of(a_record(), manifest.model_copy(update={"run": run}), a_place(tmp_path))
    assert (launch.environment["ANDON_INSTANCE"], launch.environment["ANDON_RELEASE"]) == ("in-1", "1.0.0")


def test_a_working_folder_outside_of_the_data_is_refused(tmp_path):
    manifest = tiny_unit.manifest()
    run = manifest.run.model_copy(update={"workdir": "../../elsewhere"})
    with pytest.raises(InvalidInput, match="outside"):
        launching.launch_of(a_record(), manifest.model_copy(update={"run": run}), a_place(tmp_path))


def test_ports_go_round_and_leave_out_what_is_taken():
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        busy = listener.getsockname()[1]
        with pytest.raises(Unavailable, match="no port is free"):
            launching.Ports(busy, busy).take("127.0.0.1", set())
    ports = launching.Ports(25990, 25999)
    first = ports.take("127.0.0.1", set())
    assert ports.take("127.0.0.1", {first}) != first

"""The client of stations against the TUF specification, version 1.0: its workflow (5.3 to 5.7) case by case,
and every attack that it names (1.5.2). The cases are written from the specification; tuf-conformance itself
is in no package registry.
"""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from andon_wire.errors import Missing, Unreachable, Untrusted
from andon_wire.verify import Verifier
from tests.component.tuf_repository import CONTENT, Repository, later, signed

pytestmark = [pytest.mark.asvs("11.4.3")]


@pytest.fixture
def repository() -> Repository:
    return Repository()


@pytest.fixture
def station(repository: Repository, tmp_path: Path) -> Verifier:
    """A station that pinned the first root and has seen nothing yet."""
    return Verifier(tmp_path / "trust", [repository], repository.files["metadata/1.root.json"])


def refused(station: Verifier) -> str:
    with pytest.raises(Untrusted) as error:
        station.refresh()
    return error.value.code


def installed(station: Verifier) -> bytes:
    station.refresh()
    return station.read("mes", "1.0.0", "wheelhouse.tar")


# The workflow, 5.3 to 5.7


def test_metadata_is_asked_for_in_order_and_by_version(repository: Repository, station: Verifier) -> None:
    repository.next_root()
    assert installed(station) == CONTENT
    assert [each.removeprefix("metadata/") for each in repository.asked[:6]] == [
        "2.root.json",
        "3.root.json",
        "timestamp.json",
        "1.snapshot.json",
        "1.targets.json",
        repository.asked[5],
    ]
    assert repository.asked[5].startswith("targets/mes/1.0.0/")
    assert repository.asked[5].endswith(".wheelhouse.tar")


def test_what_is_known_already_is_not_asked_for_again(repository: Repository, station: Verifier) -> None:
    station.refresh()
    repository.asked.clear()
    station.refresh()
    assert repository.asked == ["metadata/2.root.json", "metadata/timestamp.json"]
    repository.publish("timestamp")
    repository.asked.clear()
    station.refresh()
    assert repository.asked == ["metadata/2.root.json", "metadata/timestamp.json"]


def test_a_chain_of_roots_is_walked_and_only_the_last_one_must_be_young(
    repository: Repository, station: Verifier
) -> None:
    """5.3: intermediate roots may have run out."""
    for days in (-20, -10, 30):
        former = repository.rotate("root")
        repository.root.expires = later(days)
        repository.next_root(*former)
    assert installed(station) == CONTENT


def root_by_the_new_key_alone(repository: Repository) -> None:
    repository.rotate("root")
    repository.next_root()


def root_by_the_former_key_alone(repository: Repository) -> None:
    former = repository.rotate("root")
    repository.root.version += 1
    repository.publish_root(by=former)


def root_that_skips_a_version(repository: Repository) -> None:
    repository.root.version += 2
    repository.files["metadata/2.root.json"] = signed(repository.root, repository.signers["root"])


def root_of_the_same_version(repository: Repository) -> None:
    repository.files["metadata/2.root.json"] = repository.files["metadata/1.root.json"]


def root_below_its_own_threshold(repository: Repository) -> None:
    repository.add_key("root")
    repository.root.roles["root"].threshold = 2
    repository.root.version += 1
    repository.publish_root(by=repository.signers["root"][:1])


def root_with_one_signature_twice(repository: Repository) -> None:
    """Two signatures by one key are one; listing them twice changes nothing."""
    repository.root.roles["root"].threshold = 2
    repository.add_key("root")
    repository.root.version += 1
    document = json.loads(signed(repository.root, repository.signers["root"][:1]))
    document["signatures"] *= 2
    repository.files["metadata/2.root.json"] = json.dumps(document).encode()


def root_with_a_threshold_of_nothing(repository: Repository) -> None:
    document = json.loads(repository.files["metadata/1.root.json"])
    document["signed"]["version"] = 2
    document["signed"]["roles"]["root"]["threshold"] = 0
    document["signatures"] = []
    repository.files["metadata/2.root.json"] = json.dumps(document).encode()


def targets_where_a_root_should_be(repository: Repository) -> None:
    repository.files["metadata/2.root.json"] = signed(repository.targets, repository.signers["root"])


def root_that_has_run_out(repository: Repository) -> None:
    repository.root.expires = later(-1)
    repository.next_root()


def timestamp_by_another_role(repository: Repository) -> None:
    repository.files["metadata/timestamp.json"] = signed(repository.timestamp, repository.signers["snapshot"])


def timestamp_below_its_threshold(repository: Repository) -> None:
    repository.add_key("timestamp")
    repository.root.roles["timestamp"].threshold = 2
    repository.next_root()


def timestamp_that_has_run_out(repository: Repository) -> None:
    repository.timestamp.expires = later(-1)
    repository.publish("timestamp")


def snapshot_that_has_run_out(repository: Repository) -> None:
    repository.snapshot.expires = later(-1)
    repository.publish("snapshot", "timestamp")


def targets_that_have_run_out(repository: Repository) -> None:
    repository.targets.expires = later(-1)
    repository.publish()


def timestamp_rolled_back(repository: Repository) -> None:
    repository.timestamp.version = 1
    repository.put("timestamp", repository.timestamp)


def snapshot_rolled_back_by_the_timestamp(repository: Repository) -> None:
    """5.4.3.2: the timestamp names an older snapshot than before."""
    repository.timestamp.snapshot_meta.version -= 1
    repository.timestamp.version += 1
    repository.put("timestamp", repository.timestamp)


def targets_rolled_back_by_the_snapshot(repository: Repository) -> None:
    """5.5.5: the snapshot names older targets than before."""
    repository.snapshot.meta["targets.json"].version -= 1
    repository.publish("snapshot", "timestamp")


def targets_gone_from_the_snapshot(repository: Repository) -> None:
    """5.5.5: nothing that was named may vanish."""
    repository.snapshot.meta = {"other.json": repository.snapshot.meta["targets.json"]}
    repository.publish("snapshot", "timestamp")


def snapshot_of_another_version_than_is_named(repository: Repository) -> None:
    repository.publish("snapshot", "timestamp")
    repository.timestamp.snapshot_meta.version += 1
    repository.timestamp.version += 1
    place = f"metadata/{repository.snapshot.version}.snapshot.json"
    repository.files[f"metadata/{repository.snapshot.version + 1}.snapshot.json"] = repository.files[place]
    repository.put("timestamp", repository.timestamp)


def snapshot_by_another_role(repository: Repository) -> None:
    repository.snapshot.version += 1
    honest = repository.signers["snapshot"]
    repository.signers["snapshot"] = repository.signers["timestamp"]
    repository.put("snapshot", repository.snapshot)
    repository.signers["snapshot"] = honest
    repository.publish("timestamp")


def targets_by_another_role(repository: Repository) -> None:
    repository.targets.version += 1
    honest = repository.signers["targets"]
    repository.signers["targets"] = repository.signers["snapshot"]
    repository.put("targets", repository.targets)
    repository.signers["targets"] = honest
    repository.publish("snapshot", "timestamp")


def targets_with_other_bytes(repository: Repository) -> None:
    repository.publish()
    place = f"metadata/{repository.targets.version}.targets.json"
    repository.files[place] += b" "


def snapshot_with_other_bytes(repository: Repository) -> None:
    repository.publish()
    repository.files[f"metadata/{repository.snapshot.version}.snapshot.json"] += b" "


def no_timestamp(repository: Repository) -> None:
    del repository.files["metadata/timestamp.json"]


def no_new_snapshot(repository: Repository) -> None:
    repository.publish()
    del repository.files[f"metadata/{repository.snapshot.version}.snapshot.json"]


Wrong = Callable[[Repository], None]
WRONG: dict[Wrong, set[str]] = {
    root_by_the_new_key_alone: {"bad-signature"},
    root_by_the_former_key_alone: {"bad-signature"},
    root_that_skips_a_version: {"version-rolled-back"},
    root_of_the_same_version: {"version-rolled-back"},
    root_below_its_own_threshold: {"bad-signature"},
    root_with_one_signature_twice: {"bad-signature", "bad-metadata"},
    root_with_a_threshold_of_nothing: {"bad-metadata"},
    targets_where_a_root_should_be: {"bad-metadata"},
    root_that_has_run_out: {"metadata-expired"},
    timestamp_by_another_role: {"bad-signature"},
    timestamp_below_its_threshold: {"bad-signature"},
    timestamp_that_has_run_out: {"metadata-expired"},
    snapshot_that_has_run_out: {"metadata-expired"},
    targets_that_have_run_out: {"metadata-expired"},
    timestamp_rolled_back: {"version-rolled-back"},
    snapshot_rolled_back_by_the_timestamp: {"version-rolled-back"},
    targets_rolled_back_by_the_snapshot: {"version-rolled-back"},
    targets_gone_from_the_snapshot: {"bad-metadata"},
    snapshot_of_another_version_than_is_named: {"version-rolled-back", "hash-mismatch"},
    snapshot_by_another_role: {"bad-signature"},
    targets_by_another_role: {"bad-signature"},
    targets_with_other_bytes: {"hash-mismatch", "too-long"},
    snapshot_with_other_bytes: {"hash-mismatch", "too-long"},
    no_timestamp: {"metadata-missing"},
    no_new_snapshot: {"metadata-missing"},
}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda each: each.__name__)
def test_what_the_specification_refuses_is_refused(
    repository: Repository, station: Verifier, tmp_path: Path, wrong: Wrong
) -> None:
    root = repository.files["metadata/1.root.json"]
    repository.publish()
    repository.publish()
    station.refresh()
    wrong(repository)
    assert refused(station) in WRONG[wrong]
    # By one that is started anew, too, which knows only what was kept on disk.
    assert refused(Verifier(tmp_path / "trust", [repository], root)) in WRONG[wrong]


@pytest.mark.parametrize(
    "wrong",
    [each for each in WRONG if "rolled_back" not in each.__name__ and "gone" not in each.__name__],
    ids=lambda each: each.__name__,
)
def test_it_is_refused_too_by_a_station_that_has_seen_nothing(
    repository: Repository, station: Verifier, wrong: Wrong
) -> None:
    wrong(repository)
    assert refused(station) in WRONG[wrong] | {"version-rolled-back"}


def test_a_timestamp_that_has_run_out_still_protects_against_older_ones(
    repository: Repository, station: Verifier, tmp_path: Path
) -> None:
    """5.4.3: what was seen while it was young counts, whether it may still be used or not."""
    station.refresh()
    repository.publish()
    repository.timestamp.expires = later(-1)
    repository.publish("timestamp")
    (tmp_path / "trust" / "timestamp.json").write_bytes(repository.files["metadata/timestamp.json"])
    repository.timestamp.expires = later()
    repository.timestamp.version -= 2
    repository.put("timestamp", repository.timestamp)
    assert refused(station) == "version-rolled-back"


def test_the_same_timestamp_again_is_no_error(repository: Repository, station: Verifier) -> None:
    station.refresh()
    assert installed(station) == CONTENT


def test_metadata_may_be_spelled_in_any_way_as_its_bytes_are_what_was_hashed(
    repository: Repository, station: Verifier
) -> None:
    """Fields that nobody knows, and another order of keys, stay part of what was signed."""
    repository.targets.unrecognized_fields["x-plant"] = {"b": 1, "a": [2]}
    repository.publish()
    assert installed(station) == CONTENT


def test_a_key_that_the_root_does_not_know_adds_nothing_and_disturbs_nothing(
    repository: Repository, station: Verifier
) -> None:
    stranger = Repository().signers["timestamp"]
    repository.signers["timestamp"] += stranger
    repository.publish("timestamp")
    assert installed(station) == CONTENT


def test_two_of_three_are_enough_and_one_is_not(repository: Repository, station: Verifier) -> None:
    repository.add_key("targets")
    repository.add_key("targets")
    repository.root.roles["targets"].threshold = 2
    repository.next_root()
    first, second, third = repository.signers["targets"]
    repository.signers["targets"] = [third, first]
    repository.publish()
    assert installed(station) == CONTENT
    repository.signers["targets"] = [second]
    repository.publish()
    assert refused(station) == "bad-signature"


# The attacks that the specification names, 1.5.2


def test_arbitrary_software_is_not_installed(repository: Repository, station: Verifier) -> None:
    """An attacker who answers in the registry's place gives bytes of his own for what is asked."""
    station.refresh()
    repository.add_targets({"mes/1.0.0/evil": b"evil"})
    for path in [each for each in repository.files if each.startswith("targets/")]:
        repository.files[path] = bytes(len(repository.files[path]))  # as long as what was signed
    for name in ("wheelhouse.tar", "release.json"):
        with pytest.raises(Untrusted) as error:
            station.read("mes", "1.0.0", name)
        assert error.value.code in {"hash-mismatch", "too-long"}
    with pytest.raises(Missing):
        station.read("mes", "1.0.0", "evil")


def test_a_rollback_shows_nothing_older(repository: Repository, station: Verifier, tmp_path: Path) -> None:
    old = repository.copy()
    repository.add_targets({"mes/1.1.0/release.json": b"{}"})
    repository.publish()
    station.refresh()
    repository.files = old.files
    assert refused(station) == "version-rolled-back"
    assert station.versions("mes") == ["1.0.0", "1.1.0"]


def fast_forward(repository: Repository, *roles: str) -> None:
    """Who has the keys of these roles shows the highest numbers that there are."""
    highest = 2**31 - 1
    if "targets" in roles:
        repository.targets.version = highest
    if "snapshot" in roles:
        repository.snapshot.version = highest
    if "timestamp" in roles:
        repository.timestamp.version = highest
    for role in ("targets", "snapshot", "timestamp"):
        part = getattr(repository, role)
        part.version += 0 if role in roles else 1
        repository.put(role, part)


@pytest.mark.parametrize(
    "stolen", [("timestamp",), ("snapshot", "timestamp"), ("targets", "snapshot", "timestamp")]
)
def test_a_fast_forward_is_recovered_from_by_exchanging_the_keys(
    repository: Repository, station: Verifier, stolen: tuple[str, ...]
) -> None:
    """5.3.11: what former keys signed is forgotten, so that honest numbers count again."""
    station.refresh()
    before = {role: getattr(repository, role).version for role in ("targets", "snapshot", "timestamp")}
    fast_forward(repository, *stolen)
    station.refresh()
    for role, version in before.items():
        getattr(repository, role).version = version + 5
    repository.publish()
    assert refused(station) == "version-rolled-back"
    for role in stolen:
        repository.rotate(role)
    repository.next_root()
    repository.publish()
    assert installed(station) == CONTENT


def test_a_freeze_ends_with_the_timestamps_life(repository: Repository, station: Verifier) -> None:
    repository.timestamp.expires = later(-0.001)
    repository.publish("timestamp")
    frozen = repository.copy()
    repository.timestamp.expires = later()
    repository.publish("timestamp")
    repository.files = frozen.files
    assert refused(station) == "metadata-expired"


@pytest.mark.parametrize(
    "endless",
    [
        "metadata/2.root.json",
        "metadata/timestamp.json",
        "metadata/1.snapshot.json",
        "metadata/1.targets.json",
    ],
)
def test_endless_data_is_cut_off(repository: Repository, tmp_path: Path, endless: str) -> None:
    given = 0

    class Endless(Repository):
        def pieces(self, path):
            nonlocal given
            if path != endless:
                yield from super().pieces(path)
                return
            while True:
                given += 1 << 16
                yield b" " * (1 << 16)

    hostile = Endless()
    station = Verifier(tmp_path / "trust", [hostile], hostile.files["metadata/1.root.json"])
    assert refused(station) == "too-long"
    assert given <= 1 << 26


def test_extraneous_dependencies_are_not_taken(repository: Repository, station: Verifier) -> None:
    """A release is what its own signed targets name: a file put beside them belongs to nothing."""
    repository.files["targets/mes/1.0.0/" + "0" * 64 + ".libevil.whl"] = b"evil"
    station.refresh()
    assert set(station.artifacts("mes", "1.0.0")) == {"release.json", "wheelhouse.tar"}
    with pytest.raises(Missing):
        station.fetch("mes", "1.0.0", "libevil.whl", io.BytesIO())


def test_mixed_states_are_refused(repository: Repository, station: Verifier) -> None:
    """Targets of one moment, snapshot and timestamp of another."""
    old = repository.copy()
    repository.add_targets({"mes/1.1.0/release.json": b"{}"})
    repository.publish()
    repository.files[f"metadata/{repository.targets.version}.targets.json"] = old.files[
        "metadata/1.targets.json"
    ]
    assert refused(station) in {"hash-mismatch", "version-rolled-back"}


def test_the_wrong_software_is_not_taken_for_the_right_one(repository: Repository, station: Verifier) -> None:
    """Another release that is signed, and good in itself, in the place of the one that is asked for."""
    repository.add_targets({"mes/0.9.0/release.json": b"{}", "mes/0.9.0/wheelhouse.tar": b"older."})
    repository.publish()
    station.refresh()
    asked = station.location("mes", "1.0.0", "wheelhouse.tar")
    repository.files[asked] = repository.files[station.location("mes", "0.9.0", "wheelhouse.tar")]
    with pytest.raises(Untrusted):
        station.read("mes", "1.0.0", "wheelhouse.tar")


def test_a_malicious_mirror_cannot_keep_a_station_from_an_honest_one(
    repository: Repository, tmp_path: Path
) -> None:
    hostile = repository.copy()
    hostile.files = dict.fromkeys(repository.files, b"evil")
    root = repository.files["metadata/1.root.json"]
    station = Verifier(tmp_path / "trust", [hostile, repository], root)
    (told,) = station.refresh().refused
    assert isinstance(told, Untrusted)
    assert station.read("mes", "1.0.0", "wheelhouse.tar") == CONTENT


def test_a_slow_or_silent_mirror_cannot_either(repository: Repository, tmp_path: Path) -> None:
    """How slowness is noticed: src/andon_wire/tests/test_sources.py."""

    class Slow(Repository):
        def pieces(self, path):
            raise Unreachable("source-too-slow", path)
            yield b""

    root = repository.files["metadata/1.root.json"]
    station = Verifier(tmp_path / "trust", [Slow(), repository], root)
    assert [each.code for each in station.refresh().refused] == ["source-too-slow"]
    with pytest.raises(Unreachable) as away:
        Verifier(tmp_path / "other", [Slow()], root).refresh()
    assert away.value.code == "source-too-slow"


@pytest.mark.parametrize("stolen", ["timestamp", "snapshot", "targets"])
def test_one_stolen_key_makes_no_release(repository: Repository, station: Verifier, stolen: str) -> None:
    """With that of targets alone, too: snapshot and timestamp must name what it signed."""
    station.refresh()
    thief = repository.signers[stolen]
    repository.add_targets({"mes/6.6.6/release.json": b"evil"})
    for role in ("targets", "snapshot", "timestamp"):
        honest, repository.signers[role] = repository.signers[role], thief
        repository.write(role)
        repository.signers[role] = honest
    assert refused(station) == "bad-signature"
    assert station.versions("mes") == ["1.0.0"]


def test_fewer_stolen_keys_than_the_threshold_make_no_root(repository: Repository, station: Verifier) -> None:
    repository.add_key("root")
    repository.add_key("root")
    repository.root.roles["root"].threshold = 2
    repository.next_root()
    station.refresh()
    thief = repository.signers["root"][:1]
    evil = Repository()
    evil.root.version = 3
    repository.files["metadata/3.root.json"] = signed(evil.root, [*thief, *evil.signers["root"]])
    assert refused(station) == "bad-signature"


def test_a_stolen_threshold_of_the_root_is_all_of_it(repository: Repository, station: Verifier) -> None:
    """What no client can prevent, so that nobody believes that this one does: SECURITY.md, keys.md."""
    station.refresh()
    former = repository.rotate("root")
    for role in ("timestamp", "snapshot", "targets"):
        repository.rotate(role)
    repository.next_root(*former)
    repository.add_targets({"mes/6.6.6/release.json": b"evil"})
    repository.publish()
    station.refresh()
    assert station.versions("mes") == ["1.0.0", "6.6.6"]

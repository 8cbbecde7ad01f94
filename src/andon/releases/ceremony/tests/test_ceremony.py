"""Ceremonies: what the holders did not sign does not happen, and what they did survives a crash."""

import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from andon.kernel.clock import ManualClock, SystemClock
from andon.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound, Untrusted
from andon.kernel.ids import UnitName, Version
from andon.releases import keys
from andon.releases.ceremony import request as requests
from andon.releases.ceremony.server import HERE, Ceremonies, Change, Outcome
from andon.releases.ceremony.status import Worry, standing
from andon.releases.client import Client
from andon.releases.layout import Layout
from andon.releases.model import Role
from andon.releases.publish import Publisher
from andon.testing.holders import Holder, a_holder, some_holders
from andon.testing.releases import a_release
from andon_wire.sources import FolderSource
from andon_wire.verify import Verifier

MES, FIRST, SECOND = UnitName("mes"), Version("1.0.0"), Version("1.1.0")
CONTENT = b"wheels " * 1000


class PowerCut(BaseException):
    """Not an Exception, so that nothing handles it."""


class _Changes:
    """Ends the program at a chosen change of the disk: ours are renames and removals."""

    def __init__(self) -> None:
        self.left: int | None = None
        sys.addaudithook(self._saw)

    def _saw(self, event: str, _arguments: tuple[Any, ...]) -> None:
        if event not in {"os.rename", "os.remove", "os.rmdir", "shutil.rmtree"} or self.left is None:
            return
        if self.left == 0:
            raise PowerCut
        self.left -= 1


_changes = _Changes()  # an audit hook cannot be taken off again, so there is one


@pytest.fixture
def cut_after() -> Iterator[Callable[[int | None], None]]:
    def set_to(count: int | None) -> None:
        _changes.left = count

    yield set_to
    _changes.left = None


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "home")
    keys.init_development(layout.home, SystemClock())
    Publisher(layout, SystemClock()).publish(*a_release(tmp_path))
    return layout


@pytest.fixture
def ceremonies(layout: Layout) -> Ceremonies:
    return Ceremonies(layout, SystemClock())


@pytest.fixture
def holders(tmp_path: Path) -> list[Holder]:
    return some_holders(tmp_path / "media")


def first_ceremony(holders: list[Holder]) -> Change:
    """From development keys to a plant's: 2 of 3 people, and fresh keys for all that stays here."""
    return Change(
        add=tuple(each.public for each in holders),
        remove=(HERE,),
        threshold=2,
        exchange=("targets", "snapshot", "timestamp"),
    )


@pytest.fixture
def plant(layout: Layout, ceremonies: Ceremonies, holders: list[Holder]) -> Layout:
    """A home whose root is kept by three people."""
    asked = ceremonies.propose(first_ceremony(holders), reason="first", by="kim")
    assert ceremonies.assemble([each.sign(asked.request) for each in holders[:2]]).missing == []
    return layout


def reads(layout: Layout) -> bytes:
    return Client(layout).read(MES, FIRST, Role.WHEELHOUSE)


def lacking(outcome: Outcome) -> dict[tuple[str, str], int]:
    return {(each.part, each.of): each.threshold - len(each.signed) for each in outcome.missing}


def test_the_first_ceremony_makes_a_plants_root_of_development_keys(
    tmp_path: Path, layout: Layout, ceremonies: Ceremonies, holders: list[Holder]
) -> None:
    before = {path.name for path in layout.keys.glob("*/*.pem")}
    asked = ceremonies.propose(first_ceremony(holders), reason="first", by="kim")
    assert lacking(asked) == {("root", "next"): 2}
    assert lacking(ceremonies.assemble([holders[0].sign(asked.request)])) == {("root", "next"): 1}
    assert lacking(ceremonies.assemble([holders[2].sign(asked.request)])) == {}
    assert not keys.is_development(layout.home)
    assert not (layout.keys / "root").exists()
    after = {path.name for path in layout.keys.glob("*/*.pem")}
    assert len(after - before) == 3
    assert len(after & before) == 1  # provenance
    assert reads(layout) == CONTENT
    Publisher(layout, SystemClock()).publish(*a_release(tmp_path, "1.1.0"))
    assert Client(layout).releases() == [(MES, FIRST), (MES, SECOND)]


def test_a_client_that_knows_the_former_root_follows(
    tmp_path: Path, layout: Layout, ceremonies: Ceremonies, holders: list[Holder]
) -> None:
    former = layout.pinned_root.read_bytes()
    station = Verifier(tmp_path / "trust", [FolderSource(layout.registry)], former)
    station.refresh()
    asked = ceremonies.propose(first_ceremony(holders), reason="first", by="kim")
    ceremonies.assemble([each.sign(asked.request) for each in holders])
    station.refresh()
    assert station.versions("mes") == ["1.0.0"]
    late = Verifier(tmp_path / "late", [FolderSource(layout.registry)], former)
    assert late.read("mes", "1.0.0", "wheelhouse.tar") == CONTENT


def test_a_home_trusts_no_root_whose_key_lay_on_it(plant: Layout) -> None:
    assert plant.pinned_root.read_bytes() == (plant.metadata / "2.root.json").read_bytes()
    (plant.metadata / "1.root.json").unlink()
    assert reads(plant) == CONTENT


@pytest.mark.parametrize("signing", [[], [0], [0, 0]])
def test_too_few_signatures_change_nothing(
    plant: Layout, ceremonies: Ceremonies, holders: list[Holder], signing: list[int]
) -> None:
    before = {path: path.read_bytes() for path in plant.registry.rglob("*.json")}
    asked = ceremonies.propose(Change(exchange=("timestamp",)), reason="stolen", by="kim")
    outcome = ceremonies.assemble([holders[each].sign(asked.request) for each in signing])
    assert outcome.missing
    assert {path: path.read_bytes() for path in plant.registry.rglob("*.json")} == before
    assert reads(plant) == CONTENT


def test_signatures_come_one_at_a_time_and_in_any_order(
    plant: Layout, ceremonies: Ceremonies, holders: list[Holder]
) -> None:
    asked = ceremonies.propose(Change(), reason="renewal", by="kim")
    assert ceremonies.assemble([holders[2].sign(asked.request)]).missing
    waiting = Ceremonies(plant, SystemClock()).waiting()
    assert waiting is not None
    assert lacking(waiting) == {("root", "former"): 1, ("root", "next"): 1}
    assert ceremonies.assemble([holders[0].sign(asked.request)]).missing == []
    assert ceremonies.waiting() is None
    assert (plant.metadata / "3.root.json").exists()


def test_a_signature_for_another_request_does_not_count(
    plant: Layout, ceremonies: Ceremonies, holders: list[Holder]
) -> None:
    former = ceremonies.propose(Change(exchange=("timestamp",)), reason="x", by="kim")
    signed = [each.sign(former.request) for each in holders]
    ceremonies.withdraw()
    ceremonies.propose(Change(exchange=("timestamp",)), reason="y", by="kim")
    outcome = ceremonies.assemble(signed)
    assert len(outcome.refused) == 3
    assert outcome.missing


def test_a_bad_signature_does_not_count(plant: Layout, ceremonies: Ceremonies, holders: list[Holder]) -> None:
    asked = ceremonies.propose(Change(), reason="renewal", by="kim")
    good = holders[0].sign(asked.request)
    other = holders[1].sign(asked.request)
    forged = requests.Signatures(good.fingerprint, other.key_id, dict(good.by_part))
    assert lacking(ceremonies.assemble([good, forged])) == {("root", "former"): 1, ("root", "next"): 1}


def test_a_stranger_cannot_sign(
    tmp_path: Path, plant: Layout, ceremonies: Ceremonies, holders: list[Holder]
) -> None:
    asked = ceremonies.propose(Change(), reason="renewal", by="kim")
    stranger = a_holder(tmp_path / "media", "stranger")
    with pytest.raises(Forbidden) as refused:
        stranger.sign(asked.request)
    assert refused.value.code == "not-a-holder"
    made_up = stranger.signer.sign(asked.request.payload("root")).signature
    outcome = ceremonies.assemble(
        [requests.Signatures(asked.request.fingerprint, stranger.public.keyid, {"root": made_up})]
    )
    assert len(outcome.refused) == 1


def test_a_holder_never_signs_two_roots_of_one_version(
    plant: Layout, ceremonies: Ceremonies, holders: list[Holder]
) -> None:
    asked = ceremonies.propose(Change(), reason="renewal", by="kim")
    first = holders[0].sign(asked.request)
    assert holders[0].sign(asked.request) == first
    ceremonies.withdraw()
    again = ceremonies.propose(Change(exchange=("timestamp",)), reason="other", by="kim")
    with pytest.raises(Conflict) as refused:
        holders[0].sign(again.request)
    assert refused.value.code == "signed-before"


def test_a_lost_holder_is_replaced_by_the_others(
    tmp_path: Path, plant: Layout, ceremonies: Ceremonies, holders: list[Holder]
) -> None:
    choi = a_holder(tmp_path / "media", "choi")
    asked = ceremonies.propose(Change(add=(choi.public,), remove=("park",)), reason="park left", by="kim")
    assert [each for each in requests.changes(asked.request) if each.startswith("root:")] == [
        f"root: no longer park ({holders[2].public.keyid[:8]})",
        f"root: from now on choi ({choi.public.keyid[:8]})",
    ]
    assert ceremonies.assemble([holders[0].sign(asked.request), choi.sign(asked.request)]).missing
    assert ceremonies.assemble([holders[1].sign(asked.request)]).missing == []
    with pytest.raises(Forbidden):
        holders[2].sign(ceremonies.propose(Change(), reason="x", by="kim").request)


def test_a_former_holder_and_the_next_one_are_not_enough_together(
    tmp_path: Path, plant: Layout, ceremonies: Ceremonies, holders: list[Holder]
) -> None:
    """Both thresholds count: two of the former three, and two of the next three."""
    choi, jung = a_holder(tmp_path / "media", "choi"), a_holder(tmp_path / "media", "jung")
    change = Change(add=(choi.public, jung.public), remove=("park", "lee"))
    asked = ceremonies.propose(change, reason="x", by="kim")
    outcome = ceremonies.assemble([each.sign(asked.request) for each in (holders[0], choi, jung)])
    assert lacking(outcome) == {("root", "former"): 1}
    assert ceremonies.assemble([holders[2].sign(asked.request)]).missing == []


@pytest.mark.parametrize("role", ["snapshot", "timestamp", "targets"])
def test_an_exchanged_key_signs_from_now_on_and_the_former_is_gone(
    tmp_path: Path, layout: Layout, ceremonies: Ceremonies, role: str
) -> None:
    """In development one command does it, as all keys are here."""
    former = {path.stem for path in (layout.keys / role).glob("*.pem")}
    assert ceremonies.propose(Change(exchange=(role,)), reason="x", by="kim").missing == []
    now = {path.stem for path in (layout.keys / role).glob("*.pem")}
    assert len(now) == 1
    assert not now & former
    assert reads(layout) == CONTENT
    Publisher(layout, SystemClock()).publish(*a_release(tmp_path, "1.1.0"))
    assert len(Client(layout).releases()) == 2


def test_a_lost_online_key_is_exchanged_without_it(
    plant: Layout, ceremonies: Ceremonies, holders: list[Holder]
) -> None:
    shutil.rmtree(plant.keys / "snapshot")
    assert {each.role: each.worry for each in standing(plant, SystemClock()).roles}["snapshot"] is Worry.KEYS
    asked = ceremonies.propose(Change(exchange=("snapshot",)), reason="disk failed", by="kim")
    assert ceremonies.assemble([each.sign(asked.request) for each in holders[:2]]).missing == []
    assert reads(plant) == CONTENT


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (Change(threshold=4), "bad-threshold"),
        (Change(threshold=0), "bad-threshold"),
        (Change(remove=("kim", "lee")), "bad-threshold"),
        (Change(remove=("nobody",)), "no-such-key"),
        (Change(remove=("",)), "no-such-key"),
        (Change(role="snapshot", threshold=1), "bad-role"),
        (Change(exchange=("root",)), "bad-role"),
    ],
)
def test_a_change_that_would_lock_everybody_out_is_refused(
    plant: Layout, ceremonies: Ceremonies, change: Change, code: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        ceremonies.propose(change, reason="x", by="kim")
    assert refused.value.code == code
    assert ceremonies.waiting() is None


def test_one_request_at_a_time(plant: Layout, ceremonies: Ceremonies, holders: list[Holder]) -> None:
    ceremonies.propose(Change(), reason="renewal", by="kim")
    with pytest.raises(Conflict, match="renewal"):
        ceremonies.propose(Change(), reason="again", by="kim")
    ceremonies.withdraw()
    with pytest.raises(NotFound):
        ceremonies.assemble([])


@pytest.fixture
def offline(plant: Layout, ceremonies: Ceremonies, holders: list[Holder]) -> Layout:
    """A home whose targets are kept by a person, too."""
    change = Change(role="targets", add=(holders[2].public,), remove=(HERE,))
    asked = ceremonies.propose(change, reason="targets offline", by="kim")
    assert set(asked.request.parts) == {"root", "targets"}
    assert lacking(ceremonies.assemble([each.sign(asked.request) for each in holders[:2]])) == {
        ("targets", "next"): 1
    }
    assert ceremonies.assemble([holders[2].sign(asked.request)]).missing == []
    return plant


def test_with_offline_targets_a_release_waits_for_their_holder(
    tmp_path: Path, offline: Layout, ceremonies: Ceremonies, holders: list[Holder]
) -> None:
    assert not (offline.keys / "targets").exists()
    publisher = Publisher(offline, SystemClock())
    for version in ("1.1.0", "1.2.0", "1.2.0"):
        with pytest.raises(Conflict) as refused:
            publisher.publish(*a_release(tmp_path, version))
        assert refused.value.code == "targets-wait"
    assert Client(offline).releases() == [(MES, FIRST)]
    waiting = ceremonies.waiting()
    assert waiting is not None
    assert [each for each in requests.changes(waiting.request) if each.startswith("adds")] == [
        "adds mes@1.1.0 (4 files)",
        "adds mes@1.2.0 (4 files)",
    ]
    assert ceremonies.assemble([holders[2].sign(waiting.request)]).missing == []
    assert [version for _, version in Client(offline).releases()] == ["1.0.0", "1.1.0", "1.2.0"]
    publisher.publish(*a_release(tmp_path, "1.2.0"))  # the pipeline's stage, when it runs again


def test_what_is_published_after_a_signature_needs_another(
    tmp_path: Path, offline: Layout, ceremonies: Ceremonies, holders: list[Holder]
) -> None:
    publisher = Publisher(offline, SystemClock())
    with pytest.raises(Conflict):
        publisher.publish(*a_release(tmp_path, "1.1.0"))
    waiting = ceremonies.waiting()
    assert waiting is not None
    signed = holders[2].sign(waiting.request)
    with pytest.raises(Conflict):
        publisher.publish(*a_release(tmp_path, "1.2.0"))
    outcome = ceremonies.assemble([signed])
    assert outcome.refused == [signed]
    assert outcome.missing


def test_offline_targets_can_come_back(
    tmp_path: Path, offline: Layout, ceremonies: Ceremonies, holders: list[Holder]
) -> None:
    asked = ceremonies.propose(Change(exchange=("targets",)), reason="too slow", by="kim")
    assert ceremonies.assemble([each.sign(asked.request) for each in holders[:2]]).missing == []
    Publisher(offline, SystemClock()).publish(*a_release(tmp_path, "1.1.0"))
    assert len(Client(offline).releases()) == 2


def test_a_request_that_was_overtaken_is_not_published(
    tmp_path: Path, plant: Layout, ceremonies: Ceremonies, holders: list[Holder]
) -> None:
    change = Change(role="targets", add=(holders[2].public,), remove=(HERE,))
    asked = ceremonies.propose(change, reason="targets offline", by="kim")
    Publisher(plant, SystemClock()).publish(*a_release(tmp_path, "1.1.0"))
    with pytest.raises(Conflict) as refused:
        ceremonies.assemble([each.sign(asked.request) for each in holders])
    assert refused.value.code == "request-outdated"


def test_the_offline_renewal_saves_a_root_that_has_run_out(tmp_path: Path) -> None:
    clock = ManualClock(SystemClock().now() - timedelta(days=400))
    layout, holders = Layout(tmp_path / "home"), some_holders(tmp_path / "media")
    keys.init_development(layout.home, clock)
    Publisher(layout, clock).publish(*a_release(tmp_path))
    ceremonies = Ceremonies(layout, clock)
    asked = ceremonies.propose(first_ceremony(holders), reason="first", by="kim")
    ceremonies.assemble([each.sign(asked.request) for each in holders])
    worries = []
    for days in (250, 50, 60, 40):
        clock.advance(timedelta(days=days))
        Publisher(layout, clock).refresh()
        root = standing(layout, clock).roles[0]
        worries.append(root.worry)
        assert (root.advice == "") == (root.worry is Worry.NONE)
    assert worries == [Worry.NONE, Worry.SOON, Worry.LATE, Worry.OVER]
    with pytest.raises(Untrusted) as refused:
        Client(layout).releases()
    assert refused.value.code == "metadata-expired"
    asked = ceremonies.propose(Change(), reason="renewal", by="kim")
    ceremonies.assemble([each.sign(asked.request) for each in holders[1:]])
    assert reads(layout) == CONTENT
    assert standing(layout, clock).worst.worry is Worry.NONE


def test_a_power_cut_anywhere_in_a_ceremony_leaves_a_registry_that_verifies(
    tmp_path: Path, layout: Layout, holders: list[Holder], cut_after: Callable[[int | None], None]
) -> None:
    """For who knows the former root and for who knows the next; and doing it again finishes it."""
    former = layout.pinned_root.read_bytes()
    asked = Ceremonies(layout, SystemClock()).propose(first_ceremony(holders), reason="first", by="kim")
    signed = [each.sign(asked.request) for each in holders[:2]]
    for changes in range(200):
        home = tmp_path / f"cut-{changes}"
        shutil.copytree(layout.home, home)
        copy = Layout(home)
        cut_after(changes)
        try:
            Ceremonies(copy, SystemClock()).assemble(signed)
        except PowerCut:
            finished = False
        else:
            finished = True
        cut_after(None)
        station = Verifier(tmp_path / f"trust-{changes}", [FolderSource(copy.registry)], former)
        assert station.read("mes", "1.0.0", "wheelhouse.tar") == CONTENT
        assert reads(copy) == CONTENT
        if finished:
            break
        if Ceremonies(copy, SystemClock()).waiting() is not None:
            assert Ceremonies(copy, SystemClock()).assemble(signed).missing == []
        Publisher(copy, SystemClock()).publish(*a_release(tmp_path, "1.1.0"))
        assert station.refresh().refused == ()
        assert station.versions("mes") == ["1.0.0", "1.1.0"]
        assert not (copy.keys / "root").exists()
        assert not keys.is_development(home)
    assert finished
    assert changes > 15


def test_with_offline_targets_a_revocation_waits_for_their_holder_too(
    tmp_path: Path, offline: Layout, ceremonies: Ceremonies, holders: list[Holder]
) -> None:
    publisher = Publisher(offline, SystemClock())
    with pytest.raises(Conflict):
        publisher.publish(*a_release(tmp_path, "1.1.0"))
    with pytest.raises(Conflict):
        publisher.revoke(MES, FIRST, b"loses serials")
    waiting = ceremonies.waiting()
    assert waiting is not None
    assert requests.changes(waiting.request)[1:] == [
        "adds mes@1.0.0 (1 files)",
        "adds mes@1.1.0 (4 files)",
        "takes away mes@1.0.0 (1 files)",
    ]
    assert waiting.request.reason == "publish mes@1.1.0; revoke mes@1.0.0"
    ceremonies.assemble([holders[2].sign(waiting.request)])
    assert Client(offline).releases() == [(MES, SECOND)]

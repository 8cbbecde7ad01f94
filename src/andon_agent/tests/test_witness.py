"""A station remembers the timeline, and notices when it is shown another one."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon_agent.witness import MOST_SEEN, Judged, Proof, TimelineWitness
from andon_wire import merkle
from andon_wire.cosigning import Signer
from andon_wire.disk import RealDisk
from andon_wire.note import LOG_KEY, Checkpoint, Note

pytestmark = pytest.mark.component

LOG, OTHER = (Signer.generate("andon/plant", LOG_KEY) for _ in range(2))


def leaves(count: int, history: str = "one") -> list[bytes]:
    return [merkle.leaf_hash(f"{history} {n}".encode()) for n in range(count)]


def a_note(size: int, history: str = "one", signer: Signer = LOG) -> str:
    text = Checkpoint("andon/plant", size, merkle.root(leaves(size, history))).text
    return str(Note(text, (signer.sign(text),)))


def a_proof(old: int, new: int, history: str = "one") -> Proof:
    return Proof(old, tuple(merkle.proof(leaves(new, history), merkle.consistency_ranges(old, new))))


def a_witness(folder: Path) -> TimelineWitness:
    return TimelineWitness(folder, [str(LOG.key)], RealDisk())


def test_the_newest_is_kept_over_a_restart(tmp_path: Path) -> None:
    witness = a_witness(tmp_path)
    assert witness.newest == ""
    assert witness.show(a_note(5)).judged is Judged.KEPT
    assert witness.show(a_note(9), a_proof(5, 9)).judged is Judged.KEPT
    assert witness.show(a_note(9)).judged is Judged.KNOWN
    assert witness.show(a_note(7)).judged is Judged.OLDER
    assert a_witness(tmp_path).newest == a_note(9)


def test_two_histories_of_one_size_are_a_split_view_and_both_are_evidence(tmp_path: Path) -> None:
    witness = a_witness(tmp_path)
    witness.show(a_note(5))
    found = witness.show(a_note(5, "two"))
    assert found.judged is Judged.SPLIT
    assert found.is_new
    assert found.against == a_note(5)
    assert "first 5 records" in found.reason
    kept = (tmp_path / "split-1").read_text()
    assert all(part in kept for part in (a_note(5).split("\n")[2], a_note(5, "two").split("\n")[2]))
    assert witness.newest == a_note(5)
    assert not a_witness(tmp_path).show(a_note(5, "two")).is_new


def test_a_history_that_does_not_continue_what_was_seen_is_a_split_view(tmp_path: Path) -> None:
    witness = a_witness(tmp_path)
    witness.show(a_note(5))
    found = witness.show(a_note(9, "two"), a_proof(5, 9, "two"))
    assert found.judged is Judged.SPLIT
    assert witness.newest == a_note(5)


def test_an_old_checkpoint_still_contradicts(tmp_path: Path) -> None:
    """Who shows the true history in between is found out by what was remembered."""
    witness = a_witness(tmp_path)
    for size in (5, 9, 14):
        witness.show(a_note(size))
    assert witness.show(a_note(9, "two")).judged is Judged.SPLIT


def test_without_a_signature_of_the_timeline_nothing_is_kept(tmp_path: Path) -> None:
    witness = a_witness(tmp_path)
    assert witness.show(a_note(5, signer=OTHER)).judged is Judged.UNSIGNED
    altered = a_note(5).replace("\n5\n", "\n6\n")
    assert witness.show(altered).judged is Judged.UNSIGNED
    assert witness.newest == ""
    trusting = TimelineWitness(tmp_path / "trusting", [], RealDisk())
    assert trusting.show(a_note(5, signer=OTHER)).judged is Judged.KEPT


def test_memory_is_bounded_and_keeps_the_newest_and_the_oldest(tmp_path: Path) -> None:
    witness = a_witness(tmp_path)
    for size in range(1, 2 * MOST_SEEN):
        witness.show(a_note(size))
    assert len(witness._seen) <= MOST_SEEN
    assert witness.newest == a_note(2 * MOST_SEEN - 1)
    assert witness._seen[-1][1].size < MOST_SEEN // 2


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=200), st.binary(max_size=200))
def test_any_text_and_any_file_are_survived(
    tmp_path_factory: pytest.TempPathFactory, text: str, kept: bytes
) -> None:
    folder = tmp_path_factory.mktemp("witness")
    (folder / "seen").write_bytes(kept)
    witness = a_witness(folder)
    assert witness.show(text).judged is Judged.MALFORMED
    assert witness.show(a_note(3)).judged is Judged.KEPT

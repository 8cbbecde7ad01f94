"""The tree against the test vectors of RFC 6962's implementations, and against its plain definition."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon_wire import merkle

# Leaves and roots of the test tree that certificate-transparency implementations share.
LEAVES = [
    b"", b"\x00", b"\x10", b" !", b"01", b"@ABC", b"PQRSTUVW", b"`abcdefghijklmno",
]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def leaves(count: int) -> list[bytes]:
    return [merkle.leaf_hash(str(n).encode()) for n in range(count)]


def defined(own: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word for word."""
    if len(own) == 1:
        return own[0]
    k = 1
    while k * 2 < len(own):
        k *= 2
    return merkle.node_hash(defined(own[:k]), defined(own[k:]))


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_shared_vectors(size: int) -> None:
    hashed = [merkle.leaf_hash(each) for each in LEAVES[:size]]
    assert merkle.root(hashed).hex() == ROOTS[size - 1]


def test_a_tree_without_leaves_has_the_root_of_nothing() -> None:
    assert merkle.root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_the_shared_proofs() -> None:
    hashed = [merkle.leaf_hash(each) for each in LEAVES]
    path = merkle.proof(hashed, merkle.inclusion_ranges(0, 8))
    assert [each.hex() for each in path] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]
    path = merkle.proof(hashed, merkle.consistency_ranges(6, 8))
    assert [each.hex() for each in path] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


@given(st.lists(st.integers(0, 600), min_size=1, max_size=6))
def test_a_range_grown_and_joined_in_any_pieces_is_the_whole(pieces: list[int]) -> None:
    all_leaves = leaves(sum(pieces))
    grown, joined, at = merkle.Range(), merkle.Range(), 0
    for each in pieces:
        grown.extend(all_leaves[at : at + each])
        part = merkle.Range(at, at)
        part.extend(all_leaves[at : at + each])
        joined.join(part)
        at += each
    assert grown.hashes() == joined.hashes()
    assert merkle.Range.kept(grown.end, grown.hashes()) == grown
    if all_leaves:
        assert grown.root() == defined(all_leaves)


def test_tiles_are_told_once_when_they_are_complete() -> None:
    all_leaves, grown, told = leaves(256 * 3 + 7), merkle.Range(), []
    for at in range(0, len(all_leaves), 100):
        told += grown.extend(all_leaves[at : at + 100])
    assert told == [merkle.Node(8, n, defined(all_leaves[256 * n : 256 * (n + 1)])) for n in range(3)]


def test_every_small_proof_holds_and_holds_for_nothing_else() -> None:
    most = 33
    all_leaves = leaves(most)
    roots = [merkle.root(all_leaves[:n]) for n in range(most + 1)]
    for new in range(most + 1):
        for old in range(new + 1):
            path = merkle.proof(all_leaves, merkle.consistency_ranges(old, new))
            assert merkle.is_consistent((old, roots[old]), (new, roots[new]), path)
            if old > 0:
                wrong = roots[old - 1]
                assert not merkle.is_consistent((old, wrong), (new, roots[new]), path)
                assert not merkle.is_consistent((old, roots[old]), (new, wrong), path)
                assert not merkle.is_consistent((old, roots[old]), (new, roots[new]), [*path, wrong])
                if path:
                    assert not merkle.is_consistent((old, roots[old]), (new, roots[new]), path[:-1])
        for index in range(new):
            path = merkle.proof(all_leaves, merkle.inclusion_ranges(index, new))
            assert merkle.is_included(all_leaves[index], index, (new, roots[new]), path)
            assert not merkle.is_included(roots[0], index, (new, roots[new]), path)
            assert not merkle.is_included(all_leaves[index], index, (new, roots[new]), [*path, roots[0]])
            other = (index + 1) % new
            if other != index:
                assert not merkle.is_included(all_leaves[index], other, (new, roots[new]), path)


def test_a_larger_tree_is_not_the_beginning_of_a_smaller() -> None:
    assert not merkle.is_consistent((3, b""), (2, b""), [])
    with pytest.raises(ValueError, match="does not contain"):
        merkle.consistency_ranges(3, 2)
    with pytest.raises(ValueError, match="no leaf"):
        merkle.inclusion_ranges(2, 2)


def test_a_range_refuses_what_does_not_follow() -> None:
    with pytest.raises(ValueError, match="missing"):
        merkle.Range().join(merkle.Range(1, 2))
    with pytest.raises(ValueError, match="begins at leaf 0"):
        merkle.Range(1, 1).root()
    with pytest.raises(ValueError, match="is kept as 2"):
        merkle.Range.kept(3, [b""])

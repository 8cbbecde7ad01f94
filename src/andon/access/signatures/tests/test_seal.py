"""Seals: every field is under them, keys are rotated without loss, and a bad key file is named."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.access.signatures import seal
from andon.access.signatures.model import Action, Document, Meaning, Signature, Standing
from andon.access.signatures.seal import Sealer
from andon.kernel.errors import Conflict, Damaged, Forbidden, NotFound
from andon.testing.signing import Hand

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HAND = Hand()
DOCUMENT = Document(Action.ABORT, "rollout/ro-1", {"plan": "abc", "share": 0.1, "stable": None})
SIGNED = HAND.sign(DOCUMENT, "lee", AT)


def of(signature: Signature, present: Document | None = None) -> Standing:
    return HAND.sealer.standing(signature, present)


def test_a_signature_is_valid_for_what_was_signed_and_unsigned_for_anything_else() -> None:
    assert of(SIGNED) is of(SIGNED, DOCUMENT) is Standing.VALID
    edited = replace(DOCUMENT, values={**DOCUMENT.values, "plan": "abd"})
    assert of(SIGNED, edited) is Standing.UNSIGNED
    assert of(SIGNED, replace(DOCUMENT, subject="rollout/ro-2")) is Standing.UNSIGNED
    assert of(SIGNED, replace(DOCUMENT, action=Action.PROMOTE)) is Standing.UNSIGNED


TEXT = st.text(max_size=40)
EDITS: dict[str, st.SearchStrategy[Any]] = {
    "id": TEXT,
    "document_hash": st.text("0123456789abcdef", min_size=64, max_size=64),
    "signer_id": TEXT,
    "signer": TEXT,
    "display_name": TEXT,
    "meaning": st.sampled_from(Meaning),
    "reason": TEXT,
    "at": st.datetimes().map(lambda each: each.replace(tzinfo=UTC)),
    "method": TEXT,
    "seal": TEXT
    | st.just(HAND.sign(DOCUMENT, "max", AT).seal)
    | st.just(Hand().sign(DOCUMENT, "lee", AT).seal),
    "document": st.builds(
        Document,
        st.sampled_from(Action),
        st.sampled_from(["rollout/ro-1", "rollout/ro-2"]) | TEXT,
        st.dictionaries(TEXT, st.none() | st.booleans() | st.integers() | TEXT, max_size=3),
    ),
}


def test_every_field_of_a_signature_is_edited_here() -> None:
    assert set(EDITS) == set(Signature.__slots__)


@pytest.mark.part11("11.70")
@pytest.mark.parametrize("field", sorted(EDITS))
def test_a_signature_with_any_field_edited_is_forged(field: str) -> None:
    @settings(deadline=None, max_examples=60)
    @given(EDITS[field])
    def check(value: Any) -> None:
        edited = replace(SIGNED, **{field: value})
        if edited != SIGNED:
            assert of(edited) is of(edited, DOCUMENT) is Standing.FORGED

    check()


@pytest.mark.part11("11.70")
def test_a_signature_that_is_moved_with_its_hash_made_to_fit_is_forged() -> None:
    elsewhere = replace(DOCUMENT, subject="rollout/ro-2")
    moved = replace(SIGNED, document=elsewhere, document_hash=elsewhere.hash)
    assert of(moved, elsewhere) is Standing.FORGED


def test_a_seal_over_a_hash_that_is_not_the_documents_is_no_signature() -> None:
    odd = replace(SIGNED, document_hash="0" * 64)
    assert of(replace(odd, seal=HAND.sealer.seal(odd))) is Standing.FORGED


def test_the_time_is_the_same_moment_in_any_zone_only_as_it_was_written() -> None:
    assert of(replace(SIGNED, at=SIGNED.at + timedelta(microseconds=1))) is Standing.FORGED


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "keys" / "signatures.key"
    seal.make(made)
    return made


def test_a_key_is_made_once_and_for_its_owner_alone(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_bytes()
    with pytest.raises(Conflict, match="is there already"):
        seal.make(path)
    assert path.read_bytes() == before


@pytest.mark.asvs("11.2.2")
def test_a_rotated_key_seals_anew_and_old_seals_stay_valid(path: Path) -> None:
    ages = [Hand(Sealer.load(path))]
    for _ in range(2):
        name = seal.rotate(path)
        ages.append(Hand(Sealer.load(path)))
        assert seal.key_id(ages[-1].sealer.public_keys[0]) == name
    assert len(ages[-1].sealer.public_keys) == 3
    for hand in ages:
        assert ages[-1].sealer.standing(hand.sign(DOCUMENT, "lee", AT)) is Standing.VALID
    assert ages[0].sealer.standing(ages[1].sign(DOCUMENT, "lee", AT)) is Standing.FORGED
    assert path.read_bytes().count(b"PRIVATE KEY") == 2  # begin and end of one: former keys sign nothing
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_key_that_cannot_be_used_is_named(path: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no key"):
        Sealer.load(tmp_path / "none")
    path.chmod(0o640)
    with pytest.raises(Forbidden, match="others may read"):
        Sealer.load(path)
    path.chmod(0o600)
    content = path.read_bytes()
    for damage in (b"", b"-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"):
        path.write_bytes(damage)
        with pytest.raises(Damaged, match="does not hold keys"):
            Sealer.load(path)
    path.write_bytes(content + _EC_PUBLIC)
    with pytest.raises(Damaged, match="of another kind"):
        Sealer.load(path)


def _ec_public() -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


_EC_PUBLIC = _ec_public()

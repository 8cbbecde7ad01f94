"""Signatures against RFC 8032's vectors, against `cryptography`, and against what must be refused."""

import hashlib
import random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from andon_wire import cosigning, ed25519

ORDER = 2**252 + 27742317777372353535851937790883648493
P = 2**255 - 19
# RFC 8032, section 7.1: TEST 1, 2, 3 and SHA(abc); public key, message, both halves of the signature.
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155",
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da",
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac",
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        hashlib.sha512(b"abc").hexdigest(),
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589",
        "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
]


def parts(vector: tuple[str, str, str, str]) -> tuple[bytes, bytes, bytes]:
    key, message, first, second = map(bytes.fromhex, vector)
    return key, message, first + second


@pytest.mark.parametrize("vector", VECTORS, ids=["1", "2", "3", "abc"])
def test_the_vectors_of_the_rfc_hold(vector: tuple[str, str, str, str]) -> None:
    key, message, signature = parts(vector)
    assert ed25519.verify(key, signature, message)
    assert not ed25519.verify(key, signature, message + b"x")


@pytest.mark.asvs("11.2.1")
def test_it_agrees_with_the_library_on_thousands() -> None:
    """Half of them with a random bit turned, in key, message or signature."""
    chance = random.Random(1)
    agreed = {True: 0, False: 0}
    for _ in range(1000):
        private = Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
        message = chance.randbytes(chance.randrange(0, 200))
        given = [private.public_key().public_bytes_raw(), private.sign(message), message]
        for turned in (False, True):
            if turned:
                part = chance.choice([0, 1, 2] if message else [0, 1])
                changed = bytearray(given[part])
                changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
                given[part] = bytes(changed)
            expected = cosigning.check(*given)
            assert ed25519.verify(*given) is expected, [each.hex() for each in given]
            agreed[expected] += 1
    assert agreed == {True: 1000, False: 1000}


def test_a_second_form_of_the_same_signature_is_refused() -> None:
    key, message, signature = parts(VECTORS[1])
    s = int.from_bytes(signature[32:], "little")
    assert not ed25519.verify(key, signature[:32] + (s + ORDER).to_bytes(32, "little"), message)


@pytest.mark.parametrize(
    "point",
    [
        (P + 1).to_bytes(32, "little"),  # y = 1, written as p + 1
        (1 | 1 << 255).to_bytes(32, "little"),  # x = 0 with a sign
        (2).to_bytes(32, "little"),  # no point has this y
        b"\xff" * 32,
    ],
)
def test_a_key_that_is_no_point_or_another_form_of_one_is_refused(point: bytes) -> None:
    for _, message, signature in map(parts, VECTORS):
        assert not ed25519.verify(point, signature, message)


def test_other_lengths_are_refused() -> None:
    key, message, signature = parts(VECTORS[0])
    assert not ed25519.verify(key[:-1], signature, message)
    assert not ed25519.verify(key, signature + b"\0", message)

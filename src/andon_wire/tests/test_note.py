"""Notes: C2SP's own examples, and that nothing but the one form is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon_wire.cosigning import Signer, check
from andon_wire.note import (
    COSIGNER_KEY,
    LOG_KEY,
    Checkpoint,
    Key,
    Malformed,
    Note,
    Signature,
    cosigned_text,
    decimal,
    hash_of,
    vouched,
)

# golang.org/x/mod/sumdb/note, the implementation that the specification describes.
PETER = Key.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
PETERS_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcE"
    "lZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
EXAMPLE = (
    "example.com/behind-the-sofa\n"
    "20852163\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurm"
    "RDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeo"
    "lMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)
LOG = Signer.generate("andon/test", LOG_KEY)
WITNESS = Signer.generate("line-1", COSIGNER_KEY)
CHECKPOINT = Checkpoint("andon/test", 7, bytes(range(32)))


def test_a_note_of_another_implementation_holds() -> None:
    note = Note.parse(PETERS_NOTE)
    assert str(note) == PETERS_NOTE
    assert vouched(note, PETER) == vouched(note, PETER, check) is not None
    with pytest.raises(Malformed, match="does not hold"):
        vouched(Note(note.text + "more\n", note.signatures), PETER)


def test_the_example_of_the_specification_is_read_and_written_the_same() -> None:
    note = Note.parse(EXAMPLE)
    checkpoint = Checkpoint.parse(note.text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text == note.text
    assert str(note) == EXAMPLE
    assert int.from_bytes(note.signatures[1].blob[:8], "big") == 1679315147


def test_log_and_witness_sign_one_note() -> None:
    note = Note(CHECKPOINT.text, (LOG.sign(CHECKPOINT.text), WITNESS.sign(CHECKPOINT.text, 1_700_000_000)))
    for verify in (check, None):
        extra = (verify,) if verify else ()
        own, cosigned = vouched(note, LOG.key, *extra), vouched(note, WITNESS.key, *extra)
        assert own is not None
        assert cosigned is not None
        assert cosigned.at == 1_700_000_000
    assert Note.parse(str(note)) == note
    assert vouched(note, Signer.generate("andon/test", LOG_KEY).key) is None
    assert note.with_signatures(note.signatures[0]) == note


def test_a_cosignature_does_not_hold_for_another_time() -> None:
    signed = WITNESS.sign(CHECKPOINT.text, 1000)
    later = Signature(signed.name, signed.key_id, (1001).to_bytes(8, "big") + signed.blob[8:])
    with pytest.raises(Malformed, match="does not hold"):
        vouched(Note(CHECKPOINT.text, (later,)), WITNESS.key)
    assert cosigned_text("a\n", 5) == "cosignature/v1\ntime 5\na\n"


def test_a_key_is_written_and_read_the_same() -> None:
    for key in (LOG.key, WITNESS.key, PETER):
        assert Key.parse(str(key)) == key


@pytest.mark.parametrize(
    "text",
    ["", "a+b", str(LOG.key).replace("andon/test", "andon/best"), f"{LOG.key}x", "a b+00000000+AQ==", "a+b+"],
    ids=[
        "nothing",
        "two parts",
        "another name",
        "too long",
        "a space in it",
        "no key",
    ],  # a key is new each time
)
def test_what_is_not_a_key_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        Key.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "a\n1\n",
        "a\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n-1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n١\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n",  # bits that mean nothing are set
        "a\n1\nAAAA\n",
        "\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\nx\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=",
    ],
)
def test_what_is_not_a_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "text\n",
        "text\n\n",
        PETERS_NOTE.rstrip("\n"),
        PETERS_NOTE.replace("\n\n", "\n"),
        PETERS_NOTE.replace("— P", "- P"),
        PETERS_NOTE.replace("If", "\tIf"),
        PETERS_NOTE.replace("If", "\ud800"),
        PETERS_NOTE + "— a b c\n",
        "a\n\n" + LOG.sign("a\n").line * 65,
        "a" * (1 << 20) + "\n\n" + LOG.sign("a\n").line,
    ],
)
def test_what_is_not_a_note_is_refused(raw: str) -> None:
    with pytest.raises(Malformed):
        Note.parse(raw)


@given(st.text() | st.sampled_from([PETERS_NOTE, EXAMPLE]), st.data())
def test_any_text_is_read_as_exactly_itself_or_refused(raw: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(raw)))
    changed = raw[:at] + data.draw(st.text(max_size=3)) + raw[at + data.draw(st.integers(0, 2)) :]
    try:
        note = Note.parse(changed)
    except Malformed:
        return
    assert str(note) == changed


@given(st.text())
def test_any_checkpoint_is_read_as_exactly_itself_or_refused(text: str) -> None:
    for each in (text, f"o\n{text}\n{text}\n", f"{text}\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"):
        try:
            assert Checkpoint.parse(each).text == each
        except Malformed:
            continue


@pytest.mark.parametrize("text", ["", "01", "+1", "1 ", "٣"])
def test_numbers_have_one_form(text: str) -> None:
    with pytest.raises(Malformed):
        decimal(text)


def test_a_hash_is_32_bytes() -> None:
    assert hash_of("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")[:1] == b"\x0a"
    with pytest.raises(Malformed):
        hash_of("AAAA")


def test_a_key_of_another_kind_is_refused() -> None:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    other = X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for pem in (other, b"", b"nonsense"):
        with pytest.raises(Malformed):
            Signer.load("andon/test", LOG_KEY, pem)
    assert Signer.load("andon/test", LOG_KEY, LOG.pem()).key == LOG.key
    assert "PRIVATE" not in repr(LOG)

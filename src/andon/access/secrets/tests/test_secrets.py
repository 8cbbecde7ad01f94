"""Secrets are kept, opened by their own name only, rotated under way, and never shown."""

import json
import stat
from datetime import timedelta
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st
from sqlalchemy import select, update

from andon.access.secrets import seal
from andon.access.secrets.keyfile import KeyFile
from andon.access.secrets.model import MOST_BYTES, secret_name
from andon.access.secrets.store import SecretStore, secrets
from andon.kernel.clock import ManualClock
from andon.kernel.errors import Conflict, Damaged, Forbidden, InvalidInput, NotFound
from andon.store.engine import Database
from andon.timeline.records import Severity
from andon.timeline.store import Filter, TimelineStore

WHO = {"actor": "kim", "reason": "new mail server"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "secrets.key"


@pytest.fixture
def store(database: Database, path: Path) -> SecretStore:
    return SecretStore(database, KeyFile(path), ManualClock())


async def test_a_secret_comes_back_as_it_was_put(store: SecretStore) -> None:
    for value in ("hunter2", "비밀번호", "line\nline", "x" * MOST_BYTES):
        await store.put("ldap.bind", value, **WHO)
        assert await store.get("ldap.bind") == value


@pytest.mark.asvs("11.3.2", "13.3.1")
async def test_the_database_holds_neither_value_nor_key(
    store: SecretStore, path: Path, tmp_path: Path
) -> None:
    await store.put("ldap.bind", "hunter2-hunter2", **WHO)
    keys = await KeyFile(path).read()
    there = b"".join(each.read_bytes() for each in tmp_path.glob("andon.db*"))
    assert b"ldap.bind" in there
    assert b"hunter2" not in there
    assert keys.known[keys.primary] not in there
    assert b"hunter2" not in path.read_bytes()


async def test_the_list_names_who_and_when_and_no_value(store: SecretStore) -> None:
    await store.put("smtp.password", "s3cr3t", **WHO)
    await store.put("ldap.bind", "hunter2", **WHO)
    listed = await store.list()
    assert [(each.name, each.updated_by) for each in listed] == [
        ("ldap.bind", "kim"),
        ("smtp.password", "kim"),
    ]
    assert "hunter2" not in repr(listed)


async def test_every_change_is_told_without_its_value(store: SecretStore, database: Database) -> None:
    await store.put("ldap.bind", "hunter2", **WHO)
    await store.rotate(actor="lee", reason="somebody left")
    await store.delete("ldap.bind", actor="lee", reason="no directory any more")
    records = await TimelineStore(database).list(Filter(), newest_first=False)
    assert [(each.event.kind, each.event.subject, each.event.actor) for each in records] == [
        ("secret.put", "secret/ldap.bind", "kim"),
        ("secret.rotated", "secrets", "lee"),
        ("secret.deleted", "secret/ldap.bind", "lee"),
    ]
    assert "hunter2" not in repr(records)


async def test_what_is_not_there_is_not_found(store: SecretStore) -> None:
    for call in (store.get("none"), store.delete("none", **WHO)):
        with pytest.raises(NotFound):
            await call
    await store.put("ldap.bind", "hunter2", **WHO)
    await store.delete("ldap.bind", **WHO)
    with pytest.raises(NotFound):
        await store.get("ldap.bind")


@pytest.mark.parametrize("name", ["", "A", "a..b", "-a", "a-", "a b", "a/b", "x" * 81, "키", "a\n"])
async def test_what_is_no_name_is_refused(store: SecretStore, name: str) -> None:
    with pytest.raises(InvalidInput):
        await store.put(name, "x", **WHO)


@pytest.mark.parametrize("value", ["", "x" * (MOST_BYTES + 1), "secret\ud800"])
async def test_a_value_that_cannot_be_kept_is_refused_and_not_shown(store: SecretStore, value: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await store.put("ldap.bind", value, **WHO)
    assert caught.value.__cause__ is None
    assert "secret\ud800" not in repr(caught.value)


@pytest.mark.asvs("11.3.3")
async def test_a_row_moved_to_another_name_does_not_open_and_alerts_once(
    store: SecretStore, database: Database
) -> None:
    await store.put("webhook.attacker", "known", **WHO)
    await store.put("ldap.bind", "hunter2", **WHO)
    async with database.transaction() as tx:
        stolen = (await tx.execute(select(secrets).where(secrets.c.name == "webhook.attacker"))).one()
        moved = update(secrets).where(secrets.c.name == "ldap.bind")
        await tx.execute(moved.values(nonce=stolen.nonce, ciphertext=stolen.ciphertext))
    for _ in range(3):
        with pytest.raises(Damaged) as caught:
            await store.get("ldap.bind")
        assert caught.value.code == "secret-damaged"
    alerts = await TimelineStore(database).list(Filter(severity=Severity.ALERT))
    assert [each.event.kind for each in alerts] == ["secret.damaged"]
    assert await store.list_unreadable() == ["ldap.bind"]
    await store.put("ldap.bind", "hunter3", **WHO)
    assert await store.get("ldap.bind") == "hunter3"


async def test_a_damaged_row_stops_a_rotation_which_keeps_its_key(store: SecretStore, database, path) -> None:
    await store.put("a", "one", **WHO)
    await store.put("b", "two", **WHO)
    async with database.transaction() as tx:
        await tx.execute(update(secrets).where(secrets.c.name == "a").values(ciphertext=b"x" * 32))
    with pytest.raises(Damaged):
        await store.rotate(**WHO)
    assert len((await KeyFile(path).read()).known) == 2
    assert await store.get("b") == "two"
    await store.delete("a", **WHO)
    await store.rotate(**WHO)
    assert len((await KeyFile(path).read()).known) == 1
    assert await store.get("b") == "two"


@pytest.mark.asvs("11.2.2")
async def test_a_rotation_encrypts_everything_anew_and_drops_the_old_key(store: SecretStore, path) -> None:
    for number in range(4):
        await store.put(f"s{number}", f"value {number}", **WHO)
    before = await KeyFile(path).read()
    done = await store.rotate(**WHO)
    after = await KeyFile(path).read()
    assert (done.encrypted, done.dropped, done.key_id) == (4, (before.primary,), after.primary)
    assert list(after.known) == [after.primary] != [before.primary]
    assert {each.key_id for each in await store.list()} == {after.primary}
    assert [await store.get(f"s{number}") for number in range(4)] == [f"value {n}" for n in range(4)]


async def test_two_rotations_at_once_are_refused(database: Database, path: Path) -> None:
    one, other = KeyFile(path), SecretStore(database, KeyFile(path), ManualClock())
    await other.put("a", "b", **WHO)
    with one.rotating(), pytest.raises(Conflict) as caught:
        await other.rotate(**WHO)
    assert caught.value.code == "rotation-under-way"
    await other.rotate(**WHO)


async def test_a_lost_key_file_is_named_and_never_made_anew_over_secrets(
    store: SecretStore, path: Path
) -> None:
    await store.put("ldap.bind", "hunter2", **WHO)
    kept = path.rename(path.with_name("elsewhere"))
    calls = (store.get("ldap.bind"), store.put("other", "x", **WHO), store.list_unreadable())
    for call in calls[:2]:
        with pytest.raises(Damaged) as caught:
            await call
        assert caught.value.code == "secrets-key-missing"
        assert str(path) in caught.value.message
        assert "secrets.md" in caught.value.hint
    assert await calls[2] == ["ldap.bind"]
    assert not path.exists()
    kept.rename(path)
    assert await store.get("ldap.bind") == "hunter2"


async def test_after_the_key_was_lost_for_good_deleting_and_setting_again_helps(
    store: SecretStore, path
) -> None:
    await store.put("ldap.bind", "hunter2", **WHO)
    path.unlink()
    await store.delete("ldap.bind", **WHO)
    await store.put("ldap.bind", "hunter3", **WHO)
    assert await store.get("ldap.bind") == "hunter3"


async def test_another_installations_key_file_is_told_from_damage(store: SecretStore, path: Path) -> None:
    await store.put("ldap.bind", "hunter2", **WHO)
    path.unlink()
    await KeyFile(path).create()
    with pytest.raises(Damaged) as caught:
        await store.get("ldap.bind")
    assert caught.value.code == "secrets-key-missing"


async def test_a_key_file_is_its_owners_alone(store: SecretStore, path: Path) -> None:
    await store.put("ldap.bind", "hunter2", **WHO)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o640)
    for call in (store.get("ldap.bind"), store.put("a", "b", **WHO), store.rotate(**WHO)):
        with pytest.raises(Forbidden) as caught:
            await call
        assert caught.value.hint.startswith(f"chmod 600 {path}")


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b'{"primary":"a","keys":{}}', b'{"primary":"a","keys":{"a":"c2hvcnQ="}}', b"\xff",
     b'{"primary":"a","keys":{"a":"not base64!"}}', b'{"primary":"b","keys":{"a":"' + b"A" * 43 + b'="}}'],
)  # fmt: skip
async def test_a_key_file_that_we_did_not_write_is_damage(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(Damaged) as caught:
        await KeyFile(path).read()
    assert caught.value.code == "secrets-key-damaged"
    assert caught.value.__suppress_context__


async def test_keys_are_not_shown(path: Path) -> None:
    keys = await KeyFile(path).create()
    (text,) = json.loads(path.read_bytes())["keys"].values()
    assert text not in f"{keys!r} {keys}"
    assert repr(keys.known[keys.primary]) not in f"{keys!r}"


async def test_who_changed_it_last_is_kept_through_a_rotation(database: Database, path: Path) -> None:
    clock = ManualClock()
    store = SecretStore(database, KeyFile(path), clock)
    await store.put("a", "b", **WHO)
    put_at = clock.now()
    clock.advance(timedelta(days=1))
    await store.rotate(actor="lee", reason="yearly")
    (listed,) = await store.list()
    assert (listed.updated_by, listed.updated_at) == ("kim", put_at)


@pytest.mark.asvs("11.3.3")
@hypothesis.given(st.binary(max_size=300), st.integers(0, 2**16), st.integers(1, 255))
def test_one_changed_byte_never_opens(value: bytes, at: int, change: int) -> None:
    key = bytes(range(32))
    sealed = seal.seal(key, "a", value)
    assert seal.find_value(key, "a", sealed) == value
    whole = bytearray(sealed.nonce + sealed.ciphertext)
    whole[at % len(whole)] ^= change
    assert seal.find_value(key, "a", seal.Sealed(bytes(whole[:12]), bytes(whole[12:]))) is None
    assert seal.find_value(key, "b", sealed) is None
    assert seal.find_value(bytes(32), "a", sealed) is None


@hypothesis.given(st.text(max_size=90))
def test_a_name_that_is_taken_is_plain(text: str) -> None:
    try:
        name = secret_name(text)
    except InvalidInput:
        return
    assert name.isascii()
    assert name == name.lower().strip()
    assert 1 <= len(name) <= 80

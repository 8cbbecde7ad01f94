"""A bundle's table of contents: what is written is read, and nothing else is believed."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.kernel.errors import InvalidInput
from andon.kernel.ids import Sha256
from andon.releases.bundles import format as form
from andon.releases.bundles.format import Contents, Entry
from andon.releases.mirroring.model import Wanted

pytestmark = pytest.mark.unit

HASH = "ab" * 32
METADATA = (
    "metadata/1.root.json",
    "metadata/2.targets.json",
    "metadata/2.snapshot.json",
    "metadata/timestamp.json",
)
TARGET = f"targets/mes/1.0.0/{HASH}.wheelhouse.tar"


def document(**changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "format": "andon-bundle/1",
        "created_at": "2026-03-01T12:00:00+00:00",
        "version": 2,
        "wanted": {"units": [], "releases": [], "platforms": []},
        "assumed": [],
        "files": [[path, HASH, 3] for path in (*METADATA, TARGET)],
    }
    return made | changes


def parse(**changes: Any) -> Contents:
    return form.parse(json.dumps(document(**changes)).encode())


def outcome(**changes: Any) -> str:
    """The code of what it is refused with; empty where it is read."""
    try:
        parse(**changes)
    except InvalidInput as error:
        return error.code
    return ""


hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
names = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)
artifacts = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,30}", fullmatch=True)
targets = st.builds(
    lambda unit, version, sha256, name, size: Entry(
        f"targets/{unit}/{version}/{sha256}.{name}", Sha256(sha256), size
    ),
    names,
    st.from_regex(r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}(-rc[0-9])?", fullmatch=True),
    hashes,
    artifacts,
    st.integers(0, 1 << 40),
)
all_contents = st.builds(
    Contents,
    created_at=st.datetimes(timezones=st.just(UTC)),
    version=st.integers(1, 1 << 40),
    wanted=st.builds(Wanted, st.frozensets(names), st.frozensets(names), st.frozensets(names)),
    assumed=st.frozensets(targets.map(lambda each: each.path)),
    entries=st.lists(targets, unique_by=lambda each: each.path).map(
        lambda files: tuple(Entry(each, Sha256(HASH), 3) for each in METADATA) + tuple(files)
    ),
)


@given(all_contents)
def test_what_is_written_is_read(contents: Contents) -> None:
    assert form.parse(form.render(contents)) == contents


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


@given(st.sampled_from(sorted(document())), values)
def test_any_value_in_any_place_is_read_or_refused_in_words(key: str, value: Any) -> None:
    code = outcome(**{key: value})
    assert code in {"", "bad-bundle"}


@given(st.integers(0, 4), st.integers(0, 2), values)
def test_any_value_in_any_row_is_read_or_refused_in_words(row: int, column: int, value: Any) -> None:
    files = document()["files"]
    files[row][column] = value
    assert outcome(files=files) in {"", "bad-bundle"}


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_words(payload: bytes) -> None:
    with pytest.raises(InvalidInput):
        form.parse(payload)


@pytest.mark.parametrize(
    "path",
    [
        "../../etc/passwd",
        "/etc/passwd",
        f"targets/../keys/{HASH}.pem",
        f"targets/mes/../{HASH}.pem",
        f"targets/mes/1.0.0/../{HASH}.x",
        f"targets/mes/1.0.0/{HASH}.a/b",
        f"targets/mes/1.0.0/{HASH}..hidden",
        f"targets/mes/1.0.0/{HASH}.a\\b",
        f"targets/mes/1.0.0/{HASH}.a\0b",
        f"targets/mes/1.0.0/{HASH}.a\n",
        f"targets/MES/1.0.0/{HASH}.a",
        f"targets/mes/v1/{HASH}.a",
        "targets/mes/1.0.0/wheelhouse.tar",
        "metadata/../keys/root.json",
        "metadata/0.root.json",
        "metadata/root.json",
        "metadata/1.root.json.tmp",
        "metadata//timestamp.json",
        "C:/windows/system32",
        "",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(InvalidInput):
        parse(files=[*document()["files"], [path, HASH, 3]])
    with pytest.raises(InvalidInput):
        parse(assumed=[path])


def test_a_file_bears_its_own_hash_in_its_name() -> None:
    other = f"targets/mes/1.0.0/{'cd' * 32}.other.tar"
    with pytest.raises(InvalidInput):
        parse(files=[*document()["files"], [other, HASH, 3]])


@pytest.mark.parametrize("size", [-1, True, 1.0, "3", None, 1 << 51, [3]])
def test_a_length_that_cannot_be_is_refused(size: Any) -> None:
    with pytest.raises(InvalidInput):
        parse(files=[*document()["files"][:-1], [TARGET, HASH, size]])


def test_files_that_say_to_be_larger_than_any_disk_together_are_refused() -> None:
    many = [[f"targets/mes/1.0.0/{HASH}.f{number}", HASH, 1 << 49] for number in range(4)]
    with pytest.raises(InvalidInput):
        parse(files=[*document()["files"], *many])


def test_a_file_stands_there_once() -> None:
    with pytest.raises(InvalidInput):
        parse(files=[*document()["files"], [TARGET, HASH, 3]])


@pytest.mark.parametrize("missing", METADATA)
def test_no_bundle_is_without_the_registrys_metadata(missing: str) -> None:
    with pytest.raises(InvalidInput):
        parse(files=[each for each in document()["files"] if each[0] != missing])


def test_metadata_stands_before_what_is_large() -> None:
    with pytest.raises(InvalidInput):
        parse(files=[[TARGET, HASH, 3], *document()["files"][:-1]])


def test_a_time_has_a_zone() -> None:
    assert parse().created_at == datetime(2026, 3, 1, 12, tzinfo=UTC)
    with pytest.raises(InvalidInput):
        parse(created_at="2026-03-01T12:00:00")


def test_a_later_format_is_not_guessed_at() -> None:
    with pytest.raises(InvalidInput):
        parse(format="andon-bundle/2")

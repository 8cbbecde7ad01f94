"""What lies on disk: cache, logs, archives, jobs."""

import json
from pathlib import Path

import pytest

from andon.kernel.errors import Damaged, NotFound
from andon.kernel.ids import RunId, Sha256, UnitName
from andon.pipelines.cache import Cache
from andon.pipelines.job import Job, PackageSources, result_from_json, result_to_json
from andon.pipelines.log import Logs
from andon.pipelines.model import StageName, StageResult
from andon.pipelines.tree import pack, unpack

RUN = RunId("run-1")


def test_equal_content_is_kept_once_under_its_hash(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    assert cache.add_bytes(b"abc") == cache.add_bytes(b"abc")
    assert cache.path(cache.add_bytes(b"abc")).read_bytes() == b"abc"
    assert len([each for each in (tmp_path / "cache").rglob("*") if each.is_file()]) == 1


def test_an_outcome_is_found_by_its_inputs_alone(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    result = StageResult(True, "good", {"a": cache.add_bytes(b"a")}, {"count": 1})
    cache.remember(StageName.BUILD, "key", result)
    assert cache.find(StageName.BUILD, "key") == result
    assert cache.find(StageName.TEST, "key") is None
    assert cache.find(StageName.BUILD, "other") is None


@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b'{"nonsense": 1}', b"\xff"])
def test_a_damaged_note_is_as_good_as_none(tmp_path: Path, damage: bytes) -> None:
    cache = Cache(tmp_path)
    cache.remember(StageName.BUILD, "key", StageResult(True, "good"))
    (tmp_path / "stages/build/key.json").write_bytes(damage)
    assert cache.find(StageName.BUILD, "key") is None


def test_an_outcome_whose_files_are_gone_is_made_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    name = cache.add_bytes(b"a")
    cache.remember(StageName.BUILD, "key", StageResult(True, "good", {"a": name}))
    cache.path(name).unlink()
    assert cache.find(StageName.BUILD, "key") is None
    with pytest.raises(Damaged):
        cache.path(name)


def test_output_is_read_piece_by_piece_without_breaking_a_character(tmp_path: Path) -> None:
    logs = Logs(tmp_path)
    file = logs.file(RUN, StageName.TEST)
    assert logs.read(RUN, StageName.TEST) == ("", 0)
    file.parent.mkdir(parents=True)
    whole = "a\u00e9\ud55c\U0001f600\n".encode() * 3
    text, offset = "", 0
    for length in range(1, len(whole) + 1):
        file.write_bytes(whole[:length])
        piece, offset = logs.read(RUN, StageName.TEST, offset)
        text += piece
    assert (text.encode(), offset) == (whole, len(whole))


def test_output_that_is_no_text_is_still_shown(tmp_path: Path) -> None:
    logs = Logs(tmp_path)
    logs.file(RUN, StageName.TEST).parent.mkdir(parents=True)
    logs.file(RUN, StageName.TEST).write_bytes(b"\xffa\x80\x80\x80\x80")
    text, offset = logs.read(RUN, StageName.TEST)
    assert (text[1], offset) == ("a", 6)


@pytest.mark.parametrize("offset", [-1, 4])
def test_an_offset_outside_of_the_output_is_refused(tmp_path: Path, offset: int) -> None:
    logs = Logs(tmp_path)
    logs.file(RUN, StageName.TEST).parent.mkdir(parents=True)
    logs.file(RUN, StageName.TEST).write_bytes(b"abc")
    with pytest.raises(NotFound):
        logs.read(RUN, StageName.TEST, offset)


def test_an_archive_depends_on_names_contents_and_the_executable_bit(tmp_path: Path) -> None:
    def packed(name: str, mode: int) -> bytes:
        file = tmp_path / "file"
        file.write_bytes(b"x")
        file.chmod(mode)
        pack([(name, file), ("a/b", b"y")], tmp_path / "out.tar")
        return (tmp_path / "out.tar").read_bytes()

    assert packed("z", 0o600) == packed("z", 0o664)
    assert packed("z", 0o755) != packed("z", 0o644)
    tree = unpack(tmp_path / "out.tar", tmp_path / "tree")
    assert (tree / "a/b").read_bytes() == b"y"


def test_a_job_survives_its_file() -> None:
    job = Job(
        run=RUN,
        unit=UnitName("mes"),
        stage=StageName.TEST,
        attempt=2,
        path=Path("/mes"),
        folder=Path("/runs/1"),
        cache=Path("/cache"),
        files={StageName.SOURCE: {"a": Sha256("1")}},
        facts={StageName.SOURCE: {"version": "1"}},
        sources=PackageSources(("/wheels",), use_index=False),
    )
    assert Job.from_json(job.to_json()) == job
    with pytest.raises(Damaged):
        Job.from_json(b"{}")


def test_a_result_survives_its_file() -> None:
    result = StageResult(False, "bad", {"a": Sha256("1")}, {"count": 1}, is_retryable=True)
    assert result_from_json(result_to_json(result)) == result
    for damaged in (b"", b"[]", json.dumps({"x": 1}).encode()):
        with pytest.raises(Damaged):
            result_from_json(damaged)

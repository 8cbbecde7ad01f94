"""The ways to update a tree that are compared, each in a process of its own, so that its cost is seen:

    python -m bench.delta.ways WAY make OLD NEW DELTA
    python -m bench.delta.ways WAY apply OLD DELTA INTO

Ways over a whole archive keep the old one beside the tree, as their updaters do (`archive.py` makes it before
anything is measured), and end with an extracted folder, as Andon's container does.
"""

import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

from andon_wire import tree
from andon_wire.delta.apply import apply
from andon_wire.disk import RealDisk

Make = Callable[[Path, Path, Path], object]
Apply = Callable[[Path, Path, Path], object]


def archive(tree: Path) -> Path:
    """Where the archive of a tree is."""
    return tree.with_name(f"{tree.name}.tar")


def _extract(content: bytes, into: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        tar.extractall(into, filter="tar")


def _container(tried: tuple[str, ...], *, full: bool = False) -> tuple[Make, Apply]:
    def made(old: Path, new: Path, delta: Path) -> None:
        from andon.releases.deltas.make import Means, make  # a station has nothing of it

        with delta.open("w+b") as into:
            means = Means(tried, workers=1)
            done = make(None if full else old, new, into, scratch=delta.parent, means=means)
        delta.with_suffix(".tree").write_bytes(tree.encode(done.new))

    def applied(old: Path, delta: Path, into: Path) -> None:
        content = tree.decode(delta.with_suffix(".tree").read_bytes())  # an agent has it from the release
        with delta.open("rb") as stream:
            apply(stream, old=None if full else old, into=into, tree=content, disk=RealDisk())

    return made, applied


def _hdiffpatch_make(old: Path, new: Path, delta: Path) -> None:
    import hdiffpatch

    delta.write_bytes(
        hdiffpatch.diff(
            archive(old).read_bytes(), archive(new).read_bytes(), hdiffpatch.COMPRESSION_ZSTD, validate=False
        )
    )


def _hdiffpatch_apply(old: Path, delta: Path, into: Path) -> None:
    import hdiffpatch

    _extract(hdiffpatch.apply(archive(old).read_bytes(), delta.read_bytes()), into)


def _bsdiff_make(old: Path, new: Path, delta: Path) -> None:
    """Per file: what changed as a patch, what is new whole."""
    import bsdiff4

    with tarfile.open(delta, "w:gz") as tar:
        for path in sorted(new.rglob("*")):
            name = path.relative_to(new).as_posix()
            base, content = old / name, b""
            if path.is_symlink() or not path.is_file():
                tar.add(path, f"whole/{name}", recursive=False)
                continue
            content, kind = path.read_bytes(), "whole"
            if base.is_file() and not base.is_symlink():
                known = base.read_bytes()
                content, kind = (b"", "same") if known == content else (bsdiff4.diff(known, content), "patch")
            info = tarfile.TarInfo(f"{kind}/{name}")
            info.size, info.mode = len(content), path.stat().st_mode & 0o777
            tar.addfile(info, io.BytesIO(content))


def _bsdiff_apply(old: Path, delta: Path, into: Path) -> None:
    import bsdiff4

    with tarfile.open(delta) as tar:
        for info in tar:
            kind, _, name = info.name.partition("/")
            path = into / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if kind == "same":
                os.link(old / name, path)
            elif info.isfile():
                stream = tar.extractfile(info)
                content = stream.read() if stream is not None else b""
                whole = kind == "whole"
                path.write_bytes(content if whole else bsdiff4.patch((old / name).read_bytes(), content))
                path.chmod(info.mode)
            else:
                info.name = name
                tar.extract(info, into, filter="tar")


def _run(*command: object) -> None:
    subprocess.run([str(each) for each in command], check=True, stderr=subprocess.DEVNULL)


def _tool(name: str) -> str:
    """A program of the system, or one that `tools.py` put into BENCH_TOOLS."""
    kept = Path(os.environ.get("BENCH_TOOLS", "/nowhere")) / name
    return str(kept) if kept.exists() else name


def _xdelta_make(old: Path, new: Path, delta: Path) -> None:
    size = archive(old).stat().st_size
    _run(_tool("xdelta3"), "-e", "-9", "-f", "-B", size, "-s", archive(old), archive(new), delta)


def _xdelta_apply(old: Path, delta: Path, into: Path) -> None:
    size, made = archive(old).stat().st_size, into.with_name("made.tar")
    _run(_tool("xdelta3"), "-d", "-f", "-B", size, "-s", archive(old), delta, made)
    _extract(made.read_bytes(), into)


def _zstd_make(old: Path, new: Path, delta: Path) -> None:
    _run("zstd", "-3", "--long=31", "-q", "-f", f"--patch-from={archive(old)}", archive(new), "-o", delta)


def _zstd_apply(old: Path, delta: Path, into: Path) -> None:
    made = into.with_name("made.tar")
    _run("zstd", "-d", "--long=31", "-q", "-f", f"--patch-from={archive(old)}", delta, "-o", made)
    _extract(made.read_bytes(), into)


def _full_make(_: Path, new: Path, delta: Path) -> None:
    with tarfile.open(delta, "w:gz") as tar:
        tar.add(new, ".")


def _full_apply(_: Path, delta: Path, into: Path) -> None:
    with tarfile.open(delta) as tar:
        tar.extractall(into, filter="tar")


WAYS: Mapping[str, tuple[Make, Apply]] = {
    "andon: hdiff and rebase": _container(("hdiff", "rebase", "absolute")),
    "andon: hdiff": _container(("hdiff",)),
    "andon: zdict": _container(("zdict",)),
    "andon: full package": _container((), full=True),
    "bsdiff4 per file": (_bsdiff_make, _bsdiff_apply),
    "HDiffPatch, whole tar": (_hdiffpatch_make, _hdiffpatch_apply),
    "xdelta3, whole tar": (_xdelta_make, _xdelta_apply),
    "zstd --patch-from -3": (_zstd_make, _zstd_apply),
    "full archive, tar.gz": (_full_make, _full_apply),
}

if __name__ == "__main__":
    way, verb, *paths = sys.argv[1:]
    WAYS[way][0 if verb == "make" else 1](*(Path(each) for each in paths))

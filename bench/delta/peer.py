"""What tufup does, by its own code; run by the interpreter of a venv that has it. Imports nothing of ours.

    python peer.py archive TREE FOLDER VERSION | make OLD NEW DELTA | apply OLD DELTA INTO

OLD and NEW are its archives, `station-<version>.tar.gz`. Applying is what `Client._download_updates` and
`_install_update` do: decompress, patch, verify, compress, extract.
"""

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

from tufup.common import Patcher
from tufup.repo import make_gztar_archive


class _Meta(SimpleNamespace):
    def __hash__(self) -> int:
        return hash(self.name)


def main(verb: str, *arguments: str) -> None:
    """Do one of the three."""
    if verb == "archive":
        tree, folder, version = arguments
        make_gztar_archive(tree, folder, "station", version)
        return
    paths = [Path(each) for each in arguments]
    if verb == "make":
        old, new, delta = paths
        expected = Patcher.diff_and_hash(old, new, delta)
        delta.with_suffix(".json").write_text(json.dumps(expected))
    else:
        old, delta, into = paths
        expected = json.loads(delta.with_suffix(".json").read_text())
        made = into.with_name("made.tar.gz")
        Patcher.patch_and_verify(old, made, {_Meta(name=delta.name, custom_internal=expected): delta})
        shutil.unpack_archive(made, into)


if __name__ == "__main__":
    main(*sys.argv[1:])

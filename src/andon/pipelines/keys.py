"""What a stage's outcome depends on, as one hash. Pure: equal keys mean that the outcome can be reused.

A key covers the files that the stage reads, the revision of its code, and the Python that runs it. It
leaves out times, run ids and commit ids, which change nothing in what comes out.
"""

import hashlib
import json

from andon.pipelines.model import Run, StageName

# Raise a number when that stage's code gives another outcome for the same input.
_REVISIONS = {
    StageName.BUILD: 1,
    StageName.TEST: 2,
    StageName.SECURITY: 1,
    StageName.BUNDLE: 3,
    StageName.PACKAGE: 1,
}
# The source has to be read to know its hash; signing and publishing are acts, not outcomes. What deltas are
# made of is not in their inputs, but what runs in the field: each of them is remembered by itself.
CACHED_STAGES = frozenset(_REVISIONS)


def input_hash(run: Run, name: StageName, platform: str) -> str:
    """SHA-256 over all that the outcome of stage `name` depends on; its needs must be done.

    platform: names Python and machine, such as `cpython-311-x86_64`, with the versions of the scanners.
    """
    needs = run.planned(name).needs
    parts = {
        "stage": name.value,
        "revision": _REVISIONS.get(name, 0),
        "platform": platform,
        "files": {need.value: dict(run.stage(need).files) for need in needs},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

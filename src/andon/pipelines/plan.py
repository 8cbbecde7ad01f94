"""The graph of stages that a manifest asks for. Pure; `decide.py` walks it."""

from datetime import timedelta

from andon.pipelines.model import Stage, StageName
from andon.units.model import Manifest

_OWN_WORK = timedelta(minutes=2)  # longest for a stage that runs nothing of the unit
_BUILD_RETRIES = 2  # an index that does not answer is asked again


def plan(manifest: Manifest) -> tuple[Stage, ...]:
    """Stages in an order that respects their needs; test, security and bundle may run side by side."""
    name = StageName
    checked = (name.SOURCE, name.BUILD, name.TEST, name.SECURITY)
    begun = (
        Stage(name.SOURCE, (), _OWN_WORK),
        Stage(name.BUILD, (name.SOURCE,), manifest.build.timeout, _BUILD_RETRIES),
        Stage(name.TEST, (name.SOURCE, name.BUILD), manifest.test.timeout, manifest.test.retries),
        Stage(name.SECURITY, (name.SOURCE, name.BUILD), manifest.security.timeout),
    )
    if manifest.bundle is None:
        made: tuple[Stage, ...] = (Stage(name.PACKAGE, checked, _OWN_WORK),)
    else:
        longest = manifest.bundle.timeout
        made = (
            Stage(name.BUNDLE, (name.SOURCE, name.BUILD), longest),
            Stage(name.PACKAGE, (*checked, name.BUNDLE), _OWN_WORK),
            Stage(name.DELTA, (name.BUNDLE, name.PACKAGE), longest),
        )
    last = made[-1].name
    return (*begun, *made, Stage(name.SIGN, (last,), _OWN_WORK), Stage(name.PUBLISH, (name.SIGN,), _OWN_WORK))

"""The publish stage: hands the release to the registry. Runs in Andon, which has the keys."""

from andon.pipelines.cache import Cache
from andon.pipelines.model import Run, StageName, StageResult
from andon.pipelines.publisher import Publisher
from andon.pipelines.stages.sign import artifacts, products
from andon.releases.model import Release


async def run(run: Run, cache: Cache, publisher: Publisher) -> StageResult:
    """Publish what was packaged and signed.

    Raises:
        Conflict: this version is published with other content.
    """
    assert run.version is not None
    everything = (*products(run, cache), *artifacts(run, StageName.SIGN, cache))
    release = Release(
        unit=run.unit,
        version=run.version,
        artifacts=everything,
        source=run.stage(StageName.SOURCE).facts["source"],
        run=run.id,
        created_at=run.created_at,
    )
    published = await publisher.publish(
        release, {each: cache.path(each.sha256) for each in everything}, run.actor
    )
    return StageResult(True, f"{published.id} is published", facts={"release": published.id})

"""Wires what turns source into releases. A part of the composition root beside `parts.py`."""

import os
from collections.abc import Callable

from andon.base import Base
from andon.fleet.field import Field
from andon.fleet.reports.store import ReportStore
from andon.fleet.stations.store import StationStore
from andon.fleet.wanting.store import WantingStore
from andon.pipelines.cache import Cache
from andon.pipelines.controller import Parts as PipelineParts
from andon.pipelines.controller import PipelineController
from andon.pipelines.formers import Formers
from andon.pipelines.inline import InProcess, Registry
from andon.pipelines.job import PackageSources
from andon.pipelines.log import Logs
from andon.pipelines.processes import Workers, WorkerSettings
from andon.pipelines.store import RunStore
from andon.rollouts.store import RolloutStore


def pipelines_of(
    base: Base, wake: Callable[[], None], rollouts: RolloutStore
) -> tuple[RunStore, PipelineController]:
    """The runs, and what walks them; `wake` calls it when a worker ended."""

    async def is_corded() -> bool:
        # A pipeline belongs to no environment: only the cord of all of them stops it.
        return any(each.environment is None for each in await rollouts.cords())

    settings = base.settings.pipelines
    runs, logs = RunStore(base.database), Logs(base.home)
    cache = Cache(base.home / "cache")
    database = base.database
    field = Field(ReportStore(database), WantingStore(database), StationStore(database), base.clock)
    sources = PackageSources(tuple(settings.find_links), settings.use_index)
    controller = PipelineController(
        PipelineParts(
            store=runs,
            cache=cache,
            # Workers get the few variables of it that a package installer needs.
            workers=Workers(WorkerSettings(base.home, dict(os.environ), sources), wake),  # noqa: TID251
            in_process=InProcess(Registry(base.releases, cache, logs, base.clock), wake),
            publisher=base.releases,
            clock=base.clock,
            home=base.home,
            is_corded=is_corded,
            formers=Formers(base.releases, field, cache, wake),
            parallel=settings.parallel_stages,
        )
    )
    return runs, controller

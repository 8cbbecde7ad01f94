"""What is asked about charts, and a baseline that a person sets; in the caller's one transaction."""

from typing import Any

from andon_mes.kernel.errors import InvalidInput, NotFound, Problem, Words, invalid
from andon_mes.signals import store as signals
from andon_mes.signals.store import Held
from andon_mes.spc import reading, store
from andon_mes.spc.charts import subgroups
from andon_mes.spc.decide import baseline_limits
from andon_mes.spc.model import FEWEST_BASELINE, Unknown
from andon_mes.spc.reading import Asked, Known, Shown
from andon_mes.spc.store import Baseline, Charted
from andon_mes.store.engine import Connection
from andon_mes.store.history import Change


def list_charts(connection: Connection) -> list[dict[str, Any]]:
    """Every characteristic that is charted, how many points it has, and its open signals."""
    open_signals = signals.count_open(connection)
    return [
        {
            "process": each.process,
            "characteristic": each.name,
            "unit": each.unit,
            "chart": each.chart,
            "subgroup_size": each.size,
            "on_signal": each.on_signal,
            "points_taken": sum(of.points for of in store.list_streams(connection, each).values()),
            "open_signals": open_signals.get(each.id, 0),
        }
        for each in store.list_charted(connection)
    ]


def get_held(connection: Connection, process: str) -> Held:
    """The process with this code. Raises: NotFound (PROCESS_UNKNOWN)."""
    held = signals.find_held(connection, process)
    if held is None:
        raise NotFound(
            Problem(
                "PROCESS_UNKNOWN",
                Words("There is no such process", "해당 공정이 없습니다"),
                Words(f"No process has the code {process!r}", f"공정 {process!r}을(를) 찾을 수 없습니다"),
                Words("Use a code of GET processes", "GET processes의 공정 코드를 사용하세요"),
            )
        )
    return held


def get_charted(connection: Connection, process: str, name: str) -> Charted:
    """The characteristic `name` of `process`. Raises: NotFound (CHARACTERISTIC_UNKNOWN)."""
    charted = store.find_charted(connection, process, name)
    if charted is None:
        raise NotFound(
            Problem(
                "CHARACTERISTIC_UNKNOWN",
                Words("There is no such characteristic", "해당 특성이 없습니다"),
                Words(
                    f"{process!r} has no characteristic {name!r}",
                    f"{process!r} 공정에 {name!r} 특성이 없습니다",
                ),
                Words("Use one of GET spc", "GET spc에서 확인하세요"),
            )
        )
    return charted


def get_stream(
    connection: Connection, charted: Charted, model: str | None
) -> tuple[Known | None, dict[int, str]]:
    """The points on one product model, by default the one with most of them; and all models with points.

    None where nothing was measured. Raises: InvalidInput when nothing was measured of the model named.
    """
    streams = store.list_streams(connection, charted)
    codes = store.model_codes(connection)
    models = {each: codes[each] for each in sorted(streams, key=lambda each: -streams[each].points)}
    if model is not None and model not in models.values():
        listed = ", ".join(models.values()) or "-"
        raise invalid(
            "product_model",
            model,
            Words(f"Nothing was measured of {model!r}", f"{model!r}의 측정값이 없습니다"),
            Words(f"Use one of: {listed}", f"다음 중 하나를 사용하세요: {listed}"),
            code="PRODUCT_MODEL_UNKNOWN",
        )
    chosen = next((each for each, code in models.items() if model in {None, code}), None)
    return (None if chosen is None else Known(connection, charted, chosen)), models


def show(known: Known, asked: Asked) -> Shown | None:
    """The part of the chart that is asked for; None where the characteristic is not charted."""
    setup = reading.setup(known.charted)
    return None if setup is None else reading.show(known, setup, asked)


def set_baseline(
    connection: Connection, known: Known | None, span: tuple[int, int], *, excludes: bool, change: Change
) -> tuple[int, ...]:
    """Write which subgroups (both inclusive) the limits come from; gives those that are left out.

    Raises: InvalidInput (BASELINE_UNUSABLE) when no limits can be estimated from them.
    """
    setup = None if known is None else reading.setup(known.charted)
    if known is None or setup is None:
        raise _unusable(span, Unknown.NO_CHART if setup is None and known is not None else Unknown.TOO_FEW)
    first, last = (span[0] - 1) * setup.size + 1, span[1] * setup.size
    groups = subgroups(known.points(first, last), setup.size) if first <= last else []
    limits = baseline_limits(setup, groups, exclude=excludes)
    if isinstance(limits, Unknown) or groups[-1].number != span[1]:
        raise _unusable(span, limits if isinstance(limits, Unknown) else Unknown.TOO_FEW)
    baseline = Baseline(first, last, excludes, change.reason, change.by, change.at)
    store.set_baseline(connection, known.charted, known.model_id, baseline)
    return limits.excluded


def _unusable(span: tuple[int, int], why: Unknown) -> InvalidInput:
    return invalid(
        "last_subgroup",
        span[1],
        Words(
            f"No limits can be estimated from the subgroups {span[0]} to {span[1]}: {why}",
            f"부분군 {span[0]}~{span[1]}(으)로는 관리한계를 계산할 수 없습니다: {why}",
        ),
        Words(
            f"Name at least {FEWEST_BASELINE} subgroups that were measured while the process was stable",
            f"공정이 안정된 동안 측정한 부분군을 {FEWEST_BASELINE}개 이상 지정하세요",
        ),
        code="BASELINE_UNUSABLE",
    )

"""From what a manifest asks of its judge to the policy that is frozen with a plan. Pure."""

from andon.judge import mann_whitney, options, threshold
from andon.judge.model import Combine, JudgePolicy, MetricPolicy
from andon.units import judging as wanted
from andon.units.model import Policy

_RATIO_ALPHA = 0.001  # enough to see a broken split within some hundred sessions


def ratio_part(alpha: float) -> float:
    """The sample-ratio check takes a harmless release back too, so its chance is a part of alpha."""
    return min(_RATIO_ALPHA, alpha / 10)


def policy_of(
    metrics: tuple[MetricPolicy, ...], ratio_alpha: float, session_requests: int, policy: Policy
) -> JudgePolicy:
    """The judge that the environment's policy names, with the options that concern it alone."""
    return JudgePolicy(
        metrics,
        ratio_alpha,
        session_requests,
        judge=policy.judge,
        combine=Combine(policy.combine),
        mann_whitney=_mann_whitney(policy.mann_whitney) if policy.judge == mann_whitney.NAME else None,
        threshold=_threshold(policy.threshold) if policy.judge == threshold.NAME else None,
        options=dict(sorted(policy.options.items())),
    )


def _mann_whitney(asked: wanted.MannWhitney) -> options.MannWhitney:
    return options.MannWhitney(
        interval=asked.interval.total_seconds(),
        lookback=asked.lookback,
        first=asked.first,
        samples=asked.samples,
        confidence=asked.confidence,
        tolerance=asked.tolerance,
        marginal_score=asked.marginal_score,
        pass_score=asked.pass_score,
        group_weights=dict(asked.group_weights),
        no_data=options.NoData(asked.no_data),
        quantile=asked.quantile,
        metrics={name: _compared(each) for name, each in asked.metrics.items()},
    )


def _compared(asked: wanted.Compared) -> options.Compared:
    return options.Compared(
        direction=options.Direction(asked.direction),
        nan_strategy=options.NanStrategy(asked.nan_strategy),
        critical=asked.critical,
        must_have_data=asked.must_have_data,
        outlier_factor=asked.outlier_factor,
        measure=options.Measure(asked.measure),
        allowed_increase=asked.allowed_increase,
        allowed_decrease=asked.allowed_decrease,
        critical_increase=asked.critical_increase,
        critical_decrease=asked.critical_decrease,
        group=asked.group,
    )


def _threshold(asked: wanted.Threshold) -> options.Threshold:
    return options.Threshold(
        style=options.Style(asked.style),
        interval=asked.interval.total_seconds(),
        count=asked.count,
        failure_limit=asked.failure_limit,
        inconclusive_limit=asked.inconclusive_limit,
        error_limit=asked.error_limit,
        skip=asked.skip,
        min_exposure=asked.min_exposure,
        quantile=asked.quantile,
        metrics={
            name: options.Limits(each.least, each.most, each.fail_below, each.fail_above)
            for name, each in asked.metrics.items()
        },
    )

"""A policy that is proposed for the judge, by the manifest's names; what it leaves out stays as it was."""

from typing import Any, Self

from pydantic import Field, model_validator

from andon.units.fields import Interval, Name, Section
from andon.units.model import Policy


class Limits(Section):
    """What may be proposed of one metric, by the names of `[evidence.*]`."""

    acceptable: float | None = Field(None, gt=0, lt=1, description="Acceptable rate")
    guardrail: float | None = Field(None, gt=0, lt=1, description="Rate above which it fails")
    acceptable_p95: Interval | None = Field(None, description="Acceptable 95th percentile")
    guardrail_p95: Interval | None = Field(None, description="95th percentile above which it fails")
    required: bool | None = Field(None, description="Promotion waits for it")


class Proposal(Section):
    """A policy of an environment, or a part of one, and limits of metrics.

    Keys of the policy stand at the top, as in `[environments.NAME.policy]`; those that say nothing of the
    judge, such as `soak`, are read and change nothing.
    """

    policy: Policy = Policy()
    evidence: dict[Name, Limits] = Field({}, max_length=100)

    @model_validator(mode="before")
    @classmethod
    def _from_the_top(cls, given: Any) -> Any:
        if not isinstance(given, dict) or "policy" in given:
            return given
        policy = {key: value for key, value in given.items() if key != "evidence"}
        return {"policy": policy, "evidence": given.get("evidence", {})}

    @model_validator(mode="after")
    def _proposes_something(self) -> Self:
        if not self.policy.model_fields_set and not self.evidence:
            raise ValueError("it proposes nothing: name a key of a policy, such as `alpha`")
        return self

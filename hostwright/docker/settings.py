"""The data of the deploys for containers, validated."""

from typing import Any

from pydantic import Field, field_validator

from hostwright.base.engine import POLICIES
from hostwright.base.settings import Settings


class RestartPolicies(Settings):
    """What `deploys/restart_policy.py` is told; YAML reads the policy `no` as false."""

    prefix = "docker_"

    restart_policies: dict[str, bool | str] = Field(
        min_length=1,
        description="Policies by container: its name, a pattern, or label=KEY or label=KEY=VALUE.",
        examples=[{"web-*": "always", "label=tier=db": "on-failure:5", "cache": "no"}],
    )

    @field_validator("restart_policies", mode="before")
    @classmethod
    def _are_words(cls, rules: Any) -> Any:
        for container, policy in rules.items() if isinstance(rules, dict) else ():
            if not isinstance(policy, (str, bool)):
                raise ValueError(
                    f"no restart policy for {container!r}: it is one of {', '.join(POLICIES)}, on-failure:5"
                )
        return rules

"""The data of the deploys for containers, validated."""

from pydantic import Field

from hostwright.base.settings import Settings


class RestartPolicies(Settings):
    """What `deploys/restart_policy.py` is told; YAML reads the policy `no` as false."""

    prefix = "docker_"

    restart_policies: dict[str, bool | str] = Field(
        min_length=1,
        description="Policies by container: its name, a pattern, or label=KEY or label=KEY=VALUE.",
        examples=[{"web-*": "always", "label=tier=db": "on-failure:5", "cache": "no"}],
    )

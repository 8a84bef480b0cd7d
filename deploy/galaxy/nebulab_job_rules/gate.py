"""The way of a job that TPV's rules let pass, to the destination that it has without a gate; runs in Galaxy."""

from __future__ import annotations

from typing import Any

_INSIDE = ("docker_env_", "singularity_env_")


def behind_the_gate(app: Any, referrer: Any, environment: str) -> Any:
    """Return the destination `environment` of job_conf.yml, with what TPV's rules add to it; Galaxy calls it."""
    return carried(app.job_config.get_destination(environment), referrer)


def carried(destination: Any, referrer: Any) -> Any:
    """Return `destination` with the variables of `referrer`, the one that led to it; its own count more."""
    # An entry may name a file to source in place of a variable.
    own = {each.get("name") for each in destination.env}
    destination.env += [each for each in referrer.env if each.get("name") and each["name"] not in own]
    for name, value in referrer.params.items():
        if name.startswith(_INSIDE):
            destination.params.setdefault(name, value)
    return destination

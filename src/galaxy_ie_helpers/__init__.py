"""The predecessor's package name: the same functions for notebooks that import it; runs in the kernel."""

from nebulab.kernel import (
    find_matching_history_ids,
    get,
    get_galaxy_connection,
    get_user_history,
    put,
    run_script_job,
)

__all__ = [
    "find_matching_history_ids",
    "get",
    "get_galaxy_connection",
    "get_user_history",
    "put",
    "run_script_job",
]

"""The destination of sessions in containers, with volumes for one job and its inputs alone; runs in Galaxy.

Galaxy's `$defaults` would mount all datasets. Here the volumes are named for each job, and if Galaxy runs as root the
session gets an unused uid of its own. Everything else of the destination is the administrator's.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from nebulab_job_rules.gate import carried

FIRST_USER = 1_900_000_000
"""The first uid for sessions; above the range that systemd gives to containers."""
USERS = 100_000_000
"""Number of those uids."""
_OWN = '[ -n "$_NEBULAB_OWNED" ] || { chown -hR %s "$_GALAXY_JOB_DIR/working" %s && _NEBULAB_OWNED=1; }'


def in_container(app: Any, job: Any, referrer: Any, container_environment: str) -> Any:
    """Return the destination `container_environment` with this job's volumes and uid; Galaxy calls it.

    Raises
    ------
    ValueError
        A path has a comma or a colon, with which a volume can't be written; or Apptainer would run a session as root.
    """
    destination = carried(app.job_config.get_destination(container_environment), referrer)
    outputs = sorted(_output_files(app, job))
    mounts = [
        ("$working_directory", "rw"),
        ("$job_directory/tool_script.sh", "ro"),
        # One by one: a mounted file can't be replaced by a link, which Galaxy would follow.
        *((f"$job_directory/outputs/{name}", "rw") for name in outputs),
        *((path, "ro") for path in sorted(set(_input_files(job)))),
    ]
    volumes = ",".join(_volume(path, mode) for path, mode in mounts)
    if destination.params.get("singularity_enabled"):
        # In Apptainer a session runs as Galaxy's user, on the machine's own network.
        if os.geteuid() == 0:
            raise ValueError("Galaxy is root, and so would be a session in Apptainer: run Galaxy as another user.")
        destination.params["singularity_volumes"] = volumes
        return destination
    destination.params["docker_volumes"] = volumes
    if os.geteuid() == 0:
        uid = FIRST_USER + job.id % USERS
        user = f"{uid}:{uid}"
        destination.params["docker_set_user"] = user
        # Guarded by a variable: Galaxy's script runs its preparations twice, the second time after the session.
        files = " ".join(f'"$_GALAXY_JOB_DIR/outputs/{name}"' for name in outputs)
        destination.env.append(
            {"name": None, "value": None, "file": None, "raw": None, "execute": _OWN % (user, files)},
        )
    return destination


def _volume(path: str, mode: str) -> str:
    if "," in path or ":" in path:
        raise ValueError(f"{path} can't be mounted into a container: no comma or colon may be in its path.")
    return f"{path}:{mode}"


def _output_files(app: Any, job: Any) -> Iterator[str]:
    for association in [*job.output_datasets, *job.output_library_datasets]:
        dataset = association.dataset.dataset
        by_uuid = app.object_store.get_store_by(dataset) == "uuid"
        yield f"dataset_{dataset.uuid if by_uuid else dataset.id}.dat"


def _input_files(job: Any) -> Iterator[str]:
    for dataset in _inputs(job):
        if dataset is None:
            continue
        files = [dataset.get_file_name()]
        # Metadata values that are files, recognised by their method: the tests can't import Galaxy's class.
        files += [value.get_file_name() for value in dataset.metadata.values() if hasattr(value, "get_file_name")]
        if dataset.dataset.extra_files_path_exists():
            files.append(dataset.dataset.extra_files_path)
        # A deferred dataset has no file.
        yield from (file for file in files if file and Path(file).exists())


def _inputs(job: Any) -> Iterable[Any]:
    for association in [*job.input_datasets, *job.input_library_datasets]:
        yield association.dataset
    for association in job.input_dataset_collections:
        yield from association.dataset_collection.dataset_instances
    for association in job.input_dataset_collection_elements:
        yield from association.dataset_collection_element.dataset_instances

"""Fail a job that Galaxy lost, in Galaxy's own database and by Galaxy's own model.

Called as `python fail_job.py <database URL> <job's number> <pid> <message>` in Galaxy's environment. By Galaxy's API
such a job can only be deleted, which would hide its datasets. Prints "failed", or "left" if the job has ended by then.
"""

from __future__ import annotations

import sys
from typing import Any


def fail(database: str, number: int, pid: str, message: str) -> bool:
    """Fail the job `number`, its datasets and collections; return whether it was still running as `pid`."""
    from galaxy import model
    from sqlalchemy import create_engine
    from sqlalchemy.orm import Session

    with Session(create_engine(database)) as session:
        job: Any = session.get(model.Job, number)
        states = model.Job.states
        if job is None or job.state != states.RUNNING or job.job_runner_external_id != pid:
            return False
        job.mark_failed(info=message, blurb="tool error")
        job.set_final_state(states.ERROR)
        for output in job.output_dataset_collection_instances:
            collection = output.dataset_collection_instance.collection
            if not collection.populated_optimized:
                collection.handle_population_failed(message)
        session.commit()
    return True


if __name__ == "__main__":
    print("failed" if fail(sys.argv[1], int(sys.argv[2]), *sys.argv[3:]) else "left")

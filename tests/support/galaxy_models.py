"""A SQLite database of Galaxy's own models, filled as Galaxy fills it; run by Galaxy's Python, imports nothing of ours.

`python -P galaxy_models.py FILE HOURS` makes the tables, a user in a group with a role, a job that ran for so many
hours until now, with the figures of the plug-in `gpu`, and one that runs for as long. It prints every table's columns.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta

from galaxy import model
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

path, hours = sys.argv[1], float(sys.argv[2])
engine = create_engine(f"sqlite:///{path}")
tables = model.mapper_registry.metadata
tables.create_all(engine)
with Session(engine) as session:
    user = model.User(email="ada@uni-freiburg.de", username="ada", password="x")
    group = model.Group(name="Course")
    session.add_all([user, group])
    session.add(model.GroupRoleAssociation(group, model.Role(name="training-gpu", type="admin")))
    session.add(model.UserGroupAssociation(user, group))
    now = datetime.utcnow()
    begun = now - timedelta(hours=hours)
    for tool, ends in (("interactive_tool_ml_jupyter_notebook", True), ("shed/repos/o/r/train/1.0", False)):
        job = model.Job()
        job.user, job.tool_id = user, tool
        job.destination_params = {"nebulab_gpus": "1" if ends else "2"}
        session.add(job)
        session.flush()
        for state, at in (("queued", begun), ("running", begun), *([("ok", now)] if ends else [])):
            job.set_state(state)
            session.flush()
            job.state_history[-1].create_time = at
        if ends:
            job.add_metric("gpu", "gpu_hours", hours)
            job.add_metric("gpu", "gpu_count", 1)
            job.add_metric("gpu", "load_mean_percent", 50)
            job.add_metric("gpu", "idle_percent", 20)
            job.add_metric("gpu", "model", "1 x Stand-in T4")
            job.add_metric("core", "runtime_seconds", 3600 * hours)
    session.commit()
json.dump({name: sorted(table.columns.keys()) for name, table in tables.tables.items()}, sys.stdout)

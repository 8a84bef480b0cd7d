"""A job's script as Galaxy's job metrics make it, and what they collect; run by Galaxy's Python.

`python -P job_metrics.py FOLDER PLUGINS script` prints the commands before and after the tool's;
`… collect` prints, as JSON, the figures that Galaxy would keep, and how the job's page shows them to its user.
"""

from __future__ import annotations

import json
import sys

from galaxy.job_metrics import JobMetrics, RawMetric, Safety, instrumenters

folder, plugins, wanted = sys.argv[1:]
instrumenters.__path__.append(plugins)
metrics = JobMetrics(conf_dict=[{"type": "gpu", "seconds": 0.1}])
instrumenter = metrics.default_job_instrumenter
if wanted == "script":
    json.dump([instrumenter.pre_execute_commands(folder), instrumenter.post_execute_commands(folder)], sys.stdout)
else:
    found = instrumenter.collect_properties(1, folder)
    raw = [RawMetric(name, value, plugin) for plugin, told in found.items() for name, value in told.items()]
    shown = {each.title: each.value for each in metrics.dictifiable_metrics(raw, Safety.SAFE)}
    json.dump({"found": found, "shown": shown}, sys.stdout)

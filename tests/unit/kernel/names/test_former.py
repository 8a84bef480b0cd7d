"""What the predecessor left in every notebook is there, and used as its notebooks used it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from bioblend.galaxy import GalaxyInstance, histories, jobs

import galaxy_ie_helpers
import galaxy_script_job
from nebulab.kernel import get, run_script_job
from nebulab.kernel.names.former import NAMES

CELLS = """
assert galaxy_ie_helpers.get and galaxy_script_job.run_script_job and os.environ and json.dumps({}) == "{}"
warnings.filterwarnings("ignore")
sleep(0)
gi = GalaxyInstance("http://127.0.0.1:9", key="k")
history = histories.HistoryClient(gi)
job_client = jobs.JobsClient(gi)
assert type(history).__module__ == "bioblend.galaxy.histories"
"""


def test_a_cell_of_a_predecessor_s_notebook_runs() -> None:
    exec(CELLS, dict(NAMES))


def test_the_modules_are_the_ones_that_an_import_gives() -> None:
    assert NAMES["galaxy_ie_helpers"] is galaxy_ie_helpers
    assert galaxy_ie_helpers.get is get
    assert galaxy_script_job.run_script_job is run_script_job
    assert NAMES["sleep"] is time.sleep
    names = dict(NAMES)
    assert names["histories"].HistoryClient is histories.HistoryClient  # type: ignore[attr-defined]
    assert names["jobs"].JobsClient is jobs.JobsClient  # type: ignore[attr-defined]
    assert names["GalaxyInstance"] == GalaxyInstance


def test_they_cost_a_notebook_s_start_no_import_of_bioblend() -> None:
    code = "import sys, nebulab.kernel.names.former\nprint('bioblend' in sys.modules, 'ssl' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False False\n"


def test_the_page_for_people_who_switch_tells_of_each() -> None:
    page = (Path(__file__).parents[4] / "docs" / "switching.md").read_text()
    assert [name for name in NAMES if f"`{name}`" not in page] == []

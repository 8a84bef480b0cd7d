"""`docs/settings.md` is what the code declares, and tells of every variable that the code reads."""

from __future__ import annotations

import re
from pathlib import Path

from nebulab import contract, manual

CHECKOUT = Path(__file__).parents[2]


def test_the_page_is_up_to_date() -> None:
    path = CHECKOUT / manual.PAGE
    there = path.read_text(encoding="utf-8") if path.exists() else ""
    assert there == manual.page(), f"{manual.PAGE} is stale: write it anew with `{manual.COMMAND}`"


def test_every_variable_that_the_code_names_stands_in_it() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (CHECKOUT / "src").rglob("*.py"))
    named = set(re.findall(r"\bNEBULAB_[A-Z0-9]\w*", sources))
    named |= {value for value in vars(contract).values() if isinstance(value, str) and value.startswith("NEBULAB_")}
    assert named - manual.documented() == set(), "declare it, or say below its name in contract.py who sets it"


def test_every_variable_that_the_code_reads_by_its_name_stands_in_it() -> None:
    """Those that are not Nebulab's: Galaxy's, the predecessor's, JupyterLab's."""
    assert {
        "ADDITIONAL_IDS",
        "API_KEY",
        "CORS_ORIGIN",
        "DATASET_HID",
        "GALAXY_MEMORY_MB",
        "GALAXY_SLOTS",
        "GALAXY_URL",
        "HISTORY_ID",
        "JUPYTER_TOKEN",
        "NOTEBOOK_PASSWORD",
        "PROXY_PREFIX",
    } <= manual.documented()


def test_a_cell_stays_one() -> None:
    for line in manual.page().splitlines():
        if line.startswith("| `"):
            assert re.split(r"(?<!\\)\|", line)[-1] == ""
            assert len(re.split(r"(?<!\\)\|", line)) in {4, 6}

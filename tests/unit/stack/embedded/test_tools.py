"""The tools are found by the words that people search for, and their forms say what a job gets on this machine."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from nebulab.stack.embedded import tools
from nebulab.stack.embedded.tools import Limits
from nebulab.stack.settings import StackSettings

CHECKOUT = Path(__file__).parents[4]
TOOLS = ("interactive_tool_ml_jupyter_notebook", "run_jupyter_job")
LIMITS = Limits(cores=2, memory_mb=6144, gpus="", idle_minutes=120)
# Galaxy's page leaves these out of what was typed and of what it looks through (ToolSearch in its client).
IGNORED = re.compile("[ \\-():'\"]")


@pytest.mark.parametrize("word", ["nebulab", "lab", "python", "deep learning", "Jupyter", "notebook"])
@pytest.mark.parametrize("tool", TOOLS)
def test_galaxys_search_finds_the_tools(tool: str, word: str) -> None:
    """It looks for what was typed in a tool's name and in its description, each for itself."""
    root = ElementTree.parse(CHECKOUT / "galaxy-tools" / f"{tool}.xml").getroot()
    texts = (root.get("name", ""), root.findtext("description", ""))
    assert any(IGNORED.sub("", word.lower()) in IGNORED.sub("", text.lower()) for text in texts)


def _macros(tmp_path: Path, limits: Limits) -> dict[str, str]:
    settings = StackSettings(tmp_path / "data", tmp_path / "environments", CHECKOUT)
    folder = tools.lay_out(settings, limits)
    assert (folder / "run_jupyter_job.xml").resolve() == CHECKOUT / "galaxy-tools" / "run_jupyter_job.xml"
    root = ElementTree.parse(folder / "macros.xml").getroot()
    assert root.find("xml[@name='user_inputs']") is not None
    return {token.get("name", ""): token.text or "" for token in root.iter("token")}


def test_the_forms_say_what_this_machine_gives(tmp_path: Path) -> None:
    macros = _macros(tmp_path, LIMITS)
    assert macros["@SESSION_GETS@"] == (
        "Your session gets 2 processor cores, 6 GB of memory and no GPU, since this machine has none that works. "
        "It ends by itself after 2 hours in which nothing was computed."
    )
    assert macros["@JOB_GETS@"].startswith("The job gets 1 processor core, 6 GB of memory and no GPU")


@pytest.mark.parametrize(
    ("minutes", "told"),
    [
        (0, "It runs until you stop it."),
        (1, "after 1 minute in"),
        (60, "after 1 hour in"),
        (150, "after 2 hours 30 min"),
    ],
)
def test_the_form_says_when_a_session_ends(tmp_path: Path, minutes: int, told: str) -> None:
    assert told in _macros(tmp_path, replace(LIMITS, idle_minutes=minutes))["@SESSION_GETS@"]


def test_a_gpus_name_can_be_anything(tmp_path: Path) -> None:
    told = _macros(tmp_path, replace(LIMITS, gpus="NVIDIA <A100> & \\1 80 GiB"))["@SESSION_GETS@"]
    assert "and the GPU NVIDIA <A100> & \\1 80 GiB." in told


def test_each_token_of_the_forms_has_a_text_for_other_servers_too() -> None:
    texts = [path.read_text() for path in (CHECKOUT / "galaxy-tools").glob("*.xml")]
    told = set(re.findall('<token name="(@[A-Z_]+@)">[^<]', "".join(texts)))
    for path, text in zip((CHECKOUT / "galaxy-tools").glob("*.xml"), texts, strict=True):
        used = set(re.findall("@(?:SESSION_GETS|JOB_GETS|WHY_INPUTS)@", text))
        assert used <= told, path

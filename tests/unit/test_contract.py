"""What two processes agree on stands in `nebulab.contract`, and what can't import it has the same.

Shell scripts, container files, tool XML and what runs inside Galaxy keep literals: they are read here and compared.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from nebulab import contract

CHECKOUT = Path(__file__).parents[2]
SOURCES = sorted((CHECKOUT / "src").rglob("*.py"))
KNOWN = {value for value in vars(contract).values() if isinstance(value, str) and value.startswith("NEBULAB_")}
# Also as engines are told them: docker_env_NEBULAB_DOOR, APPTAINERENV_NEBULAB_STATE.
NAME = re.compile(r"(?:\b|_env_|ENV_)(NEBULAB_[A-Z0-9]\w*)")
ELSEWHERE = ("nebulab", "deploy", "galaxy-tools", "image", "examples", "bench", "tests", "docs", ".ci", "README.md")
ENGINE = (CHECKOUT / "deploy" / "galaxy" / "engine.sh").read_text(encoding="utf-8")


def texts(*places: str) -> Iterator[tuple[Path, str]]:
    """Yield the text files in the checkout's `places` with their content."""
    for place in places:
        path = CHECKOUT / place
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_file() and not {"node_modules", "__pycache__"} & set(file.parts):
                try:
                    yield file, file.read_text(encoding="utf-8")
                except UnicodeDecodeError:
                    continue


def test_a_name_stands_in_the_contract_once() -> None:
    names = re.findall(r'"(NEBULAB_\w+)"', Path(contract.__file__).read_text(encoding="utf-8"))
    assert sorted(names) == sorted(KNOWN)


def test_code_takes_a_variables_name_from_the_contract() -> None:
    literal = {}
    for path in SOURCES:
        nodes = ast.walk(ast.parse(path.read_bytes()))
        strings = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        literal[path] = {text for text in strings if NAME.fullmatch(text)}
    assert {path.name for path, names in literal.items() if names} == {Path(contract.__file__).name}


def test_what_one_process_sets_another_reads() -> None:
    """A name that is used in one place only is set by nobody, or read by nobody."""
    section = Path(contract.__file__).read_text(encoding="utf-8").partition("# Set by one of Nebulab's processes")[2]
    files = texts("src", "deploy", "galaxy-tools", "image")
    around = "".join(text for path, text in files if path != Path(contract.__file__))
    around = re.sub(r"^from nebulab.contract import .*$", "", around, flags=re.MULTILINE)
    uses = {
        name: len(re.findall(rf"\b{constant}\b|\b{name}\b", around))
        for constant, name in re.findall(r'^(\w+) = "(NEBULAB_\w+)"', section, re.MULTILINE)
    }
    assert len(uses) > 5
    assert {name for name, count in uses.items() if count < 2} == set()


def test_a_line_of_the_log_is_found_by_the_training() -> None:
    log = f"00:00:05  {contract.cell_ran(2, 3, '1 min 05 s', 'memory 0.10 GB (peak 0.20)')}\n"
    spoof = "          | cell 9/9 ran in 1 s  memory 9 GB\n"
    found = re.findall(contract.CELL_RAN, log + spoof, re.MULTILINE)
    assert found == [("2", "3", "memory 0.10 GB (peak 0.20)")]


def test_nothing_uses_a_variable_that_the_contract_does_not_know() -> None:
    unknown = {
        f"{path.relative_to(CHECKOUT)}: {name}"
        for path, text in texts("src", *ELSEWHERE)
        if path != Path(__file__)
        for name in NAME.findall(text)
        # What ends so is the beginning of several names.
        if name not in KNOWN and not name.endswith("_")
    }
    assert unknown == set(), "add it to src/nebulab/contract.py"


@pytest.mark.parametrize("known", ["x=${NEBULAB_NEW:-1}", 'docker_env_NEBULAB_NEW: "1"', "APPTAINERENV_NEBULAB_NEW=1"])
def test_a_variable_is_found_however_it_is_written(known: str) -> None:
    assert NAME.findall(known) == ["NEBULAB_NEW"]
    assert NAME.findall("$_NEBULAB_OWNED of the script's own") == []


def test_the_worker_has_the_same_sockets() -> None:
    code = (CHECKOUT / "deploy" / "galaxy" / "nebulab_worker" / "messages.py").read_text(encoding="utf-8")
    assert re.findall(r'^TASKS = "(.*)"', code, re.MULTILINE) == [contract.WORKER_TASKS]
    assert re.findall(r'^ALIVE = "(.*)"', code, re.MULTILINE) == [contract.WORKER_ALIVE]


def test_the_tools_have_the_same_port_file_and_name() -> None:
    tools = CHECKOUT / "galaxy-tools"
    session = ElementTree.parse(tools / "interactive_tool_ml_jupyter_notebook.xml").getroot()
    job = ElementTree.parse(tools / "run_jupyter_job.xml").getroot()
    assert [port.text for port in session.iter("port")] == [str(contract.CONTAINER_PORT)]
    assert job.get("id") == contract.JOB_TOOL
    for tool in (session, job):
        assert [found.get("filename") for found in tool.findall("./configfiles/inputs")] == [contract.INPUTS_FILE]
        assert f"--inputs {contract.INPUTS_FILE}" in str(tool.findtext("command"))
    named = [str(element.get("name")) for element in job.iter("element")]
    assert any(name.startswith(contract.MODEL_PREFIX) for name in named)


def test_the_image_has_the_same_port() -> None:
    text = (CHECKOUT / "image" / "Containerfile").read_text(encoding="utf-8")
    assert re.findall(r"^EXPOSE (\d+)", text, re.MULTILINE) == [str(contract.CONTAINER_PORT)]


def test_the_engines_script_writes_the_same_report() -> None:
    assert f"$_GALAXY_JOB_DIR/{contract.RUNTIME_REPORT_FILE}" in ENGINE
    [report] = re.findall(r"printf '(\{.*\})'", ENGINE)
    assert json.loads(report.replace("%d", "4711")) == contract.runtime_report("127.0.0.1", 4711)


def test_the_engines_script_leaves_secrets_in_the_same_files() -> None:
    assert contract.KEY_FILE_NAME in ENGINE
    assert contract.TICKET_FILE_NAME in ENGINE


def test_the_example_destination_has_the_same_sockets_and_files() -> None:
    text = (CHECKOUT / "deploy" / "galaxy" / "job_conf.containers.yml").read_text(encoding="utf-8")
    environments = yaml.safe_load(text)["execution"]["environments"].values()
    told = {name.removeprefix("docker_env_"): value for one in environments for name, value in one.items()}
    assert [told[name] for name in (contract.DOOR, contract.EGRESS, contract.GALAXY_SOCKET)] == [
        f"{contract.DOOR_FOLDER}/{name}"
        for name in (contract.DOOR_ENTRANCE, contract.DOOR_EGRESS, contract.DOOR_GALAXY)
    ]
    assert told[contract.KEY_FILE] == contract.KEY_FILE_NAME
    assert told[contract.TICKET_FILE] == contract.TICKET_FILE_NAME

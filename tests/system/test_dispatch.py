"""`nebulab run`, `export` and `verify` as people type them: in a checkout, in a session's terminal, installed alone."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

import nebulab
from nebulab import contract
from support.session import typed_in_terminal
from support.stack import ENVIRONMENTS, ROOT

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("installed")]

# scikit-learn is in the kernels' environment alone.
CELL = "import sklearn.linear_model as lm\nmodel = lm.LinearRegression().fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)]), folder / "x.ipynb")
    return folder


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program `nebulab` as `uv tool install` makes it of the wheel."""
    folder = tmp_path_factory.mktemp("alone")
    uv = [sys.executable, "-m", "uv", "--no-config", "--quiet"]
    subprocess.run([*uv, "build", "--wheel", "--out-dir", folder, ROOT], check=True)
    variables = os.environ | {"UV_TOOL_DIR": str(folder / "tools"), "UV_TOOL_BIN_DIR": str(folder / "bin")}
    subprocess.run([*uv, "tool", "install", next(folder.glob("*.whl"))], env=variables, check=True)
    return folder / "bin" / "nebulab"


def typed(program: Path, *arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NEBULAB_")}
    return subprocess.run(
        [str(program), *arguments],
        cwd=folder,
        env=environment | {"HOME": str(folder)} | variables,
        capture_output=True,
        text=True,
        timeout=900,
    )


def assert_all_work(program: Path, work: Path, **variables: str) -> None:
    ran = typed(program, "run", "x.ipynb", folder=work, **variables)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    # The kernel has the libraries, and the model is proven: neither a bare kernel nor one without nebulab.
    [model] = (work / "x.run" / "models").glob("*.onnx")
    verified = typed(program, "verify", str(model), folder=work, **variables)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    (work / "model.txt").write_text("no model")
    exported = typed(program, "export", "model.txt", folder=work, **variables)
    assert exported.returncode == 2
    assert "model.txt can't be read" in exported.stderr


def test_in_a_checkout(work: Path) -> None:
    assert_all_work(ROOT / "nebulab", work, **{contract.ENVIRONMENTS: str(ENVIRONMENTS)})


def test_installed_alone_on_a_machine_with_environments(alone: Path, work: Path) -> None:
    assert_all_work(alone, work, **{contract.ENVIRONMENTS: str(ENVIRONMENTS)})


@pytest.mark.parametrize("arguments", [("run", "x.ipynb"), ("export", "x.ipynb"), ("verify", "x.ipynb"), ("up",)])
def test_installed_alone_and_nothing_else(alone: Path, work: Path, arguments: tuple[str, ...]) -> None:
    ended = typed(alone, *arguments, folder=work)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert "./nebulab in a checkout" in ended.stderr
    assert len(ended.stderr.splitlines()) <= 4


@pytest.fixture
def session(work: Path, tmp_path: Path) -> Iterator[str]:
    """A session that serves the folder; its address with the token."""
    variables = {"NEBULAB_STATE": str(tmp_path / "own"), "NEBULAB_KERNELS": str(ENVIRONMENTS / "kernels")}
    with subprocess.Popen(
        [ENVIRONMENTS / "lab" / "bin" / "nebulab", "session", "--standalone"],
        cwd=work,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        told = ""
        for line in process.stdout:
            told += line
            if found := re.search(r"Open (http://\S+)", line):
                break
        assert found, told
        yield found[1]
        process.terminate()
        process.communicate(timeout=60)


def test_in_a_sessions_terminal(session: str, work: Path) -> None:
    base, _, token = session.partition("/nebulab/start?token=")
    line = "nebulab run x.ipynb && nebulab verify x.run/models/*.onnx; which nebulab; nebulab -h"
    shown = asyncio.run(typed_in_terminal(base, token, line))
    assert "1 model" in shown, shown
    assert "Checked on 3 rows of the training data" in shown, shown
    assert "Traceback" not in shown


def test_python_m_is_this_python(tmp_path: Path) -> None:
    """As jobs call it: handed over to nobody."""
    variables = os.environ | {"PYTHONPATH": str(Path(nebulab.__file__).parents[1])}
    command = [sys.executable, "-m", "nebulab", "verify", __file__]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=variables)
    assert f"and {sys.prefix} has not got it" in ended.stderr, ended.stderr

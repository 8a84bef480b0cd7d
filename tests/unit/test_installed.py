"""README, the tools' help and the advice beside a failed import tell of what is installed, and of nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nebulab.kernel.advice.missing import FRAMEWORKS, OTHERWISE_NAMED

CHECKOUT = Path(__file__).parents[2]
REQUIREMENTS = CHECKOUT / "requirements"
SESSION_TOOL, JOB_TOOL = "interactive_tool_ml_jupyter_notebook.xml", "run_jupyter_job.xml"
PARTS = frozenset(
    {
        *("click", "httpx", "ipykernel", "nvidia-ml-py", "pip", "protobuf", "psutil"),
        *("jax2onnx", "onnxmltools", "onnxscript", "safetensors", "skl2onnx", "tf2onnx"),
    }
)
"""What kernels and exports need, and nobody looks for in a list."""
_NAME = re.compile(r"^[A-Za-z0-9][\w.-]*")


def listed(path: Path) -> set[str]:
    """Return the packages of a list of requirements or of a lock, those for processors by their plain names."""
    names = (_NAME.match(line) for line in path.read_text().splitlines())
    return {match[0].lower().removesuffix("-cpu") for match in names if match}


def told(path: Path) -> set[str]:
    """Return the packages that a text says are installed."""
    text = " ".join(path.read_text().split())
    sentence = text[text.index("Installed for notebooks:") :].partition(" and what they need")[0]
    return set(re.findall(r"`+([\w-]+)`+", sentence))


@pytest.mark.parametrize("name", ["README.md", f"galaxy-tools/{SESSION_TOOL}", f"galaxy-tools/{JOB_TOOL}"])
def test_a_text_tells_what_is_installed(name: str) -> None:
    assert told(CHECKOUT / name) == listed(REQUIREMENTS / "kernels.in") - PARTS


def test_the_lock_has_what_is_listed() -> None:
    assert listed(REQUIREMENTS / "kernels.in") <= listed(REQUIREMENTS / "kernels.txt")


@pytest.mark.parametrize("module", ["cv2", "nibabel", "skimage", "numba", "Bio", "tensorflow", "jax", "tf_keras"])
def test_what_notebooks_of_the_predecessor_import_is_installed(module: str) -> None:
    assert OTHERWISE_NAMED.get(module, module).lower() in listed(REQUIREMENTS / "kernels.txt")


@pytest.mark.parametrize("module", FRAMEWORKS)
def test_the_variants_that_are_named_have_the_framework(module: str) -> None:
    package = FRAMEWORKS[module][1].partition("[")[0]
    # The lock of PyTorch's build for processors goes on top of that of its variant.
    locks = {
        variant: {
            package
            for lock in (REQUIREMENTS / "image" / f"{variant}.txt", REQUIREMENTS / "image" / f"torch-{variant}.txt")
            if lock.is_file()
            for package in listed(lock)
        }
        for variant in ("cpu", "cuda12", "tensorflow-cuda12", "torch-jax-cuda13")
    }
    assert {variant for variant, packages in locks.items() if package in packages} == set(FRAMEWORKS[module][2])


def test_pytorch_is_not_installed_as_the_texts_say() -> None:
    assert "torch" not in listed(REQUIREMENTS / "kernels.txt")

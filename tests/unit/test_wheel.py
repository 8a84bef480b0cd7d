"""What the wheel takes from outside of `src` is there wherever a wheel is built."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from nebulab.stack.environments import _PACKAGED

CHECKOUT = Path(__file__).parents[2]
TAKEN = sorted(
    tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"][
        "force-include"
    ]
)


def test_the_stacks_environments_are_built_anew_after_a_change_of_it() -> None:
    assert set(TAKEN) <= set(_PACKAGED)


def test_it_has_every_example_of_the_checkout() -> None:
    examples = {f"examples/{path.name}" for path in (CHECKOUT / "examples").iterdir() if path.is_dir()}
    assert examples <= set(TAKEN)


@pytest.mark.parametrize("file", ["image/Containerfile", "deploy/portal/Containerfile"])
def test_an_image_is_given_it(file: str) -> None:
    ignored = (CHECKOUT / ".dockerignore").read_text().splitlines()
    assert [f"!{each}" for each in TAKEN if f"!{each}" not in ignored] == []
    written = (CHECKOUT / file).read_text()
    assert [each for each in TAKEN if f"COPY {each} /source/{each}\n" not in written] == []

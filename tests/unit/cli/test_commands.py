"""A command's file holds a command and no logic, and each of its options arrives where it is read."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from nebulab import cli, dispatch, notebooks
from nebulab.laptop import settings as laptop
from nebulab.stack.settings import StackSettings

FILES = sorted(Path(cli.__file__).parent.glob("[a-z]*.py"))
MOST_STATEMENTS = 12
"""Of one command, the text that teaches aside: what is longer belongs into the room that the command is about."""


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    yield from (node for node in ast.parse(path.read_bytes()).body if isinstance(node, ast.FunctionDef))


def statements(function: ast.FunctionDef) -> int:
    return sum(isinstance(node, ast.stmt) for node in ast.walk(function)) - 2


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_command_has_no_logic(path: Path) -> None:
    assert [function.name for function in functions(path) if not function.decorator_list] == []
    assert [function.name for function in functions(path) if statements(function) > MOST_STATEMENTS] == []


def _names(command: str) -> set[str]:
    found = importlib.import_module(f"nebulab.cli.{command}").command
    assert isinstance(found, click.Command)
    return {str(parameter.name) for parameter in found.params}


def _parameters(function: object) -> set[str]:
    assert callable(function)
    return set(inspect.signature(function).parameters)


@pytest.mark.parametrize(
    ("command", "own", "read"),
    [
        ("up", {"detach", "open_browser", "reinstall"}, {field.name for field in fields(StackSettings)}),
        ("lab", {"open_browser", "no_container", "galaxy", "history", "forget"}, _parameters(laptop.read)),
        ("run", {"max_object_gb", "harvest_seconds", "in_place", "failure"}, _parameters(notebooks.run)),
    ],
)
def test_options_that_are_handed_on_have_the_name_by_which_they_are_read(
    command: str, own: set[str], read: set[str]
) -> None:
    assert _names(command) >= own
    assert _names(command) - own <= read


@pytest.mark.parametrize("typed", ["access --help", "access course approve --help", "portal --help"])
def test_help_needs_no_environment(typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def installs(environment: str) -> None:
        raise AssertionError(environment)

    monkeypatch.setattr(dispatch, "hand_over", installs)
    name, *words = typed.split()
    monkeypatch.setattr("sys.argv", ["nebulab", name, *words])
    command = importlib.import_module(f"nebulab.cli.{name}").command
    answer = CliRunner().invoke(command, words, catch_exceptions=False)
    assert answer.exit_code == 0 and "Usage:" in answer.output

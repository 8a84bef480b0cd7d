"""The command line: one file a command, loaded only when that command is called; runs in a terminal."""

from __future__ import annotations

import importlib
import sys
from typing import NoReturn

import click

from nebulab import __version__
from nebulab.errors import NebulabError, SettingsError

COMMANDS = {
    "up": "Start Galaxy, the proxy and the tools, and print the addresses.",
    "down": "Stop the running stack and every session in it.",
    "status": "Show each part, how it is, and everybody's sessions.",
    "logs": "Show what the parts wrote.",
    "backup": "Write a stack's data into one file.",
    "restore": "Make a data folder out of such a file.",
    "doctor": "Check this machine, and say what each missing thing costs.",
    "run": "Run a notebook or a script without a browser, and keep what it makes.",
    "pipeline": "Check and run pipelines of notebooks, here or on Galaxy.",
    "export": "Export a saved model to ONNX, with proof.",
    "verify": "Show what an ONNX file takes and gives, and its proof.",
    "job": "Run a notebook as a job (called by the Galaxy tool).",
    "lab": "Open this folder in JupyterLab, on your own machine.",
    "session": "Run one JupyterLab session (called by the Galaxy tool).",
    "packages": "Show what you added to a session, save the list, or undo it.",
    "portal": "Serve the portal where people apply for GPUs, beside Galaxy.",
    "access": "Show and decide who may use GPUs.",
    "door": "Let sessions in and out of containers without a network.",
    "image": "Build the container image, and verify it.",
    "test": "Run the project's tests.",
    "bench": "Measure against the goals, and print the table of ratios.",
}


INTERNAL = frozenset({"job", "session"})
"""Called by Galaxy's tools; their own --help tells of them."""


class _LazyGroup(click.Group):
    """Imports a command's file when it is called, so that `nebulab session` starts without the stack's libraries."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"nebulab.cli.{cmd_name}").command
        assert isinstance(command, click.Command)  # noqa: S101 - a programming error, not an input
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, text in COMMANDS.items() if name not in INTERNAL])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nebulab")
@click.option("--debug", is_flag=True, help="Show the whole traceback of an error.")
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """A GPU JupyterLab beside your data, for the Galaxy platform.

    Start with `nebulab up`: it installs what is missing, starts a Galaxy on this
    machine and prints the address to open.
    """
    ctx.obj = {"debug": debug}


def main() -> None:
    """Run the command line; an error of ours is printed in two lines, what happened and what to do next."""
    debug = "--debug" in sys.argv[1:]
    try:
        cli()
    except NebulabError as error:
        if debug:
            raise
        _fail(error)
    except ModuleNotFoundError as error:
        if debug or str(error.name).startswith("nebulab"):
            raise
        _fail(
            SettingsError(
                f"This command needs the package {error.name}, and {sys.prefix} has not got it.",
                "Call it as ./nebulab in a checkout of the repository, which installs what each command needs.",
            )
        )


def _fail(error: NebulabError) -> NoReturn:
    click.secho(f"nebulab: {error.message}", fg="red", err=True)
    if error.hint:
        click.echo(error.hint, err=True)
    sys.exit(error.exit_code)

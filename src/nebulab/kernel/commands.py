"""The predecessor's commands `get`, `put` and `get_user_history`; run in a terminal beside the notebook."""

from __future__ import annotations

import json

import click

from nebulab import kernel
from nebulab.errors import NebulabError

_HISTORY = click.option("--history-id", default=None, help="Another history than that of this session.")


class _Command(click.Command):
    """Takes all values that follow an option (`-i 1 2 3`), as argparse does, and tells errors without a traceback."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        repeatable = {
            name for parameter in self.params if getattr(parameter, "multiple", False) for name in parameter.opts
        }
        spread: list[str] = []
        current = ""
        for argument in args:
            if argument.startswith("-") and argument != "-":
                current = argument if argument in repeatable else ""
                spread.append(argument)
            elif current and spread[-1] != current:
                spread += [current, argument]
            else:
                spread.append(argument)
        return super().parse_args(ctx, spread)

    def invoke(self, ctx: click.Context) -> None:
        try:
            super().invoke(ctx)
        except NebulabError as error:
            click.echo(str(error), err=True)
            ctx.exit(error.exit_code)


@click.command(cls=_Command)
@click.option("-i", "--id", "identifiers", multiple=True, required=True, help="Numbers, names or patterns of datasets.")
@click.option(
    "-t",
    "--identifier_type",
    type=click.Choice(["hid", "name", "regex"]),
    default="hid",
    show_default=True,
    help="What the identifiers are.",
)
@_HISTORY
def get(identifiers: tuple[str, ...], identifier_type: str, history_id: str | None) -> None:
    """Download datasets of the history, and print where they lie."""
    paths = kernel.get(list(identifiers), identifier_type, history_id)
    click.echo(paths if isinstance(paths, str) else "\n".join(paths))


@click.command(cls=_Command)
@click.option("-p", "--filepath", "paths", multiple=True, required=True, help="Files to upload.")
@click.option("-t", "--filetype", default="auto", show_default=True, help="Galaxy's datatype.")
@_HISTORY
def put(paths: tuple[str, ...], filetype: str, history_id: str | None) -> None:
    """Upload files to the history."""
    kernel.put(list(paths), filetype, history_id)


@click.command(cls=_Command)
@_HISTORY
def get_user_history(history_id: str | None) -> None:
    """Print what the history holds, as JSON."""
    click.echo(json.dumps(kernel.get_user_history(history_id), indent=2))

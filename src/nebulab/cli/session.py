"""`nebulab session`: one JupyterLab session, as the Galaxy tool starts it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

_FILE = click.Path(path_type=Path)


class _WithVariables(click.Command):
    """Shows, below the options, the environment variables that a session reads, from where they are declared."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from nebulab.session import credentials, standalone
        from nebulab.session.page import Page
        from nebulab.session.settings import SessionSettings
        from nebulab.variables import Setting, declared

        def write(title: str, *settings: Setting) -> None:
            with formatter.section(title):
                formatter.write_dl([(setting.name, setting.help) for setting in settings])

        keys = (credentials.KEY, credentials.KEY_FILE, credentials.TICKET_FILE)
        write("Environment variables", *keys, *declared(SessionSettings).values())
        write("And with --standalone", standalone.STATE, *declared(Page).values())
        formatter.write_paragraph()
        formatter.write_text("docs/settings.md has their defaults, and what each may hold.")


@click.command(cls=_WithVariables)
@click.option("--inputs", type=_FILE, help="Galaxy's JSON of the tool's inputs.")
@click.option("--notebook-output", type=_FILE, help="The dataset that gets the notebook which was saved last.")
@click.option("--datatypes", type=_FILE, help="JSON list of the datatypes' extensions that Galaxy knows.")
@click.option("--mode", type=click.Choice(["scratch"]), help="Without --inputs: start with the default notebooks.")
@click.option("--standalone", is_flag=True, help="Serve this folder to one person, without Galaxy.")
@click.option("--stdin", is_flag=True, help="Read API_KEY and JUPYTER_TOKEN as a line of JSON, end when it closes.")
def command(
    inputs: Path | None,
    notebook_output: Path | None,
    datatypes: Path | None,
    mode: str | None,
    standalone: bool,
    stdin: bool,
) -> None:
    """Run one JupyterLab session in this folder, to its end.

    The Galaxy tool calls it in a job's working folder. By hand it needs nothing:

    \b
      mkdir try && cd try && nebulab session --mode scratch

    prints the address to open. The user's files are in ./jupyter, and what is
    saved to ./jupyter/outputs is listed in ./galaxy.json, which Galaxy collects.

    With --standalone it serves the folder itself and collects nothing: what the
    container does, and a laptop's `cd analysis && nebulab session --standalone`.
    """
    from nebulab.session import commands

    named = {"inputs": inputs, "notebook_output": notebook_output, "datatypes": datatypes, "mode": mode}
    sys.exit(commands.session(named, alone=standalone, secrets=sys.stdin if stdin else None))

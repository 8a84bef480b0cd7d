"""`nebulab lab`: a folder in JupyterLab, on a person's own machine."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from nebulab.laptop.settings import GPUS


@click.command
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".")
@click.option("--open", "open_browser", is_flag=True, help="Open the browser when the Lab answers.")
@click.option("--port", type=click.IntRange(1024, 65535), help="The Lab's port.  [default: the last, else a free one]")
@click.option("--gpus", type=click.Choice(GPUS), default="auto", show_default=True, help="GPUs that notebooks may use.")
@click.option("--memory", metavar="SIZE", help="What the Lab may take, such as 8g.  [default: 3/4 of the machine's]")
@click.option("--no-container", is_flag=True, help="Use environments of this machine, also where an engine works.")
@click.option("--engine", type=click.Choice(["docker", "podman"]), help="The engine.  [default: the first that works]")
@click.option(
    "--image", metavar="NAME", help="The image; pulled if the name has a registry.  [default: nebulab:cpu, or a GPU's]"
)
@click.option("--build", is_flag=True, help="Build the image if it is not here.")
@click.option("--galaxy", metavar="URL", help="The Galaxy that notebooks reach with history, get, put.")
@click.option("--history", metavar="NAME|ID", help="With --galaxy: the history.  [default: the one used last]")
@click.option("--forget", is_flag=True, help="With --galaxy: remove its API key from the keyring, and do nothing else.")
def command(
    folder: Path,
    open_browser: bool,
    no_container: bool,
    galaxy: str | None,
    history: str | None,
    forget: bool,
    **options: Any,
) -> None:
    """Open FOLDER (default: this one) in JupyterLab on this machine, and print the address with its secret token.

    \b
    Examples:
      nebulab lab                              this folder; Ctrl-C ends it
      nebulab lab ~/analysis --open            another one, in the browser
      nebulab lab --build                      build the image first, once
      nebulab lab --no-container               without Docker or podman
      nebulab lab --galaxy https://usegalaxy.eu --history "My analysis"
      nebulab lab --galaxy https://usegalaxy.eu --forget

    With Docker or podman the Lab runs in a container that sees FOLDER and
    nothing else of yours; without, in environments that are installed once (a
    few minutes), in bubblewrap where that works. Only this machine can reach it.
    What you `%pip install` is kept for this folder. Each folder has a Lab of its
    own, and several run side by side.

    With --galaxy it asks for your API key, once: the system's keyring keeps it.
    Where there is none, it asks each time, or takes it from the variable API_KEY.
    Notebooks never see the key. docs/laptop.md tells more.
    """
    from nebulab.laptop import lab, login, settings

    console = Console(highlight=False)
    if forget:
        console.print(login.forget(galaxy), soft_wrap=True)
        return
    chosen = settings.read(folder, os.environ, container=not no_container, **options)
    person = login.at_terminal(galaxy, history, os.environ, console)
    sys.exit(
        lab.serve(chosen, console, login=person, environ=os.environ, opens=webbrowser.open if open_browser else None)
    )

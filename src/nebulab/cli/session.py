"""`nebulab session`: one JupyterLab session, as the Galaxy tool starts it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

_FILE = click.Path(path_type=Path)


@click.command()
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

    \b
    Read from the environment:
      GALAXY_URL, API_KEY, HISTORY_ID, NEBULAB_JOB_ID   the job (set by the tool)
      NEBULAB_KEY_FILE        the key in a file, which is deleted, instead of API_KEY
      NEBULAB_GALAXY_SOCKET   leads to Galaxy where GALAXY_URL does not
      NEBULAB_RUNTIME_REPORT  where to write the port, if not where Galaxy looks
      NEBULAB_DOOR, NEBULAB_TICKET_FILE, NEBULAB_EGRESS   the ways in and out of a
                              container without network; see `nebulab door --help`
      JUPYTER_TOKEN           the page's secret token; made when absent
      NEBULAB_KERNELS         folder of the kernels' environment
      NEBULAB_PRELOAD         libraries that every kernel has imported already, as
                              "torch tensorflow jax": seconds for a gigabyte
      NEBULAB_ISOLATION       auto (default), bubblewrap, none or container
      NEBULAB_HIDE            folders that notebooks must not see, with colons
      NEBULAB_IDLE_MINUTES    end after so long without computing (120)
      NEBULAB_WATCH_SECONDS   ask Galaxy for the job's state so often (10)
      NEBULAB_CLONE_SCHEMES   kinds of repository addresses (https,ssh)
      NEBULAB_CLONE_SECONDS   time limit of a clone (300)
      NEBULAB_MAX_OUTPUTS     files that Galaxy takes from one job (10000)
      GALAXY_MEMORY_MB        end the largest kernel before the session needs more
      NEBULAB_DISK_MB         hold what writes when all files together take more

    \b
    And with --standalone:
      PROXY_PREFIX            path that a proxy puts before the Lab's /ipython/
      NOTEBOOK_PASSWORD       a second way in, beside the token; plain or hashed
      CORS_ORIGIN             the one other origin that may talk to the Lab
      NEBULAB_STATE           folder of the user's own packages (~/.nebulab)
      NEBULAB_PORT            where the Lab listens; any free port when absent
    """
    from nebulab import linux
    from nebulab.session import credentials, settings
    from nebulab.session import standalone as alone
    from nebulab.session.run import run

    linux.keep_memory_private()
    key = credentials.take_key()
    ticket = credentials.take_ticket()
    secrets = alone.secrets(sys.stdin) if stdin else {}
    key = secrets.pop("API_KEY", key)
    told = settings.read(
        {**os.environ, **secrets},
        root=Path.cwd(),
        key=key,
        ticket=ticket,
        held=stdin,
        inputs=inputs,
        notebook_output=notebook_output,
        datatypes=datatypes,
        mode=mode,
        layout=alone.layout(Path.cwd(), os.environ) if standalone else None,
    )
    credentials.forget("JUPYTER_TOKEN")
    credentials.forget("NOTEBOOK_PASSWORD")
    sys.exit(run(told, dict(os.environ)))

"""`nebulab up`: install, configure and start the stack."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from nebulab.cli import options
from nebulab.contract import ISOLATIONS
from nebulab.stack import control
from nebulab.stack.settings import (
    DEFAULT_CLONE_SCHEMES,
    DEFAULT_CORES,
    DEFAULT_IDLE_MINUTES,
    DEFAULT_IMAGE,
    DEFAULT_MAX_SESSIONS,
    DEFAULT_PROCESSES,
    NETWORKS,
    PROXIES,
    read_settings,
)


@click.command
@options.data_dir
@click.option(
    "--port",
    "galaxy_port",
    type=click.IntRange(1, 65535),
    help="Galaxy's port.  [default: the last one, else a free one]",
)
@click.option("--proxy-port", type=click.IntRange(1, 65535), help="The port of the sessions' proxy.  [default: same]")
@click.option("--portal-port", type=click.IntRange(1, 65535), help="The access portal's port.  [default: same]")
@click.option(
    "--isolation",
    type=click.Choice(ISOLATIONS),
    help="What keeps sessions apart: auto takes a container where the image is there, else a sandbox (bubblewrap), and"
    " says which.  [default: auto]",
)
@click.option("--image", metavar="TAG", help=f"The image of sessions in containers.  [default: {DEFAULT_IMAGE}]")
@click.option(
    "--network",
    type=click.Choice(NETWORKS),
    help="What --isolation container gives sessions: sealed leads to Galaxy and, by an HTTP proxy, to the internet "
    "(pip, uv, git, curl), and to nothing of this machine and its network; open is the engine's own network, for "
    "notebooks that need raw connections and interactive tools of your own.  [default: sealed]",
)
@click.option(
    "--allow",
    multiple=True,
    metavar="HOST[:PORT]",
    help="Let sealed sessions reach this host or network (10.1.0.0/16) too; may be repeated.",
)
@click.option(
    "--show",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Let sessions in bubblewrap read this folder, as one of /data, /mnt, /opt or /srv, which they see empty; may "
    "be repeated.",
)
@click.option(
    "--proxy",
    type=click.Choice(PROXIES),
    help="The sessions' proxy: ours, or the one of servers (needs a C++ compiler).  [default: builtin]",
)
@click.option(
    "--idle-minutes",
    type=click.IntRange(0),
    help=f"End a session after so long without kernel activity; 0: never.  [default: {DEFAULT_IDLE_MINUTES}]",
)
@click.option(
    "--max-sessions",
    type=click.IntRange(1),
    help=f"How many sessions run at once; a further one waits its turn.  [default: {DEFAULT_MAX_SESSIONS}]",
)
@click.option(
    "--require-access/--no-require-access",
    default=None,
    help="Whether the tools run only for people who were given access in the portal; else for everybody who has an "
    "account here.  [default: as last time, at first for everybody]",
)
@click.option(
    "--tool-conf",
    "tool_confs",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Offer the tools of this list too (Galaxy's tool_conf.xml format); may be repeated.",
)
@click.option(
    "--clone-schemes",
    metavar="LIST",
    help=f"Kinds of repository addresses that sessions may clone.  [default: {DEFAULT_CLONE_SCHEMES}]",
)
@click.option(
    "--worker/--no-worker",
    default=None,
    help="Keep a process that has imported Galaxy: uploads and the ends of jobs take a second in place of ten, for "
    "0.4 GB of memory.  [default: --worker]",
)
@click.option(
    "--stuck-minutes",
    type=click.FloatRange(0, min_open=True),
    metavar="N",
    help="Kill an upload, or what follows a job, that has neither computed nor read nor written for so long.  "
    "[default: 15]",
)
@click.option(
    "--frameworks",
    metavar="LIST",
    help="Bring these frameworks to notebooks: torch, jax, tensorflow, with commas between them, or all; where there "
    "is a GPU, their builds for it. none goes back to what a plain start brings, TensorFlow and JAX for processors.  "
    "[default: as last time]",
)
@click.option("--session-cores", type=click.IntRange(1), help=f"Processors of one session.  [default: {DEFAULT_CORES}]")
@click.option("--session-memory", "session_memory_mb", metavar="SIZE", help="Memory of one session.  [default: 20g]")
@click.option(
    "--session-disk", "session_disk_mb", metavar="SIZE", help="What one session may write to the disk.  [default: 250g]"
)
@click.option(
    "--session-processes",
    type=click.IntRange(64),
    help=f"Processes and threads of one session in a container.  [default: {DEFAULT_PROCESSES}]",
)
@click.option(
    "--user",
    metavar="NAME",
    help="Where root starts it: the ordinary user as whom Galaxy and sessions run, or root.  [default: whose "
    "the data folder is, where that works]",
)
@click.option("--detach", is_flag=True, help="Return when all parts answer, and leave them running.")
@click.option("--open", "open_browser", is_flag=True, help="Open Galaxy in the browser when it is ready.")
@click.option("--reinstall", is_flag=True, help="Make the Python environments anew.")
def command(detach: bool, open_browser: bool, reinstall: bool, **options: Any) -> None:
    """Install what is missing, start Galaxy and the sessions' proxy, and print their addresses.

    \b
    Examples:
      nebulab up                        stay in the foreground; Ctrl-C stops everything
      nebulab up --detach --open        go on in the background, open the browser
      nebulab up --data-dir ~/try       a second, independent Galaxy
      nebulab up --frameworks torch     PyTorch for notebooks, from now on
      nebulab up --frameworks all       PyTorch, JAX and TensorFlow, for this GPU

    The first start installs four Python environments (a few minutes); later ones
    install nothing. What an install takes is told before it begins; interrupted, the
    next start goes on with it, and what was there works until the new is whole, also
    for sessions that run. Everything lies in one folder, everything listens on this
    machine only. The passwords of an administrator and a user are printed once.
    A session gets what --session-... says, and no more than a part of the machine.
    """
    opens = webbrowser.open if open_browser else None
    control.up(read_settings(options), Console(highlight=False), detach=detach, reinstall=reinstall, opens=opens)

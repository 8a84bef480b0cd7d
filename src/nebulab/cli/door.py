"""`nebulab door`: the door of sessions in sealed containers, beside a server's Galaxy."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import click

from nebulab.contract import DOOR_FOLDER, TICKETS

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option(
    "--folder",
    type=_FOLDER,
    default=Path(DOOR_FOLDER),
    show_default=True,
    help="Where the sockets are made; containers get it mounted, to be read.",
)
@click.option(
    "--tickets",
    type=_FOLDER,
    default=Path("/run/nebulab-tickets"),
    show_default=True,
    help=f"Where job scripts leave tickets ({TICKETS} of the destination); never mounted.",
)
@click.option("--galaxy", metavar="HOST:PORT", help="Where Galaxy answers, for sessions that can't reach its address.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address on which sessions' ports are opened, for the interactive tools proxy.",
)
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    metavar="HOST[:PORT]",
    help="Let sessions reach this host or network (10.1.0.0/16) too; a dot before a name means all below it. "
    "May be repeated.",
)
def command(folder: Path, tickets: Path, galaxy: str | None, host: str, allowed: tuple[str, ...]) -> None:
    """Let sessions in and out of containers that have no network.

    \b
    It makes three sockets in a folder:
      door     a session gets a port of this machine, which leads to its JupyterLab
      egress   an HTTP proxy to the internet, which refuses loopback, private and
               link-local addresses (a cloud's metadata service), and this machine's own
      galaxy   leads to Galaxy, if --galaxy says where it answers

    `nebulab up --isolation container` runs one by itself. On a server run it on each
    machine that runs sessions, as Galaxy's user; deploy/galaxy/ shows the destination,
    deploy/nebulab-door.service the service. It may be restarted while sessions run.

    Where this machine itself needs a proxy (HTTP_PROXY, HTTPS_PROXY, NO_PROXY), so do
    sessions: their connections go through that one.

    \b
    Examples:
      nebulab door --galaxy galaxy.example.org:443
      nebulab door --allow mirror.example.org --allow 10.1.2.0/24:443
    """
    from nebulab.door.serve import read_settings, serve

    settings = read_settings(folder, tickets, galaxy, host, allowed)
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    asyncio.run(serve(settings))

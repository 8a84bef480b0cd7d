"""`nebulab lab`: decides between a container and this machine's environments, and serves the folder; runs in a
terminal."""

from __future__ import annotations

import html
import os
import secrets
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from nebulab import contract
from nebulab.accelerators import asking
from nebulab.containers import engine as engines
from nebulab.containers.engine import Engine
from nebulab.errors import AlreadyRunning, SettingsError
from nebulab.files import locked, private_folder, write_private
from nebulab.laptop import container, gpus, running
from nebulab.laptop.login import VARIABLE, Login
from nebulab.laptop.settings import ISOLATION, LabSettings
from nebulab.stack import environments, isolation
from nebulab.stack.running import ports
from nebulab.stack.settings import read_settings

_ENVIRONMENTS = ("lab", "kernels")
# Not inherited: in a session's terminal these variables are the session's.
_NOT_PASSED = (VARIABLE, "JUPYTER_TOKEN", "GALAXY_URL", "HISTORY_ID", contract.JOB_ID, "_GALAXY_JOB_HOME_DIR")


def serve(
    settings: LabSettings,
    console: Console,
    *,
    login: Login | None,
    environ: Mapping[str, str],
    opens: Callable[[str], object] | None = None,
) -> int:
    """Serve the folder until its person ends it, and return the session's exit code.

    Parameters
    ----------
    login
        The person's Galaxy for notebooks, or None.
    environ
        Inherited by the session if it runs without a container.
    opens
        Opens a browser: called with the URL of a page that redirects to the Lab, once that answers.

    Raises
    ------
    AlreadyRunning
        A Lab serves this folder.
    NebulabError
        It can't be started.
    """
    private_folder(settings.state)
    with locked(settings.state / ".lock", wait=False) as free:
        if not free:
            raise AlreadyRunning(
                f"A Lab serves {settings.folder} already.",
                "Its address stands where it was started; Ctrl-C ends it there.",
            )
        page = settings.state / "open.html"
        token = secrets.token_hex(16)
        port = ports.choose(settings.state / "port.json", {"Lab": settings.port})["Lab"]

        def ready(address: str) -> None:
            console.print(f"Open {address}", style="bold", soft_wrap=True)
            console.print("Ctrl-C ends the Lab.")
            if opens is not None:
                # A page, since the token must not be on the browser's command line.
                write_private(page, _page(address))
                opens(page.as_uri())

        variables = {name: value for name, value in environ.items() if name not in _NOT_PASSED}
        session_secrets = {"JUPYTER_TOKEN": token} | ({VARIABLE: login.key} if login else {})
        engine = _engine(settings, login, console)
        choice = gpus.choose(settings.gpus, asking.ask(environ).seen(), engine)
        for warning in choice.warnings:
            console.print(warning, style="yellow", soft_wrap=True)
        box = None
        if engine is None:
            argv, variables = _on_this_machine(settings, console, port=port, login=login, variables=variables)
        else:
            image = container.image(settings, engine, choice, console)
            box = container.box(settings, engine, image, choice=choice, port=port, login=login, environ=variables)
            argv = box.argv
            console.print(f"{settings.folder} in {image}, with {engine.name}", soft_wrap=True)
        try:
            return running.run(
                argv,
                environment=variables,
                # An engine's monitor (conmon) writes a file into its working folder when memory runs out.
                folder=settings.folder if box is None else Path(tempfile.gettempdir()),
                secrets=session_secrets,
                port=port,
                stop=box.stop if box else None,
                ready=ready,
                console=console,
            )
        finally:
            page.unlink(missing_ok=True)
            if box is not None:
                box.remove()


def _engine(settings: LabSettings, login: Login | None, console: Console) -> Engine | None:
    """Return the engine to use, or None for this machine's environments, and print the reason."""
    if not settings.container:
        return None
    if login is not None and login.on_loopback:
        reason = f"{login.url} is on this machine's loopback, where no container comes."
        if settings.wants_container:
            raise SettingsError(
                reason, "Leave out --engine, --image and --build: the Lab then runs without a container."
            )
        console.print(f"{reason} The Lab runs without one.", soft_wrap=True)
        return None
    try:
        return engines.find(settings.engine)
    except SettingsError as error:
        if settings.wants_container:
            raise
        console.print(f"{error.message} The Lab runs without a container.", soft_wrap=True)
        return None


def _on_this_machine(
    settings: LabSettings, console: Console, *, port: int, login: Login | None, variables: Mapping[str, str]
) -> tuple[Sequence[str], dict[str, str]]:
    """Install missing environments, and return the session's command and its environment variables."""
    stack = read_settings(environ=variables)
    private_folder(stack.environments_dir)
    environments.install_missing(stack, console, names=_ENVIRONMENTS)
    walls = isolation.without_container(ISOLATION.read(variables))
    console.print(f"{settings.folder} without a container; isolation {walls.explanation}", soft_wrap=True)
    # A bubblewrap that came with our own environment is found there.
    programs = [str(walls.program.parent)] if walls.program else []
    session_variables = dict(variables) | {
        "PATH": os.pathsep.join([*programs, variables.get("PATH", os.defpath)]),
        contract.ISOLATION: walls.kind,
        contract.KERNELS: str(stack.environment("kernels")),
        contract.PORT: str(port),
        contract.STATE: str(settings.state / "own"),
        "GALAXY_MEMORY_MB": str(settings.memory_mb or container.sensible_memory_mb()),
    }
    if settings.gpus == "none":
        session_variables["CUDA_VISIBLE_DEVICES"] = ""
    if login is not None:
        session_variables |= {"GALAXY_URL": login.url, "HISTORY_ID": login.history_id}
    return (str(stack.environment("lab") / "bin" / "nebulab"), "session", "--standalone", "--stdin"), session_variables


def _page(address: str) -> str:
    quoted = html.escape(address, quote=True)
    return f'<!doctype html><meta http-equiv="refresh" content="0; url={quoted}"><a href="{quoted}">Open the Lab</a>'

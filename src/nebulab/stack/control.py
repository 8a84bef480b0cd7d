"""The commands on a stack: start it, attached or detached, stop it, read its state; runs in a terminal."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace

from rich.console import Console
from rich.logging import RichHandler

from nebulab.errors import NotRunning, StackError
from nebulab.files import private_folder, write_private
from nebulab.stack import environments, isolation, showing, system_user
from nebulab.stack.embedded import accounts, sessions
from nebulab.stack.environments import KERNELS
from nebulab.stack.proxy import gx_it_proxy
from nebulab.stack.running import processes, state
from nebulab.stack.running.state import StackState
from nebulab.stack.settings import StackSettings
from nebulab.stack.supervisor import Supervisor, keep_log

_STOP_SECONDS = 150
_POLL_SECONDS = 0.2


def up(
    settings: StackSettings,
    console: Console,
    *,
    detach: bool,
    reinstall: bool = False,
    opens: Callable[[str], object] | None = None,
) -> StackState:
    """Install what is missing and start the stack; return its state when all parts answer, or, attached, at its end.

    A stack that runs already is left as it is; frameworks that `settings` name are installed beside those of its
    sessions. `opens` is called with Galaxy's address once it answers: a browser's.

    Raises
    ------
    InstallError
        An environment could not be installed.
    SettingsError
        The isolation that was asked for does not work here.
    StackError
        A part could not be started.
    """
    on_ready = opens or (lambda address: None)
    if state.is_locked(settings.data_dir):
        settings = system_user.step_down(settings)
        running = _wait_ready(settings, None, console)
        if settings.frameworks is not None and environments.install_missing(settings, console, names=(KERNELS,)):
            console.print("Sessions that start from now on have them; those that run keep what they have.")
        console.print(f"A stack runs on {settings.data_dir} already.", soft_wrap=True)
        showing.addresses(settings, running, console)
        on_ready(running.part("galaxy").address or "")
        return running
    choice = system_user.choose(settings)
    if choice.explanation:
        console.print(f"Galaxy and sessions run as {choice.sentence}", markup=False, soft_wrap=True)
    installed = False
    if choice.user is not None:
        settings = replace(settings, user=choice.user.name)
        installed = _become(choice.user, settings, console, reinstall=reinstall)
    # Before the minutes of an install: what was asked for may not be here.
    chosen = isolation.choose(settings.isolation, settings.image, settings.data_dir)
    if settings.frameworks and chosen.kind == "container":
        told = (
            f"Sessions run in containers here, with the frameworks of {settings.image}; --frameworks is for all else."
        )
        console.print(told, soft_wrap=True)
    for folder in (settings.data_dir, settings.run_dir, settings.logs_dir):
        private_folder(folder)
    # Not private: outside of the data folder, stacks of several users may share them.
    settings.environments_dir.mkdir(parents=True, exist_ok=True)
    if not installed:
        _install(settings, console, reinstall=reinstall)
    if not detach:
        return _up_attached(settings, console, on_ready)
    ready = _up_detached(settings, console)
    on_ready(ready.part("galaxy").address or "")
    return ready


def _become(user: system_user.SystemUser, settings: StackSettings, console: Console, *, reinstall: bool) -> bool:
    """Become the stack's user after what only root can do; return whether that was to install the environments."""
    folder = settings.environments_dir
    by_root = not folder.is_relative_to(settings.data_dir) and not system_user.may_write(user, folder)
    if by_root:
        # Several stacks may share them: the user reads them.
        with system_user.readable_by_others():
            folder.mkdir(parents=True, exist_ok=True)
            _install(settings, console, reinstall=reinstall)
    system_user.make_room(user, settings.data_dir)
    system_user.become(user, settings.data_dir)
    return by_root


def _install(settings: StackSettings, console: Console, *, reinstall: bool) -> None:
    environments.install_missing(settings, console, reinstall=reinstall)
    if settings.proxy == "gx-it-proxy":
        gx_it_proxy.install(settings, console)


def _up_attached(settings: StackSettings, console: Console, on_ready: Callable[[str], object]) -> StackState:
    keep_log(settings.log("supervisor"), RichHandler(console=console, show_level=False, show_path=False))

    async def supervise() -> StackState:
        def tell() -> None:
            showing.addresses(settings, supervisor.state, console)
            on_ready(supervisor.state.part("galaxy").address or "")

        supervisor = Supervisor(settings, tell)
        await supervisor.run()
        return supervisor.state

    console.print("Starting Galaxy and the proxy: about a minute, the first time two. Ctrl-C stops them.")
    return asyncio.run(supervise())


def _up_detached(settings: StackSettings, console: Console) -> StackState:
    given = settings.run_dir / "settings.json"
    write_private(given, settings.to_json())
    descriptor = processes.open_log(settings.log("supervisor"))
    try:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "nebulab.stack.supervisor", str(given)],
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            cwd=settings.data_dir,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
    try:
        ready = _wait_ready(settings, supervisor, console)
    except KeyboardInterrupt:
        supervisor.send_signal(signal.SIGTERM)
        supervisor.wait()
        raise
    showing.addresses(settings, ready, console)
    return ready


def _wait_ready(settings: StackSettings, supervisor: subprocess.Popen[bytes] | None, console: Console) -> StackState:
    """Wait until all parts of the stack answered; `supervisor` is our own, None to wait for somebody else's."""
    if not console.is_terminal:
        # A status line is for terminals alone.
        console.print("Starting Galaxy and the proxy: about a minute, the first time two.")
    with console.status("Starting Galaxy and the proxy …") as line:
        while True:
            now = state.read(settings.data_dir)
            meant = now if now and (now.supervisor == supervisor.pid if supervisor else state.supervised(now)) else None
            if meant is not None and meant.ready:
                return meant
            if meant is not None:
                line.update("Starting: " + ", ".join(f"{part.name} {part.state}" for part in meant.parts[1:]) + " …")
            if supervisor is not None and supervisor.poll() is not None and state.is_locked(settings.data_dir):
                # Another start at the same time was quicker: its stack is the one to wait for.
                supervisor = None
            elif supervisor.poll() is not None if supervisor else not state.is_locked(settings.data_dir):
                if meant is not None and meant.failure:
                    raise StackError(meant.failure, meant.hint)
                log = settings.log("supervisor")
                raise StackError("The stack ended before it was ready.", f"Its supervisor's log tells why: {log}")
            time.sleep(_POLL_SECONDS)


def down(settings: StackSettings, console: Console) -> None:
    """Stop the stack in order, its sessions first, and return when no process is left.

    Raises
    ------
    NotRunning
        There was nothing to stop.
    StackError
        The supervisor, or something else of the stack, did not end, even when it was killed.
    """
    system_user.step_down(settings)
    running = state.read(settings.data_dir)
    if running is None:
        raise NotRunning(f"No stack runs on {settings.data_dir}.", "`nebulab up` starts one.")
    if not state.supervised(running):
        left = processes.end_all(running.stack_id, grace=10)
        if not left:
            raise NotRunning(f"No stack runs on {settings.data_dir}.", "`nebulab up` starts one.")
        _require_none_left(running)
        console.print(f"The supervisor was gone; ended {left} process{'' if left == 1 else 'es'} that it left behind.")
        return
    os.kill(running.supervisor, signal.SIGTERM)
    with console.status("Stopping the sessions, the proxy and Galaxy …"):
        if not state.wait_unlocked(settings.data_dir, _STOP_SECONDS):
            console.print("The supervisor takes too long; killing it.")
            os.kill(running.supervisor, signal.SIGKILL)
    processes.end_all(running.stack_id, grace=10)
    if not state.wait_unlocked(settings.data_dir, 10) or not state.wait_over(running, 10):
        raise StackError(f"The supervisor {running.supervisor} does not end.", "Is its disk or its machine in trouble?")
    _require_none_left(running)
    over = state.read(settings.data_dir)
    for folder in over.uncollected if over is not None else ():
        console.print(f"A session was ended before Galaxy had its outputs; they lie in {folder}", soft_wrap=True)
    console.print("Stopped.")


def _require_none_left(stack: StackState) -> None:
    """Check that no process of the stack is left.

    Raises
    ------
    StackError
        Some are; the message names them.
    """
    left = processes.carrying(stack.stack_id)
    if left:
        named = ", ".join(processes.described(process) for process in left)
        raise StackError(f"These processes do not end: {named}.", "Is a disk or the machine in trouble?")


def running_sessions(settings: StackSettings, stack: StackState) -> list[dict[str, str]] | None:
    """Return everybody's sessions on a running stack, as `embedded.sessions.listed` has them; None if nobody tells."""
    parts = [part for part in stack.parts if part.name == "galaxy" and part.state == "running"]
    if not parts or not parts[0].address or not settings.secrets_file.exists():
        return [] if not parts else None
    return sessions.listed(parts[0].address, accounts.load(settings.secrets_file).admin.key)


def status(settings: StackSettings) -> StackState:
    """Return the state of the stack, also of one that ended.

    Raises
    ------
    NotRunning
        No stack ever ran on the data folder.
    """
    system_user.step_down(settings)
    known = state.read(settings.data_dir)
    if known is None:
        raise NotRunning(f"No stack ran on {settings.data_dir} yet.", "`nebulab up` starts one.")
    return known

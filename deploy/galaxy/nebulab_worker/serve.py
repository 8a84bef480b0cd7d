"""The worker's process: imports what Galaxy's jobs import, then forks a keeper for each request.

Called as `python -m nebulab_worker.serve --folder <its sockets> --galaxy-root <Galaxy's data>` in Galaxy's environment.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import select
import signal
import socket
import struct
import sys
import time
import traceback
from pathlib import Path

from nebulab_worker import keeper, messages

_PAUSE_SECONDS = 0.1
_CREDENTIALS = struct.Struct("3i")
_SAME = ("mnt", "pid", "user")
"""A caller's namespaces that must be the worker's own."""

log = logging.getLogger("nebulab_worker")


def main() -> None:
    """Serve until SIGTERM; running programs go on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the sockets are made")
    parser.add_argument("--galaxy-root", required=True, help="the folder that Galaxy's jobs name so")
    parser.add_argument(
        "--stuck-minutes", type=float, required=True, help="kill a program that did nothing for so long"
    )
    chosen = parser.parse_args()
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError as error:
        sys.exit(f"This system's kernel has no pidfds (Linux 5.3 and newer have), which the worker needs: {error}.")
    began = time.monotonic()
    import_galaxy(chosen.galaxy_root)
    # Without this the garbage collector would write to, and so copy, every page of the imported modules in each fork.
    gc.collect()
    gc.freeze()
    tasks, alive = (messages.listen(chosen.folder, name) for name in (messages.TASKS, messages.ALIVE))
    threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208 - names are all that is wanted
    if threads > 1:
        log.warning("Galaxy's modules have started %d threads; a fork takes none of them along", threads - 1)
    log.warning("ready after %.1f s", time.monotonic() - began)
    serve(tasks, alive, 60 * chosen.stuck_minutes)


def import_galaxy(root: str) -> None:
    """Import the modules of the two programs, and those of the datatypes in Galaxy's list."""
    import galaxy.config
    import galaxy.tools.data_fetch
    import galaxy_ext.metadata.set_metadata  # noqa: F401
    from galaxy.datatypes.registry import Registry

    datatypes = Path(galaxy.config.__file__).parent / "sample" / "datatypes_conf.xml.sample"
    if datatypes.exists():
        # Modules that can't be imported are reported by the job that needs them.
        logging.disable()
        Registry().load_datatypes(root, str(datatypes))
        logging.disable(logging.NOTSET)


def serve(tasks: socket.socket, alive: socket.socket, stuck_seconds: float) -> None:
    """Fork a keeper for each connection to `tasks`, answer READY to each connection to `alive`; never returns.

    A process with threads must not fork: nothing here may start one.
    """
    # The kernel reaps the keepers.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        for listening in select.select((tasks, alive), (), ())[0]:
            try:
                connection, _ = listening.accept()
                with connection:
                    if listening is alive:
                        connection.send(messages.READY, socket.MSG_DONTWAIT)
                    elif _is_this_users(connection):
                        _fork(connection, (tasks, alive), stuck_seconds)
            except OSError as error:
                # The caller is gone, or this machine has no room for another process: it runs its program itself.
                log.warning("a caller was not served: %s", error)
                time.sleep(_PAUSE_SECONDS)


def _is_this_users(connection: socket.socket) -> bool:
    """Whether the caller has this process's uid and is in no sandbox.

    A sandbox may have the same uid and see the socket: a read-only mount does not prevent connecting.
    """
    pid, user, _ = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    if user != os.geteuid():
        return False
    return all(Path(f"/proc/{pid}/ns/{name}").readlink() == Path(f"/proc/self/ns/{name}").readlink() for name in _SAME)


def _fork(connection: socket.socket, listening: tuple[socket.socket, ...], stuck_seconds: float) -> None:
    if os.fork():
        return
    code = 0
    try:
        for channel in listening:
            channel.close()
        keeper.keep(connection, stuck_seconds)
    except BaseException:  # noqa: BLE001 - a fork must end here, never in its parent's code
        traceback.print_exc()
        code = 1
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%Y-%m-%d %H:%M:%S")
    main()

"""JupyterLab's command line, for the session, and its configuration, for JupyterLab's own process.

The token is passed in a file which JupyterLab deletes as it starts: it is neither in `ps` nor in the environment of any
process that a notebook can see, the sandbox's own first process included.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import nebulab
from nebulab import contract
from nebulab.errors import ServerError
from nebulab.session.kernels.names import KERNEL, PROVISIONER

TOKEN_FILE = "JUPYTER_TOKEN_FILE"  # noqa: S105 - the variable's name

LATE = {
    "jupyter_lsp": "lsp",
    "nbdime": "nbdime",
    "nebulab.session.lab.git_panel": "git",
    "nebulab.session.lab.apps.server": "voila",
}
"""Server extensions that are loaded at the first request below this address (`nebulab.session.lab.late`)."""
_LOADED_BY_OURS = ("jupyterlab_git", "voila.server_extension")

_LARGEST_MESSAGE = 64 * 2**20
"""Bytes, from a page to a kernel."""
_HASHED = re.compile(r"(argon2|sha1|sha256|sha512):\S+")
_EXTENSION = "nebulab.session.lab.extension"
_CONFIG_FILE = Path(__file__).with_name("jupyter_config.py")
_BASH_FILE = Path(__file__).with_name("bashrc")


def command(port: int, *, address: str = "127.0.0.1", base_url: str = "/", origin: str = "") -> list[str]:
    """Return the command that starts JupyterLab on `port` in the current folder.

    `address` is loopback unless a container's own network isolates it; `origin` is the other origin whose pages may
    talk to the server. The environment must hold the variables that `hand_over` returned.
    """
    options = {"base_url": "" if base_url == "/" else base_url, "allow_origin": origin}
    return [
        sys.executable,
        # Without the current folder, the user's: a file `yaml.py` there is not for this process to import.
        "-P",
        "-m",
        "jupyterlab",
        f"--config={_CONFIG_FILE}",
        f"--ServerApp.ip={address}",
        f"--ServerApp.port={port}",
        *(f"--ServerApp.{name}={value}" for name, value in options.items() if value),
    ]


def hand_over(token: str, folder: Path, *, password: str = "") -> dict[str, str]:
    """Write `token`, and a password if there is one, into a file in `folder` for the JupyterLab that is about to start.

    Returns the environment variable with the file's path.
    """
    path = folder / "token"
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{token}\n{password}")
    return {TOKEN_FILE: str(path)}


def _take_over() -> tuple[str, str]:
    path = Path(os.environ.pop(TOKEN_FILE, os.devnull))
    token, _, password = path.read_text().partition("\n") if path.exists() else ("", "", "")
    if not token.strip():
        raise ServerError(f"{TOKEN_FILE} names no file with a token.", "Start JupyterLab through `nebulab session`.")
    path.unlink()
    return token.strip(), password


def _hashed(password: str) -> str:
    """Return the password's hash in Jupyter's form; the predecessor's image took that form and no other."""
    if _HASHED.fullmatch(password):
        return password
    from jupyter_server.auth import passwd

    return str(passwd(password))


def configure(config: Any) -> None:
    """Fill in JupyterLab's configuration; called by `jupyter_config.py` in the server's process.

    Raises
    ------
    ServerError
        There is no token: a server without one must not start.
    """
    token, password = _take_over()
    config.IdentityProvider.token = token
    if password:
        config.PasswordIdentityProvider.hashed_password = _hashed(password)
    server = config.ServerApp
    server.root_dir = str(Path.cwd())
    server.port_retries = 0
    server.open_browser = False
    # Jupyter's Log Out is a dead end here, and its Shut Down does not say what is kept: the page has an entry of ours.
    server.quit_button = False
    server.allow_root = True
    # The interactive tools proxy passes the browser's own Host header on; pages of other origins are refused by
    # JupyterLab's check of Origin against Host, which is why no origin is allowed here.
    server.allow_remote_access = True
    server.allow_unauthenticated_access = False
    # Kept in memory: a cookie of one session is worth nothing in the next, and no file holds the secret.
    server.cookie_secret = os.urandom(32)
    # Ours loads the late ones, each when it is asked for.
    server.jpserver_extensions = {_EXTENSION: True} | dict.fromkeys((*LATE, *_LOADED_BY_OURS), False)
    # A larger message cuts the connection without a word; by default that is any file above 10 MB in a widget's upload.
    server.tornado_settings = {"websocket_max_message_size": _LARGEST_MESSAGE}
    # A login shell would reset PATH, and with it the user's own packages.
    server.terminado_settings = {"shell_command": _shell()}
    server.kernel_spec_manager_class = "nebulab.session.kernels.kernelspecs.KernelSpecs"
    # With a disk limit, deleting must free space: nobody would ever empty a session's trash.
    config.FileContentsManager.delete_to_trash = contract.DISK_MB not in os.environ
    config.KernelSpecManager.allowed_kernelspecs = {KERNEL, contract.KERAS2}
    config.KernelSpecManager.ensure_native_kernel = False
    # Not in the kernelspec: programs of other environments read it too, and lack the provisioner.
    config.KernelProvisionerFactory.default_provisioner_name = PROVISIONER
    config.MappingKernelManager.kernel_manager_class = "nebulab.session.kernels.managers.KernelManager"
    # Kernels listen on loopback, which the sessions of a machine share, and ZeroMQ asks nobody who listens to what a
    # kernel prints for a key. Encrypted where the kernelspec says that the kernel knows how, as ipykernel does.
    config.MappingKernelManager.transport_encryption = "auto"
    lab = config.LabApp
    lab.news_url = None
    lab.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
    # The page's part of ipywidgets must match the kernels' version, so it is served from their environment.
    widgets = os.environ.pop(contract.WIDGETS, "")
    lab.extra_labextensions_path = [str(lab_extensions()), *([widgets] if widgets else [])]
    # The kernels' environment, first on PATH, has a `jupyter` too, and no nbconvert.
    config.JupyterLabGit.output_cleaning_command = shlex.join([sys.executable, "-P", "-m", "nbconvert"])
    config.VoilaConfiguration.extra_labextensions_path = [widgets] if widgets else []
    # Defaults that a user may change: documents are saved every few seconds. No extension could be installed here.
    lab.app_settings_dir = str(_settings())
    lab.expose_app_in_browser = True


def _shell() -> list[str]:
    shell = os.environ.get("SHELL") or "/bin/sh"
    return [shell, "--rcfile", str(_BASH_FILE)] if Path(shell).name == "bash" else [shell]


def lab_extensions() -> Path:
    """Return the folder of Nebulab's extensions for JupyterLab's page, in an installed package or in a checkout.

    Raises
    ------
    ServerError
        It is in neither.
    """
    return _folder("_lab_extension", "built")


def _settings() -> Path:
    """Return the folder of JupyterLab's settings for all sessions."""
    return _folder("_lab_settings", "settings")


def _folder(packaged: str, in_checkout: str) -> Path:
    package = Path(nebulab.__file__).parent
    for folder in (package / packaged, package.parents[1] / "lab-extension" / in_checkout):
        if folder.is_dir():
            return folder
    raise ServerError("JupyterLab's page lacks Nebulab's part.", "Install Nebulab again.")

"""Environment variables of JupyterLab and its kernels, set from a short list and never inherited by accident; runs in
the session."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from nebulab import contract
from nebulab.accelerators import caps
from nebulab.accelerators.diagnosis import Seen
from nebulab.session.layout import Layout
from nebulab.session.settings import SessionSettings

# Prefixes of a destination's variables that a computation must see.
_PASSED_PREFIXES = ("CUDA_", "NVIDIA_", "NCCL_", "OMP_", "MKL_", "OPENBLAS_", "XLA_", "TF_", "JAX_", "SLURM_", "TZ")
_PASSED_NAMES = frozenset(
    [
        "ALPHAFOLD_DB",
        "GALAXY_SLOTS",
        "GALAXY_MEMORY_MB",
        contract.DISK_MB,
        "LD_LIBRARY_PATH",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "GIT_SSH_COMMAND",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
        "UV_INDEX_URL",
        "PIP_INDEX_URL",
        "PIP_CERT",
        "TERM",
    ]
)

WITHOUT_INTERNET = {
    # Bokeh's plots fetch their script from the internet otherwise, and show "Loading BokehJS …" for ever without it.
    "BOKEH_RESOURCES": "inline",
    # Plotly's figures as data, which its extension of the page draws, and as HTML, where there is no extension: HTML
    # alone asks the internet for MathJax whenever it is shown.
    "PLOTLY_RENDERER": "plotly_mimetype+notebook",
    # ONNX Runtime reports its use to Microsoft.
    "ORT_DISABLE_TELEMETRY": "1",
}
"""What keeps libraries in a kernel from asking the internet."""


def passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the job's environment that a session passes on."""
    return {
        name: value for name, value in environment.items() if name in _PASSED_NAMES or name.startswith(_PASSED_PREFIXES)
    }


def make(  # noqa: PLR0913 - each is given by name
    settings: SessionSettings,
    *,
    inherited: Mapping[str, str],
    gpus: Seen,
    broker: str,
    broker_token: str,
    kernelspecs: Path,
    start_page: str,
) -> dict[str, str]:
    """Return JupyterLab's environment, which kernels inherit."""
    layout = settings.layout
    # PATH: programs of the user's overlay, the kernels' (`get`, `put`, `ipython`), the Lab's, the machine's.
    programs = [layout.overlay, *([settings.kernels] if settings.kernels else []), Path(sys.prefix)]
    return (
        passed_on(inherited)
        | caps.variables(gpus, settings.gpu_memory_mb, inherited)
        | galaxy(settings, broker=broker, broker_token=broker_token)
        | WITHOUT_INTERNET
        | {
            "PATH": os.pathsep.join([*(str(folder / "bin") for folder in programs), settings.path]),
            "HOME": str(layout.home),
            "LANG": settings.language,
            "LC_ALL": settings.language,
            "SHELL": "/bin/bash",
            "JUPYTER_RUNTIME_DIR": str(layout.runtime / "runtime"),
            "JUPYTER_DATA_DIR": str(layout.runtime / "data"),
            "JUPYTER_CONFIG_DIR": str(layout.runtime / "config"),
            "JUPYTER_PATH": str(kernelspecs),
            contract.START_PAGE: start_page,
            contract.PORTAL: settings.portal,
            contract.PRELOAD: " ".join(settings.preload),
            contract.WIDGETS: str(settings.kernels / "share" / "jupyter" / "labextensions") if settings.kernels else "",
            contract.SESSION: f"{broker}/nebulab/session",
        }
        | packages(settings)
    )


def packages(settings: SessionSettings) -> dict[str, str]:
    """Return the variables by which uv, micromamba and `nebulab packages` find the user's overlay and environments."""
    layout = settings.layout
    return {
        "VIRTUAL_ENV": str(layout.overlay),
        # Not hard links: a file that is edited in place would change in uv's cache too.
        "UV_LINK_MODE": "copy",
        "MAMBA_ROOT_PREFIX": str(layout.conda),
        contract.OVERLAY: str(layout.overlay),
        contract.KEPT: contract.KEPT_WITH_FOLDER
        if settings.standalone and not layout.passing
        else contract.KEPT_WITH_SESSION,
    }


def galaxy(settings: SessionSettings, *, broker: str, broker_token: str) -> dict[str, str]:
    """Return the variables of Galaxy that a notebook reads, under the names of the tool's earlier versions."""
    layout: Layout = settings.layout
    return {
        "GALAXY_URL": broker,
        contract.GALAXY_PAGE: _page(settings) if settings.key else "",
        "REMOTE_HOST": broker,
        "GALAXY_WEB_PORT": broker.rpartition(":")[2],
        "API_KEY": broker_token,
        "HISTORY_ID": settings.history_id,
        "DATASET_HID": settings.dataset_hid,
        "ADDITIONAL_IDS": settings.additional_ids,
        "GALAXY_WORKING_DIR": str(layout.folder or layout.root),
        contract.CACHE: str(layout.cache),
        contract.INPUTS: str(layout.staged / contract.INPUTS_FILE),
    }


def _page(settings: SessionSettings) -> str:
    """Return Galaxy's address as people open it: without a name and a password that stand in it."""
    parts = urlsplit(settings.galaxy_url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")

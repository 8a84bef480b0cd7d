"""Memory of a run's kernel and its descendants, and its GPUs through NVML; runs in a batch
job."""

from __future__ import annotations

import contextlib
import threading

import psutil

from nebulab.accelerators.nvml import Nvml

_SECONDS = 0.5
_GIB = 2**30


class Usage:
    """Samples twice a second from `start` to `stop`, and keeps the peaks."""

    def __init__(self) -> None:
        self.memory = 0
        self.peak_memory = 0
        self.gpu_memory: int | None = None
        self.peak_gpu_memory: int | None = None
        self.gpu_percent: int | None = None
        self.gpus = ""
        """The GPUs that the run may use, by name and memory; known once it runs."""
        self._pid: int | None = None
        self._stop = threading.Event()
        self._nvml = Nvml()
        self._thread = threading.Thread(target=self._watch, name="nebulab-usage", daemon=True)

    def start(self, pid: int) -> None:
        """Watch the process `pid` and its descendants."""
        self._pid = pid
        self._thread.start()

    def stop(self) -> None:
        """Stop sampling and join the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2)
        if not self._thread.is_alive():  # one that hangs in the driver has it still
            self._nvml.close()

    def text(self) -> str:
        """Return the figures as text for the log."""
        figures = f"memory {self.memory / _GIB:.2f} GB (peak {self.peak_memory / _GIB:.2f})"
        if self.gpu_memory is not None and self.peak_gpu_memory is not None:
            load = "" if self.gpu_percent is None else f" {self.gpu_percent} %"
            figures += f"  GPU{load} {self.gpu_memory / _GIB:.2f} GB (peak {self.peak_gpu_memory / _GIB:.2f})"
        return figures

    def sample(self) -> None:
        """Take one sample."""
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(self._pid)
            used = 0
            for process in (root, *root.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    used += process.memory_info().rss
            self.memory = used
            self.peak_memory = max(self.peak_memory, used)
        gpu = self._nvml.sample()
        if gpu is not None:
            self.gpu_percent, self.gpu_memory = gpu.percent, gpu.memory_used
            self.peak_gpu_memory = max(self.peak_gpu_memory or 0, self.gpu_memory)

    def _watch(self) -> None:
        while not self._stop.is_set():
            # Figures are missing from the log then, until a look goes well again.
            with contextlib.suppress(Exception):
                self.gpus = self.gpus or self._nvml.look().names
                self.sample()
            self._stop.wait(_SECONDS)

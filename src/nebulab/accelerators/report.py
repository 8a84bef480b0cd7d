"""All that can be told of the GPUs and the frameworks of one environment; runs in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nebulab.accelerators import asking, diagnosis, frameworks, machine
from nebulab.accelerators.caps import CAPS
from nebulab.accelerators.diagnosis import Finding
from nebulab.accelerators.frameworks import View
from nebulab.accelerators.gpus import Look
from nebulab.accelerators.machine import Machine


@dataclass(frozen=True)
class Report:
    """What was found; `python` is the interpreter whose frameworks were asked, None if none was."""

    look: Look
    machine: Machine
    findings: tuple[Finding, ...]
    python: Path | None = None
    views: tuple[View, ...] = ()

    @property
    def good(self) -> bool | None:
        """Whether every GPU framework computes on the GPU; None where there is no GPU, or none is hoped for."""
        if any(finding.serious for finding in self.findings):
            return False
        return True if self.look.usable else None

    def to_json(self) -> dict[str, Any]:
        """Return plain values for `json.dumps`."""
        return {
            "good": self.good,
            **self.look.to_json(),
            "machine": asdict(self.machine),
            "python": None if self.python is None else str(self.python),
            "frameworks": [{"title": view.title, **asdict(view)} for view in self.views],
            "caps": [asdict(cap) for cap in CAPS],
            "findings": [
                {**asdict(finding), "cause": finding.cause.name, "serious": finding.serious}
                for finding in self.findings
            ],
        }


def machine_report(environment: Mapping[str, str] | None = None) -> Report:
    """Look at the GPUs; `environment` holds CUDA_VISIBLE_DEVICES, this process's own by default."""
    asked = asking.ask(environment)
    seen = machine.read()
    look = asked.answer()
    return Report(look, seen, tuple(diagnosis.of_machine(look, seen)))


def full_report(
    python: Path,
    *,
    seconds: float = frameworks.DEFAULT_SECONDS,
    environment: Mapping[str, str] | None = None,
    begins: Callable[[str], None] = lambda title: None,
) -> Report:
    """Look at the GPUs, and ask each framework in the environment of the interpreter `python`.

    Parameters
    ----------
    seconds
        What one framework may take.
    begins
        Called with each framework's name before it is asked: together they take half a minute.
    """
    first = machine_report(environment)
    views = []
    for name, title in frameworks.FRAMEWORKS.items():
        begins(title)
        views.append(frameworks.view(name, python, seconds=seconds, environment=environment))
    findings = (*first.findings, *diagnosis.of_frameworks(first.look, first.machine, views))
    return Report(first.look, first.machine, findings, python, tuple(views))

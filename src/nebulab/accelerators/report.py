"""A report on the GPUs and on the frameworks of one environment; runs in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nebulab.accelerators import asking, diagnosis, frameworks
from nebulab.accelerators.caps import CAPS
from nebulab.accelerators.diagnosis import Finding, Seen
from nebulab.accelerators.frameworks import View


@dataclass(frozen=True)
class Report:
    """GPUs, findings and frameworks; `python` is the interpreter whose frameworks were probed, or None."""

    seen: Seen
    findings: tuple[Finding, ...]
    """Those of the machine first, then those of the frameworks."""
    python: Path | None
    views: tuple[View, ...]

    @property
    def good(self) -> bool | None:
        """Whether the GPUs and the frameworks built for them work; None without a GPU."""
        if any(finding.serious for finding in self.findings):
            return False
        return True if self.seen.look.usable else None

    def to_json(self) -> dict[str, Any]:
        """Return plain values for `json.dumps`."""
        return {
            "good": self.good,
            **self.seen.look.to_json(),
            "machine": asdict(self.seen.machine),
            "python": None if self.python is None else str(self.python),
            "frameworks": [{"title": view.title, **asdict(view)} for view in self.views],
            "caps": [asdict(cap) for cap in CAPS],
            "findings": [
                {**asdict(finding), "cause": finding.cause.name, "serious": finding.serious}
                for finding in self.findings
            ],
        }


def make(
    python: Path | None,
    *,
    seconds: float = frameworks.DEFAULT_SECONDS,
    environment: Mapping[str, str] | None = None,
    begins: Callable[[str], None] = lambda title: None,
) -> Report:
    """List the GPUs, and probe each framework in the environment of the interpreter `python`, if it is given.

    Parameters
    ----------
    seconds
        The time limit of one framework.
    environment
        Environment variables, CUDA_VISIBLE_DEVICES among them; this process's own by default.
    begins
        Called with each framework's name before it is probed: together they take half a minute.
    """
    seen = asking.ask(environment).seen()
    views = []
    if python is not None:
        for name, title in frameworks.FRAMEWORKS.items():
            begins(title)
            views.append(frameworks.view(name, python, seconds=seconds, environment=environment))
    findings = (*seen.findings, *diagnosis.of_frameworks(seen.look, seen.machine, views))
    return Report(seen, findings, python, tuple(views))

"""All that can be told of the GPUs and the frameworks of one environment; runs in a terminal."""

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
    """What was found; `python` is the interpreter whose frameworks were asked, None where there is none."""

    seen: Seen
    findings: tuple[Finding, ...]
    """Those of the machine first, then those of the frameworks."""
    python: Path | None
    views: tuple[View, ...]

    @property
    def good(self) -> bool | None:
        """Whether the GPUs and the frameworks built for them work; None where there is no GPU."""
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
    """Look at the GPUs, and ask each framework in the environment of the interpreter `python`, if there is one.

    Parameters
    ----------
    seconds
        What one framework may take.
    environment
        Its variables, CUDA_VISIBLE_DEVICES among them; this process's own by default.
    begins
        Called with each framework's name before it is asked: together they take half a minute.
    """
    seen = asking.ask(environment).seen()
    views = []
    if python is not None:
        for name, title in frameworks.FRAMEWORKS.items():
            begins(title)
            views.append(frameworks.view(name, python, seconds=seconds, environment=environment))
    findings = (*seen.findings, *diagnosis.of_frameworks(seen.look, seen.machine, views))
    return Report(seen, findings, python, tuple(views))

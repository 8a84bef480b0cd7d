"""`nebulab image audit`: looks the packages up, judges and tells; runs in a checkout."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

import click

from nebulab import checkout
from nebulab.containers import advisories, audit, engine
from nebulab.containers.audit import Verdict


def run(tag: str | None, locks: Sequence[Path], *, known: Path | None, engine_name: str | None) -> bool:
    """Audit the image `tag`, or the `locks` (none: all that people install), print the verdict, tell whether it passes.

    `known` is a folder of advisories; without one PyPI is asked.

    Raises
    ------
    SettingsError
        A lock pins nothing, an exception is not complete, or no engine works.
    ImageError
        The image holds no bill of materials.
    InstallError
        pip-audit could not be installed.
    """
    checkout.install_packages("dev")
    root = checkout.root()
    if tag:
        pins = audit.installed(engine.find(engine_name), tag)
    else:
        pins = audit.locked(root, [lock.absolute() for lock in locks])
    exempt = audit.exceptions(root / audit.EXCEPTIONS)
    looked = advisories.search(known, pins) if known else advisories.ask_pypi(pins)
    verdict = audit.judge(pins, looked, exempt, datetime.date.today(), everything=not (tag or locks))
    click.echo(f"{len(pins)} packages, against the advisories: {looked.data}")
    _tell_findings(verdict)
    _tell_exceptions(verdict)
    return verdict.good


def _tell_findings(verdict: Verdict) -> None:
    for title, color, findings in (
        ("VULNERABLE", "red", verdict.open),
        ("excepted", "yellow", [finding for finding, _ in verdict.lived_with]),
        ("below high", None, verdict.minor),
    ):
        for finding in findings:
            mended = f"mended in {', '.join(finding.fixed)}" if finding.fixed else "no release mends it"
            where = ", ".join(verdict.places.get(finding.pin, ()))
            score = "not rated" if finding.score is None else f"CVSS {finding.score}"
            click.secho(f"{title}  {'=='.join(finding.pin)}  {finding.ids[0]}  {score}; {mended}  ({where})", fg=color)
            click.echo(f"    {finding.summary}")


def _tell_exceptions(verdict: Verdict) -> None:
    for one in verdict.expired:
        click.secho(f"ENDED  the exception {one.id} for {one.package}, on {one.until}: mend it, or review it", fg="red")
    for one in verdict.unneeded:
        click.secho(f"UNNEEDED  the exception {one.id} for {one.package}: remove it", fg="red")
    if verdict.unknown:
        names = ", ".join("==".join(pin) for pin in verdict.unknown[:10])
        click.secho(f"NOT LOOKED UP  {len(verdict.unknown)} packages, such as {names}", fg="red")
        click.echo("    Does the index have PyPI's list of vulnerabilities? Else: --advisories FOLDER")

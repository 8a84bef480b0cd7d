"""Where known vulnerabilities are looked up: PyPI's own list, by pip-audit, or a local copy of a database; runs in a
checkout."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nebulab.errors import SettingsError

_HIGH = 7.0
"""The lowest score of CVSS that counts as high (all of its versions)."""
# What databases that give a word instead of a vector mean by it.
_WORDS = {"LOW": 0.1, "MODERATE": 4.0, "MEDIUM": 4.0, "HIGH": _HIGH, "CRITICAL": 9.0}
_AUDIT_SECONDS = 900

Pin = tuple[str, str]
"""A package's normalized name and its version, without a build's own suffix (`+cpu`)."""


@dataclass(frozen=True)
class Finding:
    """One vulnerability of one package: all of its ids, its score if anybody gave one, the versions that mend it."""

    pin: Pin
    ids: tuple[str, ...]
    score: float | None
    fixed: tuple[str, ...]
    summary: str

    @property
    def high(self) -> bool:
        """Whether it is of high severity; one that nobody rated is."""
        return self.score is None or self.score >= _HIGH


@dataclass(frozen=True)
class Looked:
    """What was found, what could not be looked up, and what the data is."""

    findings: tuple[Finding, ...]
    unknown: tuple[Pin, ...]
    data: str
    known: frozenset[str] | None = None
    """The ids of all that was searched; None where that can't be told."""


def ask_pypi(pins: Collection[Pin]) -> Looked:
    """Ask PyPI for each of `pins`, through pip-audit. PyPI gives no severities.

    Raises
    ------
    SettingsError
        pip-audit could not do its work.
    """
    findings: list[Finding] = []
    unknown: list[Pin] = []
    # A list of requirements may name a package once; locks of several environments have several versions.
    for one in _without_repetition(pins):
        for told in _pip_audit(one):
            pin = (str(told["name"]), str(told.get("version", "")))
            if "skip_reason" in told:
                unknown += [each for each in one if each[0] == pin[0]]
            findings += [
                Finding(
                    pin,
                    (vulnerability["id"], *vulnerability.get("aliases", ())),
                    None,
                    tuple(vulnerability.get("fix_versions", ())),
                    _summary(vulnerability.get("description") or ""),
                )
                for vulnerability in told.get("vulns", ())
            ]
    return Looked(tuple(findings), tuple(unknown), f"PyPI's, of {datetime.date.today():%Y-%m-%d}")


def search(folder: Path, pins: Collection[Pin]) -> Looked:
    """Search a folder of advisories in OSV's form (YAML or JSON), such as a copy of PyPA's advisory database.

    Raises
    ------
    SettingsError
        There is no advisory in it.
    """
    versions: dict[str, list[str]] = {}
    for name, version in pins:
        versions.setdefault(name, []).append(version)
    findings: list[Finding] = []
    known: set[str] = set()
    newest = ""
    for advisory in _advisories(folder):
        newest = max(newest, str(advisory.get("modified") or advisory.get("published") or ""))
        ids = (str(advisory["id"]), *map(str, advisory.get("aliases") or ()))
        known.update(ids)
        if advisory.get("withdrawn"):
            continue
        for affected in advisory["affected"]:
            name = normalized(str(affected.get("package", {}).get("name", "")))
            findings += [
                Finding((name, version), ids, _score(advisory, affected), _fixed(affected), _about(advisory))
                for version in versions.get(name, ())
                if _concerns(affected, version)
            ]
    if not known:
        raise SettingsError(
            f"There is no advisory below {folder}.",
            "Name the folder of a database in OSV's form, such as a clone of PyPA's advisory database.",
        )
    return Looked(tuple(findings), (), f"{folder}, whose newest is of {newest[:10] or 'no date'}", frozenset(known))


def normalized(name: str) -> str:
    """Return a package's name as indices write it."""
    from packaging.utils import canonicalize_name

    return canonicalize_name(name)


def _without_repetition(pins: Collection[Pin]) -> Iterator[list[Pin]]:
    rest = sorted(pins)
    while rest:
        first = list(dict(rest).items())
        yield first
        rest = [pin for pin in rest if pin not in first]


def _pip_audit(pins: Collection[Pin]) -> list[dict[str, Any]]:
    with tempfile.NamedTemporaryFile("w", suffix=".txt", prefix="nebulab-audit-") as file:
        file.writelines(f"{name}=={version}\n" for name, version in pins)
        file.flush()
        command = [sys.executable, "-m", "pip_audit", "--requirement", file.name, "--no-deps", "--disable-pip"]
        finished = subprocess.run(
            [*command, "--format", "json", "--progress-spinner", "off"],
            capture_output=True,
            text=True,
            timeout=_AUDIT_SECONDS,
        )
    try:
        told: list[dict[str, Any]] = json.loads(finished.stdout)["dependencies"]
    except (ValueError, KeyError) as error:
        raise SettingsError(
            f"pip-audit could not ask PyPI: {finished.stderr.strip()[-500:]}",
            "Without a network: --advisories with the folder of a copy of the advisories.",
        ) from error
    return told


def _advisories(folder: Path) -> Iterator[dict[str, Any]]:
    """Read what is written for PyPI's packages."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for path in sorted(folder.rglob("*")):
        if path.suffix not in {".yaml", ".yml", ".json"} or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8")
        if "PyPI" not in text:
            continue
        try:
            found = json.loads(text) if path.suffix == ".json" else yaml.load(text, loader)  # noqa: S506 - a safe one
        except (ValueError, yaml.YAMLError) as error:
            raise SettingsError(f"{path} can't be read: {error}", "Fetch the advisories anew.") from error
        if isinstance(found, dict) and "id" in found:
            own = [one for one in found.get("affected") or () if one.get("package", {}).get("ecosystem") == "PyPI"]
            yield found | {"affected": own}


def _concerns(affected: Mapping[str, Any], version: str) -> bool:
    """Tell whether `version` is affected, as OSV says it: named, or within a range of releases."""
    from packaging.version import InvalidVersion, Version

    if version in (affected.get("versions") or ()):
        return True
    wanted = Version(version)
    for released in affected.get("ranges") or ():
        if released.get("type") != "ECOSYSTEM":
            continue
        inside = False
        for event in released["events"]:
            try:
                if "introduced" in event and wanted >= Version(event["introduced"]):
                    inside = True
                if "fixed" in event and wanted >= Version(event["fixed"]):
                    inside = False
                if "last_affected" in event and wanted > Version(event["last_affected"]):
                    inside = False
            except InvalidVersion:
                # Nobody can tell where it stands: what was said before it holds.
                continue
        if inside:
            return True
    return False


def _score(advisory: Mapping[str, Any], affected: Mapping[str, Any]) -> float | None:
    """Return the highest score that was given, or None."""
    from cvss import CVSS2, CVSS3, CVSS4, CVSSError

    scores = []
    readers = {"CVSS_V2": CVSS2, "CVSS_V3": CVSS3, "CVSS_V4": CVSS4}
    for given in [*(advisory.get("severity") or ()), *(affected.get("severity") or ())]:
        try:
            scores.append(float(readers[given["type"]](given["score"]).scores()[0]))
        except (CVSSError, KeyError):
            continue
    word = (advisory.get("database_specific") or {}).get("severity")
    if not scores and word in _WORDS:
        scores.append(_WORDS[word])
    return max(scores, default=None)


def _fixed(affected: Mapping[str, Any]) -> tuple[str, ...]:
    ranges = [one for one in affected.get("ranges") or () if one.get("type") == "ECOSYSTEM"]
    return tuple(str(event["fixed"]) for one in ranges for event in one["events"] if "fixed" in event)


def _about(advisory: Mapping[str, Any]) -> str:
    return _summary(str(advisory.get("summary") or advisory.get("details") or ""))


def _summary(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 160 else f"{words[:159]}…"

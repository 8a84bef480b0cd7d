"""Known vulnerabilities: found by advisories of our own making, excepted in writing only, never passed in silence."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nebulab.cli import cli
from nebulab.containers import advisories, audit
from nebulab.containers.advisories import Finding, Looked
from nebulab.containers.engine import Engine
from nebulab.errors import ImageError, SettingsError

ROOT = Path(__file__).parents[3]
TODAY = datetime.date(2030, 1, 15)
CRITICAL = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
MINOR = "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N"


def advisory(folder: Path, name: str = "Sunken.Ship", **told: object) -> None:
    """Write one, in OSV's form: versions from 1.0 are affected until 2.0 mends them."""
    events = [{"introduced": "1.0"}, {"fixed": "2.0"}]
    content = {
        "id": "OWN-1",
        "aliases": ["CVE-0-1"],
        "modified": "2030-01-02T03:04:05Z",
        "summary": "It leaks.",
        "severity": [{"type": "CVSS_V3", "score": CRITICAL}],
        "affected": [
            {"package": {"name": name, "ecosystem": "PyPI"}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}
        ],
    } | told
    (folder / f"{content['id']}.json").write_text(json.dumps(content))


def found(folder: Path, *versions: str) -> list[tuple[str, ...]]:
    looked = advisories.search(folder, [("sunken-ship", version) for version in versions])
    return [finding.pin for finding in looked.findings]


def exempt(**told: Any) -> audit.Exempt:
    usual: dict[str, Any] = {"id": "OWN-1", "package": "sunken-ship", "reason": "r" * 40, "until": TODAY}
    return audit.Exempt(**(usual | told))


def finding(score: float | None = 9.8) -> Finding:
    return Finding(("sunken-ship", "1.5"), ("OWN-1", "CVE-0-1"), score, ("2.0",), "It leaks.")


def judged(*findings: Finding, exempt: tuple[audit.Exempt, ...] = (), everything: bool = True) -> audit.Verdict:
    looked = Looked(findings, (), "", frozenset(["OWN-1", "CVE-0-1"]))
    return audit.judge({}, looked, exempt, TODAY, everything=everything)


def test_a_vulnerable_version_is_found_and_its_neighbours_are_not(tmp_path: Path) -> None:
    advisory(tmp_path)
    assert found(tmp_path, "0.9", "1.0", "1.5.3", "2.0", "3.0") == [("sunken-ship", "1.0"), ("sunken-ship", "1.5.3")]
    looked = advisories.search(tmp_path, [("sunken-ship", "1.0"), ("other", "1.0")])
    assert (looked.findings[0].ids, looked.findings[0].fixed) == (("OWN-1", "CVE-0-1"), ("2.0",))
    assert looked.findings[0].score == 9.8
    assert "of 2030-01-02" in looked.data


@pytest.mark.parametrize(
    ("affected", "versions"),
    [
        ({"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}, ["0.1", "9.0"]),
        ({"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"last_affected": "0.1"}]}]}, ["0.1"]),
        ({"versions": ["9.0"]}, ["9.0"]),
        ({"ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]}, []),
    ],
)
def test_ranges_are_read_as_osv_means_them(tmp_path: Path, affected: dict[str, object], versions: list[str]) -> None:
    advisory(tmp_path, affected=[{"package": {"name": "sunken-ship", "ecosystem": "PyPI"}} | affected])
    assert [version for _, version in found(tmp_path, "0.1", "9.0")] == versions


def test_what_was_withdrawn_or_is_of_another_language_is_left_out(tmp_path: Path) -> None:
    advisory(tmp_path, withdrawn="2030-01-03T00:00:00Z")
    other = {"package": {"name": "sunken-ship", "ecosystem": "npm"}, "versions": ["1.5"]}
    advisory(tmp_path, id="OWN-2", affected=[other], details="Not PyPI's.")
    assert found(tmp_path, "1.5") == []


def test_severity_comes_from_the_vector_else_from_the_databases_word_else_is_high(tmp_path: Path) -> None:
    def score(**told: Any) -> tuple[float | None, bool]:
        advisory(tmp_path, **told)
        (only,) = advisories.search(tmp_path, [("sunken-ship", "1.5")]).findings
        return only.score, only.high

    assert score() == (9.8, True)
    assert score(severity=[{"type": "CVSS_V3", "score": MINOR}]) == (1.8, False)
    assert score(severity=None, database_specific={"severity": "MODERATE"}) == (4.0, False)
    assert score(severity=None, database_specific={"severity": "HIGH"}) == (7.0, True)
    assert score(severity=None) == (None, True)
    assert score(severity=[{"type": "CVSS_V3", "score": "nonsense"}]) == (None, True)


def test_a_folder_without_advisories_is_no_clean_bill(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no advisory"):
        advisories.search(tmp_path, [("sunken-ship", "1.5")])


def test_only_a_good_exception_lets_a_high_one_pass() -> None:
    assert not judged(finding()).good
    assert not judged(finding(None)).good
    assert judged(finding(6.9)).good
    assert judged(finding(), exempt=(exempt(),)).good
    assert judged(finding(), exempt=(exempt(id="CVE-0-1"),)).good
    assert not judged(finding(), exempt=(exempt(package="other"),), everything=False).good
    assert not judged(finding(), exempt=(exempt(id="OWN-2"),), everything=False).good


def test_an_exception_that_has_ended_or_that_nothing_needs_fails() -> None:
    ended = judged(finding(), exempt=(exempt(until=TODAY - datetime.timedelta(1)),))
    assert (len(ended.open), len(ended.expired), ended.good) == (1, 1, False)
    assert judged(exempt=(exempt(),)).unneeded == (exempt(),)
    assert judged(finding(1.8), exempt=(exempt(),)).unneeded == (exempt(),)
    # A part of the locks needs a part of the exceptions; and what the data has never heard of it can't call mended.
    assert judged(exempt=(exempt(),), everything=False).good
    assert judged(exempt=(exempt(id="OWN-3"),)).good


def test_what_could_not_be_looked_up_does_not_pass() -> None:
    looked = Looked((), (("sunken-ship", "1.5"),), "")
    assert not audit.judge({}, looked, (), TODAY, everything=False).good


@pytest.mark.parametrize(
    "wrong",
    [
        'id = "X"\npackage = "p"\nreason = "it is harmless here because nothing calls it"',
        'id = "X"\npackage = "p"\nreason = "harmless"\nuntil = 2030-01-01',
        'id = "X"\npackage = "p"\nreason = "it is harmless here because nothing calls it"\nuntil = "2030-01-01"',
        'id = "X"\npackage = "p"\nreason = "it is harmless here because nothing calls it"\nuntil = 2030-01-01\nwhy = 1',
        "id = ",
    ],
)
def test_an_exception_without_a_reason_or_an_end_is_refused(tmp_path: Path, wrong: str) -> None:
    file = tmp_path / "exceptions.toml"
    file.write_text(f"[[exception]]\n{wrong}\n")
    with pytest.raises(SettingsError, match=r"exceptions\.toml"):
        audit.exceptions(file)


def test_the_written_exceptions_are_complete_and_their_packages_are_locked() -> None:
    names = {name for name, _ in audit.locked(ROOT)}
    for one in audit.exceptions(ROOT / audit.EXCEPTIONS):
        assert one.package in names


def test_every_pin_of_the_locks_is_looked_at(tmp_path: Path) -> None:
    pins = audit.locked(ROOT)
    assert "image/torch-cpu.txt" in pins["torch", "2.13.0"]
    assert {"lab.txt", "kernels.txt"} < set(pins["ipykernel", max(v for n, v in pins if n == "ipykernel")])
    lock = ROOT / "requirements" / "lab.txt"
    counted = sum(line[:1].isalnum() and "==" in line for line in lock.read_text().splitlines())
    assert counted == len(audit.locked(ROOT, [lock]))
    (tmp_path / "empty.txt").write_text("# nothing\n")
    with pytest.raises(SettingsError, match="pins no package"):
        audit.locked(ROOT, [tmp_path / "empty.txt"])


def test_an_image_is_judged_by_its_own_bills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def bill(*packages: tuple[str, str]) -> str:
        components = [{"name": name, "version": v, "purl": f"pkg:pypi/{name}@{v}"} for name, v in packages]
        return json.dumps({"components": [*components, {"name": "bash", "version": "5", "purl": "pkg:deb/bash@5"}]})

    (tmp_path / "said").write_text(bill(("Sunken.Ship", "1.5")) + bill(("torch", "2.0+cpu")) + "\n")
    program = tmp_path / "podman"
    program.write_text(f"#!/bin/sh\ncat {tmp_path}/said\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert audit.installed(Engine("podman"), "t") == {("sunken-ship", "1.5"): ["t"], ("torch", "2.0"): ["t"]}
    program.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(ImageError, match="no bill of materials"):
        audit.installed(Engine("podman"), "t")


def test_the_command_fails_on_a_vulnerable_lock_and_says_what_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nebulab.checkout.install_packages", lambda name: None)
    advisory(tmp_path)
    lock = tmp_path / "lock.txt"
    arguments = ["image", "audit", "--advisories", str(tmp_path), "--lock", str(lock)]
    lock.write_text("sunken-ship[all]==1.5 \\\n    --hash=sha256:0\n")
    failed = CliRunner().invoke(cli, arguments)
    assert failed.exit_code == 1, failed.output
    assert "VULNERABLE  sunken-ship==1.5  OWN-1  CVSS 9.8; mended in 2.0" in failed.output
    lock.write_text("sunken-ship==2.0\n")
    passed = CliRunner().invoke(cli, arguments)
    assert (passed.exit_code, "VULNERABLE" in passed.output) == (0, False), passed.output


def test_pip_audits_answer_is_read_and_what_it_skipped_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answers(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert command[:3] == [sys.executable, "-m", "pip_audit"]
        asked.append(Path(command[command.index("--requirement") + 1]).read_text())
        vulnerability = {"id": "OWN-1", "aliases": ["CVE-0-1"], "fix_versions": ["2.0"], "description": "It\nleaks."}
        told = [
            {"name": "sunken-ship", "version": "1.5", "vulns": [vulnerability]},
            {"name": "unheard-of", "skip_reason": "Dependency not found on PyPI"},
        ]
        return subprocess.CompletedProcess(command, 1, json.dumps({"dependencies": told[: asked[-1].count("==")]}), "")

    monkeypatch.setattr(subprocess, "run", answers)
    pins = [("sunken-ship", "1.5"), ("sunken-ship", "1.4"), ("unheard-of", "1.0")]
    looked = advisories.ask_pypi(pins)
    # One list has each package once.
    assert sorted(text.count("sunken-ship==") for text in asked) == [1, 1]
    assert finding(None) in looked.findings
    assert ("unheard-of", "1.0") in looked.unknown

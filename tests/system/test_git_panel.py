"""Git in the Lab, in a real browser: a private repository cloned, a notebook compared, committed and pushed, a branch,
and a conflict that is resolved; the login is in no file and in no log."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect

from nebulab.session.lab import git as identity
from support import chromium
from support import lab as support
from support.galaxy import wait_for
from support.git import git, serve
from support.lab import Lab
from support.stack import ENVIRONMENTS

pytestmark = pytest.mark.system
expect.set_options(timeout=30_000)

TOKEN = "s3cret-personal-access-t0ken"
NAME = "analysis.ipynb"


@pytest.fixture
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    request.getfixturevalue("installed")
    started = support.start(tmp_path / "lab", ENVIRONMENTS / "lab", ENVIRONMENTS / "kernels")
    # As the session writes it from Galaxy's answer.
    path = identity.configuration({"HOME": str(started.folder)})
    identity.write(path, {"username": "ada", "email": "ada@example.org"})
    yield started
    started.stop()


@pytest.fixture
def page() -> Iterator[Page]:
    with chromium.opened(height=900, seconds=30) as page:
        yield page


def write(folder: Path, *cells: str, outputs: bool = False) -> None:
    made: list[Any] = [nbformat.v4.new_code_cell(cell, id=f"cell-{number}") for number, cell in enumerate(cells)]
    if outputs:
        made[0]["outputs"] = [nbformat.v4.new_output("stream", name="stdout", text="printed before\n")]
    (folder / NAME).write_text(nbformat.writes(nbformat.v4.new_notebook(cells=made)))


def shown(bare: Path, what: str) -> str:
    return subprocess.run(["git", "show", what], cwd=bare, capture_output=True, text=True, check=True).stdout


def branch(clone: Path) -> str:
    return (clone / ".git" / "HEAD").read_text().strip().removeprefix("ref: refs/heads/")


def log_in(page: Page, *, keep: bool) -> None:
    asked = page.locator(".jp-Dialog", has_text="Git credentials required")
    asked.get_by_placeholder("username").fill("ada")
    asked.get_by_placeholder("password / personal access token").fill(TOKEN)
    asked.get_by_text("Save my login temporarily").set_checked(keep)
    asked.get_by_role("button", name="Ok").click()


def on_file(page: Page, panel: Locator, command: str) -> None:
    panel.get_by_text(NAME).first.click(button="right")
    page.get_by_role("menuitem", name=command, exact=True).click()


def commit(panel: Locator, message: str) -> None:
    panel.get_by_role("textbox", name=re.compile("Commit message|Summary")).first.fill(message)
    panel.get_by_role("button", name="Commit", exact=True).click()


def test_a_notebook_goes_to_a_private_repository_and_a_conflict_ends(lab: Lab, page: Page, tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    bare = tmp_path / "server" / "served" / "open" / "thing.git"
    clone = lab.folder / "work" / "thing"
    with serve(tmp_path / "server", login=f"ada:{TOKEN}") as address:
        page.goto(f"{lab.url}/nebulab/start?token={support.TOKEN}")
        page.locator(".jp-DirListing").wait_for()
        page.get_by_role("menuitem", name="Git", exact=True).click()
        page.get_by_role("menuitem", name="Clone a Repository").click()
        page.get_by_placeholder("https://host.com/org/repo.git").fill(f"{address}/private/thing.git")
        page.get_by_role("button", name="Clone", exact=True).click()
        log_in(page, keep=True)
        expect(page.get_by_text("Successfully cloned")).to_be_visible()
        assert (clone / ".git").is_dir(), "the clone is no repository"

        # A notebook is compared cell by cell, committed without its outputs, under the user's name.
        write(clone, "print('first line')", "x = 2", outputs=True)
        # The file browser is in the clone's folder.
        expect(page.locator(".jp-DirListing-item", has_text=NAME)).to_be_visible()
        page.get_by_role("tab", name="Git", exact=True).click()
        panel = page.locator("#jp-git-sessions")
        expect(panel.get_by_text(NAME)).to_be_visible()
        on_file(page, panel, "Diff")
        expect(page.locator(".jp-git-diff-parent-widget").get_by_text("first line")).to_be_visible()
        chromium.picture(page, "git-diff")
        on_file(page, panel, "Stage")
        expect(panel.get_by_text(re.compile(r"Staged\s*1"))).to_be_visible()
        commit(panel, "numbers")
        clear = page.locator(".jp-Dialog", has_text="output")
        chromium.picture(page, "git-outputs")
        clear.locator(".jp-mod-accept").click()
        expect(panel.get_by_text("numbers").first).to_be_visible()
        said = wait_for(
            "the commit", lambda: committed if "numbers" in (committed := shown(clone, "HEAD")) else None, 30
        )
        assert "Author: ada <ada@example.org>" in said
        assert "first line" in said
        assert "printed before" not in said

        # The login is kept: nothing is asked again.
        panel.get_by_role("button", name=re.compile("^Push")).click()
        wait_for("the push", lambda: "first line" in shown(bare, f"main:{NAME}") or None, 30)
        assert page.locator(".jp-Dialog").count() == 0

        # A branch, and back.
        panel.get_by_role("button", name="New Branch").click()
        page.get_by_role("textbox", name="Enter a branch name").fill("mine")
        page.get_by_role("button", name="Create Branch").click()
        wait_for(
            "the branch", lambda: (clone / ".git" / "HEAD").read_text().strip() == "ref: refs/heads/mine" or None, 30
        )
        panel.get_by_title("Switch to branch: main").click()
        wait_for("main", lambda: branch(clone) == "main" or None, 30)

        # Somebody else changes the same line.
        git(tmp_path, "clone", str(bare), "other")
        write(tmp_path / "other", "print('first line, theirs')", "x = 2")
        git(tmp_path / "other", "commit", "-am", "theirs")
        git(tmp_path / "other", "push", "origin", "main")
        write(clone, "print('first line, mine')", "x = 2")
        git(clone, "commit", "-am", "mine")
        git(clone, "config", "pull.rebase", "false")
        panel.get_by_role("button", name=re.compile("^Pull")).click()
        expect(panel.get_by_text(re.compile("Conflicted"))).to_be_visible()
        chromium.picture(page, "git-conflict")
        panel.get_by_text(NAME).first.dblclick()
        page.get_by_role("button", name="Mark as resolved").click()
        expect(panel.get_by_text(re.compile("Conflicted"))).to_have_count(0)
        commit(panel, "both")
        wait_for("the merge", lambda: "Merge:" in shown(clone, "HEAD") or None, 30)
        merged = json.loads((clone / NAME).read_text())
        assert len(merged["cells"]) >= 2
        assert "<<<<<<<" not in (clone / NAME).read_text()

    holding = [
        str(path)
        for path in lab.folder.rglob("*")
        if path.is_file() and not path.is_symlink() and TOKEN.encode() in path.read_bytes()
    ]
    assert holding == []
    assert TOKEN not in lab.log

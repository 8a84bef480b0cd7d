"""Each kind of session: what lies in its folder at first, and what becomes of its outputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nebulab.errors import StagingError
from nebulab.session import standalone
from nebulab.session.inputs import start
from nebulab.session.journal import Journal
from nebulab.session.kinds import InGalaxy, Job, Kind, LaidOut, Place, Standalone, kind_of
from nebulab.session.layout import Layout
from nebulab.session.outputs.elements import Datatypes
from nebulab.session.outputs.kept import Kept
from nebulab.session.outputs.mirror import Mirror
from nebulab.session.outputs.results import Results
from nebulab.session.settings import SessionSettings

NOTEBOOK = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "working")
    for folder in (made.work, made.own):
        folder.mkdir(parents=True)
    return made


def inputs(layout: Layout, form: object) -> Path:
    path = layout.root / "galaxy_inputs.json"
    path.write_text(json.dumps(form))
    return path


def lay_out(kind: Kind, settings: SessionSettings, journal: Journal | None = None) -> LaidOut:
    def clone(address: str, reference: str, into: Path) -> Path:
        (into / "repository").mkdir(parents=True)
        (into / "repository" / "first.ipynb").write_text(NOTEBOOK)
        return into / "repository"

    return kind.lay_out(Place(settings, "none", Datatypes(("txt", "ipynb")), journal or Journal(), clone))


def test_a_job_has_its_program_and_the_files_that_it_names(layout: Layout, tmp_path: Path) -> None:
    source, data = tmp_path / "dataset_1.dat", tmp_path / "dataset_2.dat"
    source.write_text("print('hello')")
    data.write_bytes(b"data")
    form = {
        "select_file": {"source_path": str(source), "element_identifier": "train.py", "file_ext": "txt"},
        "ml_h5_dataset_paths": "in/x.h5",
        "ml_h5_datasets": [{"source_path": str(data)}],
    }
    settings = SessionSettings(layout=layout, inputs=inputs(layout, form), mode="job")
    kind = kind_of(settings)
    assert isinstance(kind, Job)
    laid_out = lay_out(kind, settings)
    assert (laid_out.first.page, laid_out.first.notebook) == ("train.py", b"print('hello')")
    assert (layout.work / "in" / "x.h5").read_bytes() == b"data"
    assert data in laid_out.sources
    assert isinstance(laid_out.collected, Results)


def test_a_job_without_a_program_is_told(layout: Layout) -> None:
    settings = SessionSettings(layout=layout, inputs=inputs(layout, {}), mode="job")
    with pytest.raises(StagingError, match="can't be read"):
        kind_of(settings)


def test_galaxys_session_has_the_notebooks_of_its_mode(layout: Layout) -> None:
    form = {"mode": {"mode_select": "pull_repo", "repo_url": "https://example.org/r.git"}, "user_inputs": []}
    settings = SessionSettings(layout=layout, inputs=inputs(layout, form))
    kind = kind_of(settings)
    assert isinstance(kind, InGalaxy)
    assert (kind.request.mode, kind.program) == ("pull_repo", None)
    laid_out = lay_out(kind, settings)
    assert isinstance(laid_out.collected, Mirror)
    assert layout.outputs.is_dir()
    assert layout.mirror.is_dir()
    assert laid_out.first.page.endswith("first.ipynb")


def test_galaxys_session_without_inputs_starts_from_scratch(layout: Layout) -> None:
    kind = kind_of(SessionSettings(layout=layout))
    assert isinstance(kind, InGalaxy)
    assert kind.request.mode == "scratch"


def test_a_problem_with_the_first_notebooks_is_told_on_the_page(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "prepare", lambda *_: start.Start("", b"", problem="The repository is gone."))
    journal = Journal()
    settings = SessionSettings(layout=layout)
    lay_out(kind_of(settings), settings, journal)
    assert "The repository is gone." in str(vars(journal))


def test_a_persons_own_folder_keeps_what_is_made_where_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "analysis"
    folder.mkdir()
    (folder / "mine.txt").touch()
    own = standalone.layout(folder, {"NEBULAB_STATE": str(tmp_path / "state")})
    settings = SessionSettings(layout=own, mode="standalone")
    kind = kind_of(settings)
    assert isinstance(kind, Standalone)
    laid_out = lay_out(kind, settings)
    assert isinstance(laid_out.collected, Kept)
    assert laid_out.first.page == ""
    assert [path.name for path in folder.iterdir()] == ["mine.txt"], "no folder for outputs is made"

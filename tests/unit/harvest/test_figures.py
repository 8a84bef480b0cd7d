"""Figures as PNG and SVG, at the moment they are shown."""

from __future__ import annotations

import base64
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib as mpl
import pytest

mpl.use("agg")

import matplotlib.pyplot as plt

from nebulab.harvest.figures import Shown, is_figure, save
from nebulab.harvest.inventory import Harvest
from nebulab.harvest.limits import Limits

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def figure() -> Any:
    figure = plt.figure()
    figure.add_subplot().plot([1, 2])
    yield figure
    plt.close("all")


def test_a_figure_is_known_by_its_class(figure: Any) -> None:
    assert is_figure(figure)
    assert not is_figure(type("Figure", (), {})())


def test_saved_under_a_name_that_no_file_system_minds(figure: Any, tmp_path: Path) -> None:
    assert save(figure, tmp_path / "figures", "a/b c") == ["figures/a_b_c.png", "figures/a_b_c.svg"]
    assert (tmp_path / "figures" / "a_b_c.png").read_bytes().startswith(PNG)


def test_half_a_figure_does_not_stay(figure: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    savefig = figure.savefig

    def failing(path: Path, **options: Any) -> None:
        savefig(path, **options)
        if path.suffix == ".svg":
            raise ValueError("no font")

    monkeypatch.setattr(figure, "savefig", failing)
    with pytest.raises(ValueError, match="no font"):
        save(figure, tmp_path, "x")
    assert list(tmp_path.iterdir()) == []


class Formatter:
    """What IPython calls for each thing that a cell shows."""

    def format(self, thing: Any, *_: Any, **__: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return getattr(thing, "bundle", {}), {}


def shown(folder: Path) -> Any:
    shell = SimpleNamespace(display_formatter=Formatter())
    Shown(folder).attach(shell)
    return shell.display_formatter


def test_what_is_shown_is_kept_in_order(figure: Any, tmp_path: Path) -> None:
    formatter = shown(tmp_path)
    image = SimpleNamespace(bundle={"image/png": base64.b64encode(PNG).decode()})
    assert formatter.format(image) == (image.bundle, {})
    formatter.format("a text")
    formatter.format(figure)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figure-001.png", "figure-002.png", "figure-002.svg"]
    assert (tmp_path / "figure-001.png").read_bytes() == PNG


def test_a_figure_that_a_variable_holds_is_kept_once(figure: Any, tmp_path: Path) -> None:
    kept = Shown(tmp_path / "figures")
    changed, (axes,) = plt.figure(), figure.axes
    changed.add_subplot()
    for each in (figure, changed):
        kept.keep(each, {})
        plt.close(each)
    changed.axes[0].plot([1, 2])
    harvest = Harvest({"fig": figure, "grown": changed, "axes": axes}, tmp_path, Limits())
    harvest.figures(kept)
    harvest.data()
    stems = {path.stem for path in (tmp_path / "figures").iterdir()}
    # Of the one that was drawn into after it had been shown, both are worth a look.
    assert stems == {"fig", "figure-002", "grown"}


def test_a_full_disk_fails_no_cell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "figures").write_text("a file is in the way")
    bundle = {"image/png": PNG}
    assert shown(tmp_path / "figures").format(SimpleNamespace(bundle=bundle)) == (bundle, {})
    assert "could not be kept" in capsys.readouterr().err


def test_open_figures_are_those_that_nobody_closed(figure: Any, tmp_path: Path) -> None:
    closed = plt.figure()
    plt.close(closed)
    assert Shown(tmp_path).open_figures() == [figure]

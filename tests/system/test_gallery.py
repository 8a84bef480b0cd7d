"""The gallery's notebooks in a fresh session of the real Galaxy: each ends with its results in the history."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from support import chromium
from support.galaxy import GalaxyUser, wait_for
from support.session import Session
from support.stack import ENVIRONMENTS, ROOT, Stack

pytestmark = pytest.mark.system

GALLERY = ROOT / "examples" / "gallery"
RESULTS = {
    "curves-with-jax": {"dose-response fits.tsv", "dose-response fits.png"},
    "drug-response-with-xgboost": {"drug response scores.tsv", "drug response.png", "drug response.onnx"},
    "fine-tuning": {"splice site scores.tsv", "splice sites.png", "yeast splice sites.onnx"},
    "images-with-keras": {"digits taken for others.png", "digits.onnx"},
    "imputation": {"imputation scores.tsv", "imputation.png", "imputation.onnx"},
    "pytorch-with-checkpoints": {"tissues with a break.png", "tissues.onnx"},
    "sequences-with-a-transformer": {
        "promoters.fasta",
        "promoter scores.tsv",
        "promoter attention.png",
        "promoters.onnx",
    },
    "sharing-models": {
        "brown-stain.bioimage.io.zip",
        "brown stain, model card.md",
        "brown stain.png",
        "brown stain.onnx",
    },
    "tables-with-scikit-learn": {"wine scores.tsv", "wine importance.png", "wine.onnx"},
}
"""Datasets that each puts into the history. The list puts nothing, and the app does when its button is pressed."""
WITHOUT_RESULTS = {"Gallery", "app-of-a-protein"}
TORCH = any(ENVIRONMENTS.glob("kernels/lib/python*/site-packages/torch"))

RUN = """
import json, subprocess, time
from concurrent.futures import ThreadPoolExecutor

def run(name):
    began = time.monotonic()
    command = ["nebulab", "run", f"{name}.ipynb", "--in-place", "-q"]
    finished = subprocess.run(command, cwd="gallery", capture_output=True, text=True)
    executed = json.load(open(f"gallery/{name}.ipynb"))
    outputs = [output for cell in executed["cells"] for output in cell.get("outputs", [])]
    return name, {
        "failed": finished.stderr[-2000:] if finished.returncode else "",
        "warned": [output["text"] for output in outputs if output.get("name") == "stderr"],
        "printed": "".join("".join(output["text"]) for output in outputs if output.get("name") == "stdout"),
        "pictures": sum("image/png" in output.get("data", {}) for output in outputs),
        "seconds": round(time.monotonic() - began),
    }

with ThreadPoolExecutor(2) as pool:
    print(json.dumps(dict(pool.map(run, NAMES))))
"""
CARDS = """
import json
print(json.dumps({dataset.name: dataset.model().card for dataset in history.find(tag="#gallery", ext="onnx")}))
"""

TRAIN = """
training = history.train("gallery/tables-with-scikit-learn.ipynb").wait()
models = training.models
print(training.state, {name: model.card["verified"] for name, model in models.items()})
"""


@pytest.fixture(scope="module")
def user(stack: Stack) -> GalaxyUser:
    return GalaxyUser(stack.url, stack.user.key)


@pytest.fixture(scope="module")
def gallery_history(user: GalaxyUser) -> str:
    return user.new_history("gallery")


@pytest.fixture(scope="module")
def session(stack: Stack, user: GalaxyUser, gallery_history: str) -> Iterator[Session]:
    _, point = user.start_session(gallery_history)
    yield Session(stack, point["target"])
    user.stop_session(point["id"])


def test_each_notebook_ends_with_its_results_in_the_history(
    session: Session, user: GalaxyUser, gallery_history: str
) -> None:
    assert {path.stem for path in GALLERY.glob("*.ipynb")} == set(RESULTS) | WITHOUT_RESULTS
    chosen = [name for name in RESULTS if TORCH or name != "pytorch-with-checkpoints"]
    if not TORCH:
        print("not run: pytorch-with-checkpoints, since the kernels' environment has no PyTorch")
    told: dict[str, dict[str, Any]] = json.loads(session.run(RUN.replace("NAMES", repr(["Gallery", *chosen]))))
    print({name: each["seconds"] for name, each in told.items()})
    assert {name: each["failed"] for name, each in told.items() if each["failed"]} == {}
    warned = {name: warnings("".join(map("".join, each["warned"]))) for name, each in told.items()}
    assert {name: lines for name, lines in warned.items() if lines} == {}
    assert [name for name in chosen if not told[name]["pictures"]] == []

    expected = set().union(*(RESULTS[name] for name in chosen))
    contents = user.gi.histories.show_history(gallery_history, contents=True)
    datasets = {item["name"]: user.wait_dataset(item["id"]) for item in contents if item["name"] in expected}
    assert set(datasets) == expected
    assert {name: item["state"] for name, item in datasets.items() if item["state"] != "ok"} == {}
    assert {name for name, item in datasets.items() if "gallery" not in str(item["tags"])} == set()
    for name in expected:
        if name.endswith(".png"):
            assert user.content(datasets[name]["id"]).startswith(b"\x89PNG"), name

    cards = json.loads(session.run(CARDS))
    assert set(cards) == {name for name in expected if name.endswith(".onnx")}
    assert [name for name, card in cards.items() if not card["verified"] or not card["proof"]["rows"]] == []

    def scores(name: str) -> dict[str, dict[str, float]]:
        return table(user.content(datasets[name]["id"]).decode())

    means = {row: values["mean"] for row, values in scores("wine scores.tsv").items()}
    assert all(mean > 0.9 for mean in means.values()), means
    spearman = scores("drug response scores.tsv")
    assert spearman["rows"]["spearman"] > spearman["cell lines"]["spearman"] + 0.05 > 0.3
    sites = {way: values["area under the curve"] for way, values in scores("splice site scores.tsv").items()}
    assert sites["fine-tuned"] > max(sites["as it is"], sites["from nothing"])
    imputed = {way: values["correlation"] for way, values in scores("imputation scores.tsv").items()}
    assert imputed["network"] > imputed["gene's mean"]
    promoters = {way: values["area under the curve"] for way, values in scores("promoter scores.tsv").items()}
    assert promoters["words of six letters"] < 0.7 < 0.9 < promoters["transformer"]
    assert user.content(datasets["promoters.fasta"]["id"]).count(b">") == 3000
    assert user.content(datasets["dose-response fits.tsv"]["id"]).count(b"\n") == 1001
    assert user.content(datasets["brown-stain.bioimage.io.zip"]["id"]).startswith(b"PK")
    page = user.content(datasets["brown stain, model card.md"]["id"]).decode()
    assert page.startswith("---\n")
    assert "license: mit" in page
    if TORCH:
        assert "largest difference: 0.0" in told["pytorch-with-checkpoints"]["printed"]


def test_a_message_of_12_mb_reaches_a_kernel(session: Session) -> None:
    """So large is a picture in a widget's upload; Jupyter's own limit cuts the connection at 10 MB."""
    assert session.run(f"picture = '{'x' * 12_000_000}'\nprint(len(picture))", timeout=60) == "12000000\n"


def test_one_runs_on_the_cluster(session: Session) -> None:
    state, _, models = session.run(TRAIN).strip().splitlines()[-1].partition(" ")
    assert state == "ok"
    assert "'model': True" in models


def warnings(text: str) -> list[str]:
    """Return what a notebook warns of, without TensorFlow's notes at its import, which no setting of its keeps back."""
    notes = ("WARNING: All log messages before absl::InitializeLog()", "I0000 ")
    return [line for line in text.splitlines() if line.strip() and not line.startswith(notes)]


def table(text: str) -> dict[str, dict[str, float]]:
    """Return the numbers of a table, by the first column and the head; of rows with one name the last one counts."""
    head, *rows = (line.split("\t") for line in text.splitlines())
    return {
        row[0]: {name: float(value) for name, value in zip(head, row, strict=True) if value[:1].isdigit()}
        for row in rows
    }


def test_the_app_shows_a_protein_and_puts_it_into_the_history(
    session: Session, user: GalaxyUser, gallery_history: str
) -> None:
    with session.owner() as owner, chromium.opened(height=900, seconds=90) as page:
        asked = owner.post("/nebulab/apps/open", json={"path": "gallery/app-of-a-protein.ipynb"})
        page.goto(session.target)
        page.locator(".jp-DirListing").wait_for()
        page.goto(f"http://{session.host}{asked.raise_for_status().json()['address']}")
        expect(page.get_by_text("249 amino acids", exact=False)).to_be_visible(timeout=90_000)
        expect(page.locator("img[src^='data:image/png']")).to_be_visible()
        expect(page.get_by_text("import ipywidgets")).to_have_count(0)
        page.get_by_role("textbox", name="Sequence").fill("MKTX1")
        expect(page.get_by_text("No amino acids: 1, X")).to_be_visible()
        page.get_by_role("textbox", name="Sequence").fill("A" * 30)
        expect(page.get_by_text("30 amino acids", exact=False)).to_be_visible()
        page.get_by_role("button", name="Put into the history").click()

        def put() -> list[dict[str, Any]]:
            contents = user.gi.histories.show_history(gallery_history, contents=True)
            found = [item for item in contents if item["name"].startswith("hydropathy")]
            return found if len(found) == 2 else []

        made = {item["name"]: user.wait_dataset(item["id"]) for item in wait_for("what the app puts", put)}
    assert {name: item["file_ext"] for name, item in made.items()} == {
        "hydropathy.tsv": "tabular",
        "hydropathy.png": "png",
    }
    # 30 amino acids in windows of 19, and the head.
    assert user.content(made["hydropathy.tsv"]["id"]).count(b"\n") == 13

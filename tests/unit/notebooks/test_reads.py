"""What a program seems to read, from its text: files with their lines, inputs by name; and not what it writes."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from nebulab.notebooks import reads
from nebulab.notebooks.reading import read
from nebulab.notebooks.reads import Place, Reads

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("table.csv", "data/train.h5", "data/a.png", "data/b.png", "data/deep/c.txt", "numbers"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    return tmp_path


def found(folder: Path, *cells: str) -> Reads:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    (folder / "n.ipynb").write_text(nbformat.writes(notebook))
    return reads.find(read(folder / "n.ipynb"), folder)


@pytest.mark.parametrize(
    "code",
    [
        'pd.read_csv("table.csv")',
        'open("table.csv")',
        'open("table.csv", "rb")',
        'open("./table.csv", mode="r")',
        'Path("table.csv").read_text()',
        'Path("table.csv").open()',
        'np.loadtxt("table.csv", delimiter=",")',
        'pl.scan_csv("table.csv")',
        'with open("table.csv") as file:\n    pass',
        '%matplotlib inline\nx = 1\nopen("table.csv")',
        'NAME = "table.csv"\nload_my_way(NAME)',
        'FOLDER = "."\nopen(f"{FOLDER}/table.csv")',
        'BASE = Path(".")\nopen(BASE / "table.csv")',
        'import os\nopen(os.path.join(".", "table.csv"))',
    ],
)
def test_a_file_is_found_however_it_is_read(folder: Path, code: str) -> None:
    told = found(folder, code)
    assert list(told.files) == ["table.csv"]
    assert not told.missing


def test_each_file_has_the_lines_that_it_is_read_in(folder: Path) -> None:
    told = found(folder, "x = 1", 'import h5py\nfile = h5py.File("data/train.h5")', 'h5py.File("data/train.h5", "r")')
    assert told.files == {
        "data/train.h5": [
            Place(2, 2, 'file = h5py.File("data/train.h5")'),
            Place(3, 1, 'h5py.File("data/train.h5", "r")'),
        ]
    }


@pytest.mark.parametrize(
    "code",
    [
        'frame.to_csv("table.csv")',
        'open("table.csv", "w").write("x")',
        'Path("table.csv").write_text("x")',
        'Path("table.csv").open("w")',
        'h5py.File("data/train.h5", "w")',
        'plt.savefig("data/a.png")',
        'torch.save(net, "table.csv")',
        'np.save("table.csv", x)',
        'pd.read_csv("https://example.org/table.csv")',
        'print("hello")',
        'open("/etc/hostname")',
    ],
)
def test_what_is_written_or_lies_elsewhere_is_no_input(folder: Path, code: str) -> None:
    assert not found(folder, code).files


def test_what_is_not_there_is_told_unless_the_program_makes_it(folder: Path) -> None:
    told = found(folder, 'pd.read_csv("none.csv")', 'f.to_csv("made.csv")', 'pd.read_csv("made.csv")', 'get("data x")')
    assert list(told.missing) == ["none.csv"]
    assert not found(folder, 'os.makedirs("new")\ndownload("new")', 'open("new/file.txt")').missing


def test_a_path_beyond_the_folder_is_told_apart(folder: Path) -> None:
    (folder / "sub").mkdir()
    told = found(folder / "sub", 'pd.read_csv("../table.csv")', 'open("../none.csv")')
    assert list(told.outside) == ["../table.csv"]
    assert not told.files


@pytest.mark.parametrize(
    "code", ['glob.glob("data/*.png")', 'Path("data").glob("*.png")', 'for p in Path("data").rglob("*.png"): pass']
)
def test_a_pattern_stands_for_its_files(folder: Path, code: str) -> None:
    assert list(found(folder, code).files) == ["data/a.png", "data/b.png"]


def test_a_folder_stands_for_its_files(folder: Path) -> None:
    assert list(found(folder, 'os.listdir("data")').files) == [
        *("data/a.png", "data/b.png", "data/deep/c.txt", "data/train.h5"),
    ]


def test_inputs_by_name_and_datasets_of_the_history(folder: Path) -> None:
    told = found(
        folder,
        'GALAXY_INPUTS["table"][0]["path"]\nrate = GALAXY_INPUTS.get("rate", 1)',
        'history["planets.tsv"].read()\nhistory[5]\npath = get(7)',
    )
    assert list(told.named) == ["table", "rate"]
    assert list(told.history) == ["planets.tsv", "5", "7"]


def test_a_script_in_r_is_read_by_its_texts(folder: Path) -> None:
    (folder / "s.R").write_text('x <- read.csv("table.csv")\ny <- readRDS("none.rds")\n')
    told = reads.find(read(folder / "s.R"), folder)
    assert told.files == {"table.csv": [Place(1, 1, 'x <- read.csv("table.csv")')]}


@pytest.mark.parametrize(
    "code", ["def broken(", "%%bash\ncat table.csv", "x = '\\0'\nopen(x)", 'open("a" * 3)', "open('x' + 5)", "f(**{})"]
)
def test_code_that_can_not_be_read_yields_nothing(folder: Path, code: str) -> None:
    assert found(folder, code) == Reads()


EXPECTED = {
    "Breast cancer.ipynb": {"history": ["breast cancer.tsv"]},
    "Start here.ipynb": {"history": ["planets.tsv"]},
    "elyra/apply_ml.ipynb": {"missing": ["data/METABRIC_RNA_Mutation_clean.csv"]},
    "elyra/load_dataset.ipynb": {"files": ["data/cohort.csv"]},
    "elyra/plot_results.ipynb": {"missing": ["data/true_labels.csv", "data/predicted_labels.csv"]},
    "elyra/preprocess_dataset.ipynb": {"missing": ["data/METABRIC_RNA_Mutation.csv"]},
    "notebooks/pandas.ipynb": {"outside": ["../data/breast-w_test.tsv"]},
    "notebooks/scikit-Learn.ipynb": {"outside": ["../data/breast-w_test.tsv"]},
    "usecases/2_create_model_and_train.ipynb": {"missing": ["h5_datasets/combined_CT_datasets.h5"]},
    "usecases/3_predict_masks.ipynb": {"missing": ["h5_datasets/combined_CT_datasets.h5"]},
    "usecases/4_create_model_and_train_remote.ipynb": {"missing": ["h5_datasets/combined_CT_datasets.h5"]},
    "usecases/5_run_remote_training.ipynb": {"files": ["4_create_model_and_train_remote.ipynb"]},
    "usecases/6_predict_masks_remote_model.ipynb": {"missing": ["h5_datasets/combined_CT_datasets.h5"]},
}

MADE = {
    "Breast cancer.ipynb": ["outputs/breast_cancer.onnx"],
    "Start here.ipynb": ["outputs/planets.csv"],
    "elyra/apply_ml.ipynb": ["data/predicted_labels.csv", "data/true_labels.csv"],
    "elyra/load_dataset.ipynb": ["data/METABRIC_RNA_Mutation.csv"],
    "elyra/plot_results.ipynb": ["data/linear_model_performance.png"],
    "elyra/preprocess_dataset.ipynb": ["data/METABRIC_RNA_Mutation_clean.csv"],
    "usecases/1_fetch_datasets.ipynb": ["h5_datasets/combined_CT_datasets.h5"],
    "usecases/7_ColabFold_MMseq2.ipynb": ["query.fasta"],
}

START = sorted((ROOT / "examples" / "start").rglob("*.ipynb"))


@pytest.mark.parametrize("path", START, ids=lambda path: str(path.relative_to(ROOT / "examples" / "start")))
def test_the_examples(path: Path) -> None:
    """Every notebook of a fresh session that reads a file says which; none reads what the guess leaves out."""
    told = reads.find(read(path), path.parent)
    name = str(path.relative_to(ROOT / "examples" / "start"))
    shown = {kind: list(names) for kind, names in vars(told).items() if names}
    assert shown.pop("made", []) == MADE.get(name, [])
    assert shown == EXPECTED.get(name, {})


def test_the_tools_own_test_programs(tmp_path: Path) -> None:
    data = ROOT / "galaxy-tools" / "test-data"
    program = data / "training.txt"
    (tmp_path / "h5_datasets").mkdir()
    (tmp_path / "h5_datasets" / "numbers.h5").write_bytes((data / "numbers.h5").read_bytes())
    (tmp_path / "training.py").write_bytes(program.read_bytes())
    assert list(reads.find(read(tmp_path / "training.py"), tmp_path).files) == ["h5_datasets/numbers.h5"]
    cells = json.loads((data / "parameters.ipynb").read_text())
    assert cells["cells"]
    assert list(reads.find(read(data / "parameters.ipynb"), data).named) == ["table"]


def test_what_it_makes_is_told_apart_from_what_it_clears_away(folder: Path) -> None:
    told = found(
        folder,
        'frame = pd.read_csv("table.csv")\nos.makedirs("new")\nos.remove("old.csv")',
        'frame.to_csv("new/clean.csv")\nopen("made.txt", "w").write("data.x")\nfigure.savefig("/tmp/f.png")',
    )
    assert told.made == ["new/clean.csv", "made.txt"]

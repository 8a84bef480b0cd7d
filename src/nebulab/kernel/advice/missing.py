"""Advice beside the error of a package that is not installed: its name, and the line to type; runs in the kernel."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import nebulab
from nebulab.contract import ENVIRONMENT_STAMP

ENVIRONMENT = Path(nebulab.__file__).parents[4]
"""The environment that this package is installed in, which a session's own packages lie above."""

FRAMEWORKS: Mapping[str, tuple[str, str, tuple[str, ...]]] = MappingProxyType(
    {
        "torch": ("PyTorch", "torch", ("cpu", "cuda12", "torch-jax-cuda13")),
        "tensorflow": ("TensorFlow", "tensorflow", ("cpu", "cuda12", "tensorflow-cuda12")),
        "jax": ("JAX", "jax", ("cpu", "cuda12", "tensorflow-cuda12", "torch-jax-cuda13")),
        "colabfold": ("ColabFold", "colabfold[alphafold]", ("cpu", "cuda12", "torch-jax-cuda13")),
    }
)
"""Large packages by their modules: what they are called, what pip calls them, and the image's variants with them."""

BROUGHT_BY_UP = frozenset({"torch", "tensorflow", "jax"})
"""Of these, the names that `nebulab up --frameworks` takes; `nebulab.stack.frameworks` has the same."""

OTHERWISE_NAMED: Mapping[str, str] = MappingProxyType(
    {
        "Bio": "biopython",
        "Crypto": "pycryptodome",
        "Levenshtein": "python-Levenshtein",
        "MDAnalysis": "MDAnalysis",
        "OpenSSL": "pyopenssl",
        "PIL": "pillow",
        "SimpleITK": "SimpleITK",
        "attr": "attrs",
        "bs4": "beautifulsoup4",
        "community": "python-louvain",
        "cv2": "opencv-python-headless",
        "dateutil": "python-dateutil",
        "docx": "python-docx",
        "dotenv": "python-dotenv",
        "faiss": "faiss-cpu",
        "fitz": "pymupdf",
        "git": "gitpython",
        "igraph": "python-igraph",
        "imblearn": "imbalanced-learn",
        "jose": "python-jose",
        "magic": "python-magic",
        "openslide": "openslide-python openslide-bin",
        "osgeo": "gdal",
        "pkg_resources": '"setuptools<81"',
        "pptx": "python-pptx",
        "psycopg2": "psycopg2-binary",
        "pytorch_lightning": "pytorch-lightning",
        "sentence_transformers": "sentence-transformers",
        "serial": "pyserial",
        "skbio": "scikit-bio",
        "skimage": "scikit-image",
        "sklearn": "scikit-learn",
        "skopt": "scikit-optimize",
        "tensorflow_datasets": "tensorflow-datasets",
        "tensorflow_hub": "tensorflow-hub",
        "tensorflow_probability": "tensorflow-probability",
        "tf_keras": "tf-keras",
        "umap": "umap-learn",
        "yaml": "pyyaml",
    }
)
"""What pip calls the packages of modules that have another name."""

_TABLES = (
    "pandas reads a training's arrays.h5 as nebulab.load does: frame = nebulab.load(path)[name]. For files of its own "
    "`read_hdf` needs a package: %pip install tables"
)


def advice_for(error: ImportError) -> str:
    """Return what to type for a package that is missing, or nothing."""
    if "pytables" in str(error):
        return _TABLES
    module = (error.name or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or not module or importlib.util.find_spec(module) is not None:
        return ""
    if module in FRAMEWORKS:
        by_up = module in BROUGHT_BY_UP and (ENVIRONMENT / ENVIRONMENT_STAMP).is_file()
        return _from_up(module) if by_up else _framework(*FRAMEWORKS[module])
    package = OTHERWISE_NAMED.get(module)
    if package:
        return f"`{module}` is in the package {package}. Type in a cell of its own: %pip install {package}"
    return (
        f"No package here has a module `{module}`. Where PyPI has it under that name: %pip install {module}. A file of "
        "your own is found in the notebook's folder."
    )


def _from_up(module: str) -> str:
    title, package, _ = FRAMEWORKS[module]
    # One without TensorFlow has a set for GPUs that TensorFlow can't be in: another one has all.
    wanted = "all" if module == "tensorflow" else module
    return (
        f"{title} is not in this environment. For this session alone, type in a cell of its own: %pip install "
        f"{package} (up to several GB). For every session from then on, whoever runs this Galaxy types in Nebulab's "
        f"checkout, with its --data-dir if it has one: ./nebulab up --frameworks {wanted}"
    )


def _framework(title: str, package: str, variants: tuple[str, ...]) -> str:
    return (
        f"{title} is not in this environment. Type in a cell of its own: %pip install {package} (up to several GB, and "
        f"gone with the session). Nebulab's image has it in the variants {', '.join(variants)}: with "
        f"`./nebulab image build --variant {variants[0]}`, sessions have it from the next `./nebulab up` on."
    )

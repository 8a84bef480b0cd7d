"""The code by which a notebook loads a file, from the file's name; runs in JupyterLab's process."""

from __future__ import annotations

from pathlib import PurePosixPath

_IMAGES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".bmp"})
_TEXT = 'from pathlib import Path\n\ntext = Path({path}).read_text(errors="replace")\nprint(text[:1000])'
_ONNX = (
    "import onnxruntime\n\nmodel = onnxruntime.InferenceSession({path})\n"
    "[(each.name, each.shape) for each in model.get_inputs()]"
)
_BY_SUFFIX = {
    ".csv": "import pandas as pd\n\ntable = pd.read_csv({path})\ntable.head()",
    ".tsv": 'import pandas as pd\n\ntable = pd.read_csv({path}, sep="\\t")\ntable.head()',
    ".xlsx": "import pandas as pd\n\ntable = pd.read_excel({path})\ntable.head()",
    ".parquet": "import pandas as pd\n\ntable = pd.read_parquet({path})\ntable.head()",
    ".h5": 'import h5py\n\nfile = h5py.File({path}, "r")\nfile.visititems(lambda name, item: print(name, item))',
    ".npy": "import numpy as np\n\narray = np.load({path})\narray.shape",
    ".npz": "import numpy as np\n\narrays = np.load({path})\narrays.files",
    ".json": "import json\nfrom pathlib import Path\n\ndata = json.loads(Path({path}).read_text())\ndata",
    ".onnx": _ONNX,
    ".txt": _TEXT,
}
_SAME = {".tabular": ".tsv", ".tab": ".tsv", ".bed": ".tsv", ".hdf5": ".h5", ".h5ad": ".h5", ".interval": ".tsv"}


def code(path: str) -> str:
    """Return the cell that loads the file at `path`; of an unknown kind, one that reads its first bytes."""
    suffix = PurePosixPath(path).suffix.lower()
    suffix = _SAME.get(suffix, suffix)
    if suffix in _IMAGES:
        return f"from IPython.display import Image\n\nImage(filename={path!r})"
    known = _BY_SUFFIX.get(suffix)
    if known is not None:
        return known.replace("{path}", repr(path))
    return f'with open({path!r}, "rb") as file:\n    begin = file.read(200)\nbegin'

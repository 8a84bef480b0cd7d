"""A notebook run from its first cell to its last and saved as one page of HTML, with all that it shows in it; a process
of the Lab's environment, called by `nebulab.session.lab.acting`.

Reads `{"folder": …, "path": …}`, the working folder and the notebook in it; answers with the page's path.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from nebulab import contract
from nebulab.errors import CellFailed
from nebulab.files import replace
from nebulab.session.kernels.names import KERNEL

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def make(folder: Path, path: str) -> str:
    """Run the notebook at `path` below `folder`, and return the path of the page, which lies in `outputs/`.

    Raises
    ------
    CellFailed
        A cell failed: nothing is written.
    """
    import nbformat
    from jupyter_client import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError
    from nbconvert.exporters import HTMLExporter

    source = folder / path
    notebook = nbformat.read(source, as_version=4)
    name = notebook.metadata.get("kernelspec", {}).get("name")
    kernel = name if name in {KERNEL, contract.KERAS2} else KERNEL
    resources: dict[str, Any] = {"metadata": {"path": str(source.parent), "name": source.stem}}
    manager = AsyncKernelManager(kernel_name=kernel)
    manager.transport_encryption = "auto"
    client = NotebookClient(notebook, km=manager, resources=resources, timeout=None)
    try:
        client.execute()
    except CellExecutionError as error:
        raise CellFailed(
            f"A cell failed: {error.ename}: {_COLOURS.sub('', error.evalue)}",
            "Nothing was saved. Run the notebook's cells in JupyterLab, mend the failing one, and save the page again.",
        ) from error
    except DeadKernelError as error:
        raise CellFailed(
            "The notebook's kernel ended while it ran, mostly for want of memory.",
            "Nothing was saved. Close what you don't need, or run the notebook on the cluster.",
        ) from error
    exporter = HTMLExporter(
        template_name="page",
        extra_template_basedirs=[str(Path(__file__).with_name("templates"))],
        embed_images=True,
    )
    page, _ = exporter.from_notebook_node(notebook, resources=resources)
    target = folder / "outputs" / f"{source.stem}.html"
    target.parent.mkdir(exist_ok=True)
    replace(target, page.encode())
    return target.relative_to(folder).as_posix()


def _main() -> int:
    """Answer in the lines that `acting` reads."""
    answers, sys.stdout = sys.stdout, sys.stderr
    wish: dict[str, Any] = json.load(sys.stdin)
    try:
        said: dict[str, Any] = {"result": {"path": make(Path(wish["folder"]), str(wish["path"]))}}
    except CellFailed as error:
        said = {"error": error.message, "hint": error.hint}
    answers.write(json.dumps(said) + "\n")
    answers.flush()
    return 0 if "result" in said else 1


if __name__ == "__main__":
    sys.exit(_main())

"""A notebook run from its first cell to its last and saved as one page of HTML, with all that it shows in it; a process
of the Lab's environment, called by `nebulab.session.lab.acting`.

Reads `{"folder": …, "path": …}`, the working folder and the notebook in it; answers with the page's path, and the cells
whose widgets are not in it: a widget needs its kernel, or code of its library, which a page alone has not.
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

_MATHJAX = re.compile(r"""<script[^>]*\ssrc=["']https?://[^"']*mathjax[^"']*["'][^>]*>\s*</script>""", re.IGNORECASE)
_WIDGET = "application/vnd.jupyter.widget-view+json"
_INSTEAD = (
    "<p><em>Here the notebook shows a widget{what}, which is not in this page: open the notebook as an app to see it, "
    "or draw it with Matplotlib, Bokeh or Plotly.</em></p>"
)
_CLASS = re.compile(r"\w+")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def make(folder: Path, path: str) -> tuple[str, list[int]]:
    """Run the notebook at `path` below `folder`, and save what it shows as a page in `outputs/`.

    Returns
    -------
    tuple
        The page's path, and the numbers (from 1, of code cells alone) of cells with a widget that is not in the page.

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
    without = _without_widgets(notebook)
    exporter = HTMLExporter(
        template_name="page",
        extra_template_basedirs=[str(Path(__file__).with_name("templates"))],
        embed_images=True,
    )
    page, _ = exporter.from_notebook_node(notebook, resources=resources)
    # Plotly's figures ask the internet for it, and are drawn without.
    page = _MATHJAX.sub("", page)
    target = folder / "outputs" / f"{source.stem}.html"
    target.parent.mkdir(exist_ok=True)
    replace(target, page.encode())
    return target.relative_to(folder).as_posix(), without


def _without_widgets(notebook: Any) -> list[int]:
    """Put a sentence in the place of each widget, and return the numbers of their cells."""
    found = []
    for number, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), 1):
        for output in cell.outputs:
            data = output.get("data") or {}
            if _WIDGET not in data:
                continue
            # Its text is that of Python: `Figure(axes=[Axis(…`.
            name = _CLASS.match("".join(data.get("text/plain") or ""))
            output.data = {"text/html": _INSTEAD.format(what=f" ({name[0]})" if name else "")}
            found.append(number)
    return sorted(set(found))


def _main() -> int:
    """Answer in the lines that `acting` reads."""
    answers, sys.stdout = sys.stdout, sys.stderr
    wish: dict[str, Any] = json.load(sys.stdin)
    try:
        page, without = make(Path(wish["folder"]), str(wish["path"]))
        said: dict[str, Any] = {"result": {"path": page, "without": without}}
    except CellFailed as error:
        said = {"error": error.message, "hint": error.hint}
    answers.write(json.dumps(said) + "\n")
    answers.flush()
    return 0 if "result" in said else 1


if __name__ == "__main__":
    sys.exit(_main())

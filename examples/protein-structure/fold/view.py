"""The structure, turned with the mouse and coloured by confidence, without a network.

py2Dmol draws it: it is by ColabFold's author, and its wheel has the script (120 kB), so that nothing is fetched from
elsewhere. No package of PyPI was found that brings 3Dmol.js (py3Dmol loads it from the network), and Mol* is forty
times as large, in each output.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from fold import MARK, PACKAGES, FoldError
from fold.plots import BANDS

if TYPE_CHECKING:
    from fold.predict import Prediction

_WIDTH, _HEIGHT = 1010, 560
_SIZE, _PAE = 460, 300

# Over the structure too, and without the ways by which a picture of it alone would be kept.
_MARKED = f"""<style>#saveSvgButton, #recordButton {{ display: none !important; }}
#over {{ position: absolute; left: 20px; top: 230px; width: 440px; transform: rotate(-20deg); pointer-events: none;
  color: #b00020; opacity: 0.6; font: bold 26px sans-serif; text-align: center; z-index: 999; }}</style>
<script>addEventListener("contextmenu", event => event.preventDefault());</script>
<div id=over>{html.escape(MARK)}</div>
<p id=mark style="margin:4px 10px;color:#b00020;font-weight:bold">{html.escape(MARK)}</p>"""


class Shown:
    """What a notebook shows of a prediction: the page, in a frame that can reach neither the Lab nor a network."""

    def __init__(self, title: str, page: str) -> None:
        self._title, self._page = title, page

    def _repr_html_(self) -> str:
        # Without `allow-same-origin` the script has no cookie and no storage of the Lab's.
        style = f"border:0;width:100%;max-width:{_WIDTH}px;height:{_HEIGHT}px"
        page = html.escape(self._page)
        wall = 'sandbox="allow-scripts allow-downloads"'
        return f'<iframe title="{html.escape(self._title)}" {wall} style="{style}" srcdoc="{page}"></iframe>'

    def __repr__(self) -> str:
        return "<structure: a notebook shows it>"


def show(prediction: Prediction) -> Shown:
    """Return the structure for a notebook: drag it to turn it, click into the error map to see a pair."""
    return Shown(f"The structure of {prediction.query.name}", page(prediction))


def page(prediction: Prediction) -> str:
    """Return a page of HTML that holds all it needs.

    Raises
    ------
    FoldError
        The viewer is not here.
    """
    try:
        import py2Dmol
    except ImportError as error:
        raise FoldError("The viewer is not here.", f"Run  %pip install {PACKAGES[1]}  and this again.") from error
    made = py2Dmol.view(size=(_SIZE, _SIZE), color="deepmind", pae=True, pae_size=_PAE, id="structure")
    length = len(prediction.query)
    made.add(
        _alpha_carbons(prediction.pdb),
        plddts=prediction.plddt,
        chains=["A"] * length,
        position_types=["P"] * length,
        pae=prediction.pae,
        name=prediction.query.name,
    )
    # Its `show` gives this to IPython; there is no other way to the text of version 1.6.5.
    body = made._display_viewer(static_data=made.objects)
    legend = "".join(
        f'<span style="background:{colour}">&emsp;</span> {word} ({low} to {high})&emsp;'
        for low, high, colour, word in BANDS
    )
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        # The frame's own wall: no address but what is in it.
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; script-src 'unsafe-inline'; "
        "style-src 'unsafe-inline'; img-src data: blob:\">"
        f"<title>{_heading(prediction)}</title></head>"
        f'<body style="margin:0;background:#fff;color:#111;font:14px sans-serif">{_caption(prediction)}{body}'
        f'<p style="margin:2px 10px">{legend}</p></body></html>'
    )


def _heading(prediction: Prediction) -> str:
    return html.escape(f"{MARK}: {prediction.query.name}" if prediction.random else prediction.query.name)


def _caption(prediction: Prediction) -> str:
    words = (
        f"<b>{html.escape(prediction.query.name)}</b>: {len(prediction.query)} amino acids, "
        f"mean pLDDT {prediction.plddt.mean():.1f}, pTM {prediction.ptm:.2f}"
    )
    return f'{_MARKED if prediction.random else ""}<p style="margin:4px 10px">{words}</p>'


def _alpha_carbons(pdb: str) -> Any:
    import numpy as np

    atoms = [line for line in pdb.splitlines() if line.startswith("ATOM") and line[12:16] == " CA "]
    return np.array([[float(line[start : start + 8]) for start in (30, 38, 46)] for line in atoms])

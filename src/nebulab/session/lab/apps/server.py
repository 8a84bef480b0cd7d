"""Voila as a session serves it, a server extension that is loaded by the first request below `/voila`.

Voila's addresses run a notebook when they are opened. A link in a notebook or on another site must not do that, so a
notebook is shown that a person has opened as an app once in this session; for others a page asks first. Its page and
its widgets come from this machine alone.
"""

# Jupyter's classes and tornado's decorators carry no types.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

import shutil
import sys
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode

from jupyter_core.paths import jupyter_data_dir
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from jupyterlab_server.config import get_federated_extensions
from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher, Rule
from tornado.web import authenticated

from nebulab import pages
from nebulab.session.lab.apps.permits import Permits

_TEMPLATE = "nebulab"
_ASK = """<p>It runs all cells of the notebook <strong>{name}</strong>, as you, with what you may do in this session.
Run only what you trust.</p>
<form method="post" action="{action}">{xsrf}<input type="hidden" name="path" value="{path}">
<button class="button" type="submit">Run it as an app</button></form>"""
_AFTER_A_FAILURE = (
    "Cell {number} failed, and the app ends here.\n"
    "Open the notebook in JupyterLab and run its cells there: the failing one can be mended. Then open the app again.\n"
)


class Gate(Matcher):
    """Addresses below `/voila` that Voila does not get: its list of files, and a notebook that nobody has asked for."""

    def __init__(self, base_url: str, permits: Permits) -> None:
        self._root = url_path_join(base_url, "voila")
        self._render = url_path_join(base_url, "voila", "render") + "/"
        self._permits = permits

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Match what the gate's handler is to answer, with the notebook's path if it is one."""
        if request.path.rstrip("/") == self._root or request.path.startswith(f"{self._root}/tree"):
            return {"path_kwargs": {"path": ""}}
        if not request.path.startswith(self._render):
            return None
        path = unquote(request.path.removeprefix(self._render)).strip("/")
        if path in self._permits and "token" not in request.arguments:
            return None
        return {"path_kwargs": {"path": path}}


class GateHandler(JupyterHandler):
    """Asks before a notebook is run, and takes the session's token out of its address."""

    @property
    def content_security_policy(self) -> str:
        """Forbid scripts, beside what holds for every page."""
        return f"{pages.POLICY}; {super().content_security_policy}"

    @authenticated
    def get(self, path: str) -> None:
        """Answer with the page that asks; the list of files is JupyterLab's."""
        if not path:
            self.redirect(url_path_join(self.base_url, "lab"))
        elif "token" in self.request.arguments:
            # A notebook's kernel is told its address, and may print it.
            others = [(name, value) for name, values in self.request.query_arguments.items() for value in values]
            query = urlencode([(name, value) for name, value in others if name != "token"])
            self.redirect(self.request.path + (f"?{query}" if query else ""))
        else:
            for name, value in pages.HEADERS.items():
                self.set_header(name, value)
            # Without a referrer a form has no origin either, and Jupyter refuses it.
            self.set_header("Referrer-Policy", "same-origin")
            body = _ASK.format(
                name=escape(path),
                path=escape(path),
                action=escape(url_path_join(self.base_url, "nebulab", "apps", "open")),
                xsrf=self.xsrf_form_html(),
            )
            self.finish(pages.page("Open this notebook as an app?", body))


def advise(cell: Any, cell_index: int, execute_reply: Any) -> None:
    """Add below the traceback of a failing `cell` what to do; nbclient calls it."""
    text = _AFTER_A_FAILURE.format(number=cell_index + 1)
    cell.outputs.append({"output_type": "stream", "name": "stderr", "text": text})


def with_own_formulas(page_config: dict[str, Any], **of_the_page: Any) -> dict[str, Any]:
    """Have Voila draw formulas with the MathJax that it brings; by default it fetches another one from the internet."""
    return page_config | {"fullMathjaxUrl": "null", "mathjaxConfig": "null"}


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(app: Any) -> None:
    # Not at the top: whether Voila is installed shows here, and JupyterLab starts without it.
    from voila import server_extension

    template = Path(jupyter_data_dir()) / "voila" / "templates" / _TEMPLATE
    shutil.copytree(Path(__file__).with_name("templates") / "app", template, dirs_exist_ok=True)
    of_the_lab = get_federated_extensions([str(Path(sys.prefix) / "share" / "jupyter" / "labextensions")])
    app.config.VoilaConfiguration.update(
        template=_TEMPLATE,
        allow_template_override="NO",
        # Who sees it is who wrote it, or who runs it.
        show_tracebacks=True,
        # Widgets come from the kernels' environment; what the Lab's page has, Git's panel for one, is of no use there.
        extension_denylist=list(of_the_lab),
        page_config_hook=with_own_formulas,
    )
    app.config.VoilaExecutor.on_cell_error = advise
    # Otherwise a file `voila.py` in the working folder, such as a cloned repository's, is run in this process.
    server_extension.load_config_file = lambda: None
    permits = app.web_app.settings.setdefault("nebulab_apps", Permits())
    app.web_app.add_handlers(".*$", [Rule(Gate(app.base_url, permits), GateHandler)])
    server_extension._load_jupyter_server_extension(app)

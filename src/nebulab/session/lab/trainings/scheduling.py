"""The trainings of a session's history: described, sent, listed, shown, cancelled, compared; runs in JupyterLab's
process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from tornado.web import HTTPError

from nebulab import contract
from nebulab.errors import NebulabError
from nebulab.galaxy.contents import LOST, LOST_HINT
from nebulab.session.lab.trainings import form, jobs, log
from nebulab.session.lab.trainings.sends import Sends

_MOST_LISTED = 50
_LOOKED_AT_ONCE = 6
"""Trainings whose description is asked for in one round: a first look at a long list is spread over several."""
_LOG_CHARACTERS = 1_000_000
_NOT_YET = frozenset({400, 403, 404, 500, 501})
"""Galaxy's answers about the output of a job whose folder is not there yet, or whose destination shows none."""
_MOST_COMPARED = 6
_MOST_BYTES_OF_VALUES = 64 * 2**20
_MOST_FIGURES = 12
_MOST_CARDS = 20
_FETCHED = "trainings"
_NOT_IN_A_NAME = re.compile(r"[\x00-\x1f/\\:*?\"<>|]+")
_LONGEST_NAME = 100

Ask = Callable[..., Any]
"""`nebulab.session.lab.asking.ask`."""
Act = Callable[[str, str, dict[str, Any]], AsyncIterator[dict[str, Any]]]
"""`nebulab.session.lab.acting.act`."""


class Trainings:
    """The trainings of one history.

    Each method has its place in jupyter-scheduler's `BaseBackend`, as which a release with several backends could load
    this (2.12 has none): `describe` says of an input what `validate` does, and what the form asks; `send` is
    `create_job`; `listed` is `list_jobs` with `count_jobs`; `one` is `get_job`, its outputs are `get_staging_paths`;
    `cancel` is `stop_job`, and `delete_job` for what was never sent. `compare` has no counterpart, and job definitions
    (schedules) are not kept: in Galaxy a workflow is what runs again.

    A round of polling costs one request to Galaxy; a training is asked for by itself when it was never seen, when its
    state has changed, and while a page shows it.
    """

    def __init__(self, root: Path, kernels_python: Callable[[], str], lab_python: str, *, ask: Ask, act: Act) -> None:
        self._root = root
        self._kernels_python = kernels_python
        self._lab_python = lab_python
        self._ask = ask
        self._act = act
        self._began = int(time.time() * 1000)
        self._sends = Sends(lambda wish: act(kernels_python(), "nebulab.kernel.runs.sending", wish))
        self._known: dict[str, dict[str, Any]] = {}
        """By job: what the panel shows of it beside its state, and the state for which that was asked."""
        self._ended: dict[str, dict[str, Any]] = {}
        """By job: the whole answer about one that has ended, which does not change any more."""
        self._compared: dict[str, dict[str, Any]] = {}
        self._told: set[str] = set()
        self._running_since: dict[str, int] = {}

    async def describe(self, path: str) -> dict[str, Any]:
        """Return what the form needs to know of a notebook or script below the Lab's folder.

        Raises
        ------
        HTTPError
            There is no such file.
        NebulabError
            It can't be read.
        """
        file = form.below(self._root, path)
        if file is None or not file.is_file():
            raise HTTPError(404, "There is no such file. Save the notebook first.")
        answer = await self._result(self._lab_python, "nebulab.notebooks.describing", {"path": str(file)})
        return {"path": path, "history": bool(_history()), **answer}

    def send(self, filled_in: Mapping[str, Any]) -> dict[str, Any]:
        """Check the form and begin to send it; return the row of the panel that it has until Galaxy has it.

        Raises
        ------
        FormFault
            A field is wrong; nothing is sent.
        """
        wish = form.check(filled_in, self._root)
        return self._sends.begin(wish, wish["name"] or Path(wish["notebook"]).name).row()

    async def listed(self) -> dict[str, Any]:
        """Return the newest trainings of the history, and those that are not in Galaxy yet.

        Raises
        ------
        HTTPError
            Galaxy does not answer, or refuses.
        """
        history = _history()
        if not history:
            return {"history": False, "sending": self._sends.rows(), "trainings": []}
        answer = await self._ask(
            "GET",
            "jobs",
            {
                "history_id": history,
                "tool_id": contract.JOB_TOOL,
                "order_by": "create_time",
                "limit": _MOST_LISTED,
            },
        )
        rows = [jobs.row(job) for job in answer]
        await self._learn(rows)
        return {"history": True, "sending": self._sends.rows(), "trainings": [self._shown(row) for row in rows]}

    def tell(self, ids: Iterable[str]) -> None:
        """Note that the person was told of the end of these."""
        self._told.update(ids)

    async def one(self, job_id: str, position: int = 0) -> dict[str, Any]:
        """Return a training with the log from `position` on, and what it made once it has ended.

        Raises
        ------
        HTTPError
            Galaxy does not know it, or does not answer.
        """
        if job_id in self._ended:
            return self._since(self._ended[job_id], position)
        job = await self._ask("GET", f"jobs/{job_id}", {"full": True})
        if job.get("tool_id") != contract.JOB_TOOL:
            raise HTTPError(404, "This job is no training.")
        row = jobs.row(job)
        await self._learn([row], {job_id: job})
        shown = self._shown(row) | {"log": "", "position": position, "from": position, "outputs": [], "failure": None}
        if row["state"] not in jobs.ENDED:
            text = await self._live_log(job_id, position) if row["state"] == "running" else ""
            told = {"progress": log.progress(text), "device": log.device(text)}
            return shown | told | {"log": text, "position": position + len(text.encode())}
        ended = shown | await self._end(job, row["state"])
        if not (ended["failure"] and ended["failure"]["lost"]):
            self._ended[job_id] = ended
        return self._since(ended, position)

    async def cancel(self, name: str) -> None:
        """End a training, or its sending; forget one that could not be sent.

        Raises
        ------
        HTTPError
            Galaxy refuses, or does not answer.
        """
        if not self._sends.stop(name):
            if not name.isalnum():
                raise HTTPError(404, "It has been sent already, or was taken away.")
            await self._ask("DELETE", f"jobs/{name}")
            self._told.add(name)

    async def compare(self, ids: list[str]) -> list[dict[str, Any]]:
        """Return trainings side by side: what was asked, how long it took, values, models and figures.

        Raises
        ------
        HTTPError
            There are too many, or Galaxy does not know one.
        """
        if not 2 <= len(ids) <= _MOST_COMPARED:
            raise HTTPError(400, f"Choose two to {_MOST_COMPARED} trainings to compare.")
        return list(await asyncio.gather(*map(self._side, ids)))

    async def card(self, dataset_id: str) -> dict[str, Any]:
        """Return a model's card.

        Raises
        ------
        HTTPError
            The dataset is no card.
        """
        try:
            card = await self._ask("GET", f"datasets/{dataset_id}/display", {"to_ext": "data"})
        except ValueError:
            card = None
        if not isinstance(card, dict) or "verified" not in card:
            raise HTTPError(404, "This dataset is no model card.")
        return card

    async def fetch(self, dataset_id: str, name: str, training: str) -> dict[str, str]:
        """Bring a result into the Lab's folder, below `trainings/`, and return its path there.

        Raises
        ------
        NebulabError
            It can't be fetched, or the disk is full.
        """
        target = self._root / _FETCHED / _file_name(training, "training") / _file_name(name, "result")
        wish = {"id": dataset_id, "target": str(target)}
        answer = await self._result(self._kernels_python(), "nebulab.kernel.runs.fetching", wish)
        return {"path": str(Path(answer["path"]).relative_to(self._root))}

    async def _learn(self, rows: list[dict[str, Any]], whole: Mapping[str, dict[str, Any]] | None = None) -> None:
        """Ask for the descriptions of those that are new or have changed, the newest first."""
        now = int(time.time() * 1000)
        for row in rows:
            if row["state"] == "running":
                # Galaxy notes the change to "running" as the last one; later ones would not move the beginning.
                self._running_since.setdefault(row["id"], row["changed"] or now)
            if row["state"] in jobs.ENDED and (row["changed"] or 0) < self._began:
                self._told.add(row["id"])
        unknown = [row for row in rows if self._known.get(row["id"], {}).get("of_state") != row["state"]]
        given = whole or {}
        looks = [self._look(row, given.get(row["id"])) for row in unknown[:_LOOKED_AT_ONCE]]
        for outcome in await asyncio.gather(*looks, return_exceptions=True):
            if isinstance(outcome, BaseException) and not isinstance(outcome, HTTPError):
                raise outcome

    async def _look(self, row: dict[str, Any], job: dict[str, Any] | None) -> None:
        job_id, state = row["id"], row["state"]
        known = self._known.get(job_id, {})
        if job is None and ("name" not in known):
            job = await self._ask("GET", f"jobs/{job_id}", {"full": True})
        if job is not None and "name" not in known:
            source = (job.get("inputs") or {}).get("select_file") or {}
            dataset = await self._ask("GET", f"datasets/{source['id']}") if source.get("id") else {}
            known = known | jobs.request(job) | {"name": str(dataset.get("name") or job_id)}
        if state in jobs.ENDED:
            known = known | jobs.times({}, await self._ask("GET", f"jobs/{job_id}/metrics"))
        self._known[job_id] = known | {"of_state": state}

    def _shown(self, row: dict[str, Any]) -> dict[str, Any]:
        known = {key: value for key, value in self._known.get(row["id"], {}).items() if key != "of_state"}
        begun = known.get("begun") or self._running_since.get(row["id"])
        ended = (known.get("ended") or row["changed"]) if row["state"] in jobs.ENDED else None
        return {
            "name": "",
            "gpus": None,
            "parameters": {},
            **row,
            **known,
            "begun": begun,
            "ended": ended,
            "told": row["id"] in self._told,
            "now": int(time.time() * 1000),
        }

    async def _live_log(self, job_id: str, position: int) -> str:
        wanted = {
            "stdout_position": position,
            "stdout_length": _LOG_CHARACTERS,
            "stderr_position": 0,
            "stderr_length": 0,
        }
        try:
            answer = await self._ask("GET", f"jobs/{job_id}/console_output", wanted)
        except HTTPError as error:
            if error.status_code in _NOT_YET:
                return ""
            raise
        text = str((answer or {}).get("stdout") or "")
        # Half a line would be cut in its cell's figures.
        return text[: text.rfind("\n") + 1]

    async def _end(self, job: dict[str, Any], state: str) -> dict[str, Any]:
        """Return what does not change any more: the whole log, the outputs, the failure."""
        text = str(job.get("tool_stdout") or job.get("stdout") or "")
        failed = state == "failed"
        said = (jobs.messages(job) or await self._info(job)) if failed else ""
        # What Galaxy has lost may still run, and brings its results by itself.
        lost = {"lost": LOST in said, "hint": LOST_HINT if LOST in said else ""}
        outputs = await self._outputs(job, recovered=failed) if state != "cancelled" else []
        return {
            "log": text,
            "position": len(text.encode()),
            "from": 0,
            "progress": log.progress(text),
            "device": log.device(text),
            "seconds": log.seconds(text),
            "failure": log.failure(said) | lost if failed else None,
            "outputs": outputs,
        }

    async def _info(self, job: dict[str, Any]) -> str:
        """Return what Galaxy says of a job that failed without a word: it is told of its outputs alone."""
        notebook = (job.get("outputs") or {}).get("executed_notebook")
        shown = await self._ask("GET", f"datasets/{notebook['id']}") if notebook else {}
        return str(shown.get("misc_info") or "").strip()

    async def _outputs(self, job: dict[str, Any], *, recovered: bool) -> list[dict[str, Any]]:
        history = job["history_id"]
        wanted: list[tuple[str, str]] = []
        if recovered:
            # Galaxy marks every output of a failed job as failed; what is of use came as items of their own.
            query = {"v": "dev", "view": "summary", "q": "tag", "qv": contract.job_tag(str(job["id"]))}
            for item in await self._ask("GET", f"histories/{history}/contents", query):
                kinds = [tag for tag in item.get("tags") or () if not tag.startswith("nebulab-job")]
                wanted.append((kinds[0] if kinds else "files", _address(item["history_content_type"], item["id"])))
            for name in ("executed_notebook", "run_log"):
                wanted.append((name, _address("dataset", job["outputs"][name]["id"]))) if name in job[
                    "outputs"
                ] else None
        else:
            for kind, key in (("dataset", "outputs"), ("dataset_collection", "output_collections")):
                made = job.get(key) or {}
                wanted += [(name, _address(kind, made[name]["id"])) for name in jobs.OUTPUTS if name in made]
        answers = await asyncio.gather(
            *(self._ask("GET", f"histories/{history}/contents/{address}") for _, address in wanted)
        )
        return jobs.in_order(jobs.output(name, shown) for (name, _), shown in zip(wanted, answers, strict=True))

    def _since(self, ended: dict[str, Any], position: int) -> dict[str, Any]:
        """Return what has ended with no more of the log than the page lacks."""
        told = ended | {"told": ended["id"] in self._told}
        whole = ended["log"].encode()
        # Galaxy keeps a long log's two ends only: then a position in the live one means nothing, and all is sent.
        return told | {"log": "", "from": position} if position == len(whole) else told

    async def _side(self, job_id: str) -> dict[str, Any]:
        if job_id in self._compared:
            return self._compared[job_id]
        shown = await self.one(job_id)
        outputs = {each["output"]: each for each in shown["outputs"]}
        cards = outputs.get("model_cards", {}).get("elements", [])
        of_json = [element for element in cards if element["name"].endswith(".json")][:_MOST_CARDS]
        models = await asyncio.gather(*(self.card(element["id"]) for element in of_json), return_exceptions=True)
        figures = outputs.get("figures", {}).get("elements", [])
        side = {key: value for key, value in shown.items() if key not in {"log", "position", "from"}} | {
            "models": [model for model in models if isinstance(model, dict)],
            "figures": [each for each in figures if each["ext"] == "png"][:_MOST_FIGURES],
            "tables": outputs.get("tables", {}).get("elements", []),
        }
        side |= await self._values(outputs.get("outfile_output_arrays"))
        if shown["state"] in jobs.ENDED and not side["values_missing"]:
            self._compared[job_id] = side
        return side

    async def _values(self, arrays: dict[str, Any] | None) -> dict[str, Any]:
        """Return a training's single values, or why there are none."""
        if arrays is None or arrays["state"] != "ok":
            return {"values": {}, "values_missing": ""}
        if (arrays["size"] or 0) > _MOST_BYTES_OF_VALUES:
            return {"values": {}, "values_missing": "The file of its arrays and numbers is too large to be read here."}
        try:
            wish = {"arrays": arrays["id"]}
            values = await self._result(self._kernels_python(), "nebulab.kernel.runs.comparing", wish)
        except NebulabError as error:
            return {"values": {}, "values_missing": error.message}
        return {"values": values, "values_missing": ""}

    async def _result(self, python: str, module: str, wish: dict[str, Any]) -> Any:
        async with contextlib.aclosing(self._act(python, module, wish)) as working:  # type: ignore[type-var]
            async for told in working:
                if "result" in told:
                    return told["result"]
        raise NebulabError("It ended without a result.", "Try it again.")


def _file_name(name: str, instead: str) -> str:
    """Return a name that a file can have: no other folder, nothing hidden, not too long."""
    cleaned = _NOT_IN_A_NAME.sub("_", name).strip(" .")
    return cleaned[-_LONGEST_NAME:].lstrip(" .") or instead


def _history() -> str:
    return os.environ.get("HISTORY_ID", "")


def _address(kind: str, content_id: str) -> str:
    return f"{kind}s/{content_id}"


__all__ = ["Trainings"]

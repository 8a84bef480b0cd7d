"""Which of a job's outputs its history shows; runs in the session, at the job's end.

Galaxy makes an item of each output that a tool declares, whether anything comes or not, and can't know which are worth
a look. What is hidden stays an output: workflows go on with it, and the history's menu shows it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import aiohttp

_SECONDS = 15
"""A busy Galaxy may take some; nothing else waits for it but the end of the session's process."""
_STEP = "__workflow_invocation_uuid__"
"""Galaxy's name for the parameter that a job has if it is a workflow's step."""
_KINDS = {"outputs": "dataset", "output_collections": "dataset_collection"}


@dataclass(frozen=True)
class Wanted:
    """What a history should show of a job: the outputs `names`; a workflow chooses itself, all but the `empty` ones.

    With `delete_others` the other datasets are deleted, which keeps Galaxy from showing them when it marks the outputs
    of a failed job.
    """

    names: Collection[str]
    empty: Collection[str] = ()
    delete_others: bool = False


async def show_only(client: aiohttp.ClientSession, url: str, key: str, job: str, wanted: Wanted) -> bool:
    """Hide all outputs of `job` but the `wanted` ones; return whether the Galaxy at `url` did so.

    Trouble on the way is an answer, never an error: the job matters more than what is shown of it.
    """
    import aiohttp

    try:
        shown = await _ask(client, "GET", f"{url}/api/jobs/{job}", key)
        is_step = _STEP in (shown.get("params") or {}) and not wanted.delete_others
        others = [
            {"id": reference["id"], "history_content_type": kind}
            for outputs, kind in _KINDS.items()
            for name, reference in (shown.get(outputs) or {}).items()
            if (name in wanted.empty if is_step else name not in wanted.names)
        ]
        contents = f"{url}/api/histories/{shown['history_id']}/contents/bulk"
        kinds = {"hide": others}
        if wanted.delete_others:
            datasets = [item for item in others if item["history_content_type"] == "dataset"]
            kinds = {"hide": [item for item in others if item not in datasets], "delete": datasets}
        for operation, items in kinds.items():
            if items:
                await _ask(client, "PUT", contents, key, {"operation": operation, "items": items})
    except (aiohttp.ClientError, TimeoutError, ValueError, LookupError, TypeError, AttributeError):
        return False
    return True


async def _ask(
    client: aiohttp.ClientSession, method: str, url: str, key: str, body: Mapping[str, object] | None = None
) -> dict[str, Any]:
    import aiohttp

    async with client.request(
        method,
        url,
        json=body,
        headers={"x-api-key": key},
        timeout=aiohttp.ClientTimeout(total=_SECONDS),
        # One may lead elsewhere, where the key has no business.
        allow_redirects=False,
        raise_for_status=True,
    ) as response:
        answer: dict[str, Any] = await response.json(content_type=None)
    return answer

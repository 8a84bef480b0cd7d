"""What is asked of Galaxy again and again while it or a session runs; runs in the supervisor and in the session.

Both have an event loop and a client of aiohttp's, which their start need not wait for: neither imports httpx for this.
Trouble on the way is an answer, never an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import aiohttp

_ALIVE_SECONDS = 10
_JOB_SECONDS = 20


async def answers(client: aiohttp.ClientSession, url: str) -> bool:
    """Tell whether the Galaxy at `url` answers as one that works."""
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=_ALIVE_SECONDS)
    try:
        async with client.get(f"{url}/api/version", timeout=timeout) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


async def job_state(client: aiohttp.ClientSession, url: str, job: str, key: str) -> str | None:
    """Return the state of a job, or None where the Galaxy at `url` is away, or answers nothing that tells."""
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=_JOB_SECONDS)
    try:
        async with client.get(
            f"{url}/api/jobs/{job}",
            headers={"x-api-key": key},
            timeout=timeout,
            # One may lead elsewhere, where the key has no business.
            allow_redirects=False,
        ) as response:
            answer = await response.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None
    if response.status != 200 or not isinstance(answer, dict) or "state" not in answer:
        return None
    return str(answer["state"])

"""What only an administrator asks of Galaxy: accounts, and everybody's sessions; runs beside Galaxy."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import httpx

from nebulab.errors import GalaxyAway, GalaxyError, NotAllowed

_TIMEOUT_SECONDS = 30


class Administration:
    """An administrator's requests to the Galaxy at `url`.

    Every method raises GalaxyAway when Galaxy does not answer, NotAllowed when the key lacks the right and GalaxyError
    when Galaxy refuses for another reason.
    """

    def __init__(self, url: str, key: str) -> None:
        # Environment variables that name a proxy are for the world outside, not for this machine's own Galaxy.
        self._http = httpx.Client(base_url=url, headers={"x-api-key": key}, timeout=_TIMEOUT_SECONDS, trust_env=False)

    def __enter__(self) -> Administration:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.close()

    def create_user(self, name: str, email: str, password: str) -> str:
        """Create an account, or find the one with this address, and return its id."""
        for user in self._ask("GET", "/api/users", params={"f_email": email}):
            if user["email"] == email:
                return str(user["id"])
        user = self._ask("POST", "/api/users", json={"username": name, "email": email, "password": password})
        return str(user["id"])

    def create_key(self, user: str) -> str:
        """Return a new API key of `user` (an id); the former one becomes invalid."""
        return str(self._ask("POST", f"/api/users/{user}/api_key"))

    def sessions(self) -> list[dict[str, Any]]:
        """Return the entry points of all users' running interactive tools, each with its `user_id` added."""
        found = []
        for user in self._ask("GET", "/api/users"):
            points = self._ask("GET", "/api/entry_points", params={"running": "true", "run_as": user["id"]})
            found += [point | {"user_id": user["id"]} for point in points]
        return found

    def stop_session(self, session: dict[str, Any]) -> None:
        """Stop one of `sessions()`; Galaxy then collects its outputs."""
        self._ask("DELETE", f"/api/entry_points/{session['id']}", params={"run_as": session["user_id"]})

    def job_state(self, job: str) -> str:
        """Return the state of the job with this id."""
        return str(self._ask("GET", f"/api/jobs/{job}")["state"])

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        try:
            answer = self._http.request(method, path, **options)
        except httpx.TransportError as error:
            raise GalaxyAway(f"Galaxy at {self._http.base_url} does not answer: {error}.", "Is it running?") from error
        if answer.is_success:
            return answer.json() if answer.content else None
        try:
            reason = str(answer.json()["err_msg"])
        except (ValueError, KeyError, TypeError):
            reason = answer.reason_phrase
        kind = NotAllowed if answer.status_code in {401, 403} else GalaxyError
        raise kind(f"Galaxy refuses {method} {path}: {reason}.", status=answer.status_code)

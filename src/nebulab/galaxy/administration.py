"""Requests of an administrator: accounts, and all users' sessions; runs beside Galaxy."""

from __future__ import annotations

from typing import Any

from nebulab.galaxy.connection import Galaxy


class Administration(Galaxy):
    """A connection with an administrator's key, or the bootstrap key; it raises as `Galaxy` does."""

    def create_user(self, name: str, email: str, password: str) -> str:
        """Create an account, or find the one with this address, and return its id."""
        for user in self.get("users", f_email=email):
            if user["email"] == email:
                return str(user["id"])
        return str(self.post("users", {"username": name, "email": email, "password": password})["id"])

    def create_key(self, user: str) -> str:
        """Return a new API key of `user` (an id); the former one becomes invalid."""
        return str(self.post(f"users/{user}/api_key"))

    def sessions(self) -> list[dict[str, Any]]:
        """Return the entry points of all users' running interactive tools, each with its `user_id` and `email` added.

        Galaxy's setting `api_allow_run_as` must name this administrator.
        """
        entry_points = []
        for user in self.get("users"):
            points = self._as_user(user["id"], "GET", "entry_points?running=true")
            entry_points += [point | {"user_id": user["id"], "email": user["email"]} for point in points]
        return entry_points

    def stop_session(self, session: dict[str, Any]) -> None:
        """Stop one of `sessions()`, as its user; Galaxy then collects its outputs."""
        self._as_user(session["user_id"], "DELETE", f"entry_points/{session['id']}")

    def job_state(self, job: str) -> str:
        """Return the state of the job with this id."""
        return str(self.get(f"jobs/{job}")["state"])

    def _as_user(self, user: str, method: str, path: str) -> Any:
        # For entry points Galaxy heeds `run-as` only if the request has a body.
        return self._json(method, path, headers={"run-as": user}, json={})

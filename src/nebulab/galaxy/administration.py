"""Requests of an administrator: accounts, groups with their roles, and all users' sessions; runs beside Galaxy."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from typing import Any

from nebulab.errors import DatasetNotFound, GalaxyError
from nebulab.galaxy.connection import Galaxy

_ROLE_DESCRIPTION = "Given by Nebulab's portal, through a group"
_MOST_JOBS = 1000


class Administration(Galaxy):
    """A connection with an administrator's key, or the bootstrap key; it raises as `Galaxy` does."""

    def create_user(self, name: str, email: str, password: str) -> str:
        """Create an account, or find the one with this address, and return its id."""
        for user in self.get("users", f_email=email):
            if user["email"] == email:
                return str(user["id"])
        return str(self.post("users", {"username": name, "email": email, "password": password})["id"])

    def account_id(self, email: str) -> str | None:
        """Return the id of the account with this address, None where there is none."""
        found = (str(user["id"]) for user in self.get("users", f_email=email) if user["email"] == email)
        return next(found, None)

    def create_key(self, user: str) -> str:
        """Return a new API key of `user` (an id); the former one becomes invalid."""
        return str(self.post(f"users/{user}/api_key"))

    def group_with_role(self, group: str, role: str) -> str:
        """Find or make a group of this name that has a role of that name, and return its id."""
        role_id = self._role(role)
        for found in self.get("groups"):
            if found["name"] == group:
                roles = self.get(f"groups/{found['id']}/roles")
                if all(each["id"] != role_id for each in roles):
                    self.put(f"groups/{found['id']}/roles/{role_id}", {})
                return str(found["id"])
        return str(self.post("groups", {"name": group, "role_ids": [role_id]})[0]["id"])

    def group_with_roles(self, group: str, roles: Mapping[str, str], without: Collection[str] = ()) -> str:
        """Find or make a group that has roles (their descriptions by their names) and none of others; return its id.

        A role that is made gets its description, or one that names the portal; one that is there keeps its own.
        """
        wanted = {name: self._role(name, description) for name, description in roles.items()}
        found = self._group(group)
        if found is None:
            return str(self.post("groups", {"name": group, "role_ids": list(wanted.values())})[0]["id"])
        held = {str(role["name"]): str(role["id"]) for role in self.get(f"groups/{found}/roles")}
        for name, role in wanted.items():
            if name not in held:
                self.put(f"groups/{found}/roles/{role}", {})
        for name in held.keys() & set(without):
            with contextlib.suppress(DatasetNotFound):
                self.delete(f"groups/{found}/roles/{held[name]}")
        return found

    def jobs_of(self, tool: str) -> list[dict[str, Any]]:
        """Return the jobs of a tool, at every version and from every tool shed, that wait or run, everybody's."""
        patterns = [tool, f"%/{tool}/%"]
        states = ["new", "queued", "running"]
        jobs = self.get("jobs", state=states, tool_id_like=patterns, user_details=True, limit=_MOST_JOBS)
        return [dict(job) for job in jobs]

    def _role(self, name: str, description: str = "") -> str:
        for found in self.get("roles"):
            if found["name"] == name:
                return str(found["id"])
        try:
            return str(self.post("roles", {"name": name, "description": description or _ROLE_DESCRIPTION})["id"])
        except GalaxyError as error:
            if error.status != 409:
                raise
            raise GalaxyError(
                f"Galaxy has a deleted role {name!r}, and makes no other one of that name.",
                "Undelete it: Admin > Roles > Deleted.",
                error.status,
            ) from error

    def members(self, group: str) -> dict[str, str]:
        """Return the e-mail addresses of a group's users, by their ids."""
        return {str(user["id"]): str(user["email"]) for user in self.get(f"groups/{group}/users")}

    def members_of(self, name: str) -> dict[str, str]:
        """Return the e-mail addresses of the users of a group of this name, by their ids; none where it is missing."""
        group = self._group(name)
        return self.members(group) if group is not None else {}

    def _group(self, name: str) -> str | None:
        return next((str(each["id"]) for each in self.get("groups") if each["name"] == name), None)

    def put_into(self, group: str, user: str) -> None:
        """Make a user (an id) a member of a group, which they may be already."""
        self.put(f"groups/{group}/users/{user}", {})

    def take_out_of(self, group: str, user: str) -> None:
        """End a user's membership in a group, if there is one."""
        # Galaxy answers 404 to who is no member.
        with contextlib.suppress(DatasetNotFound):
            self.delete(f"groups/{group}/users/{user}")

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

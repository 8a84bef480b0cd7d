"""The API keys of a person's Galaxies, kept in the system's keyring and nowhere else; runs in a terminal."""

from __future__ import annotations

import keyring
from keyring.backend import KeyringBackend
from keyring.errors import KeyringError

_SERVICE = "nebulab"
_SAFE_PRIORITY = 1
"""The least priority of a recommended backend; those below keep nothing, or in clear text."""


class Keys:
    """The keyring, or none: without one nothing is kept, and `trouble` says why."""

    def __init__(self, backend: KeyringBackend | None = None) -> None:
        self._backend = backend or keyring.get_keyring()
        self.trouble = "" if self._backend.priority >= _SAFE_PRIORITY else "this machine has no keyring"

    def read(self, url: str) -> str | None:
        """Return the key for the Galaxy at `url`, or None."""
        try:
            return None if self.trouble else self._backend.get_password(_SERVICE, url)
        except (KeyringError, OSError, RuntimeError) as error:
            self._fails(error)
            return None

    def keep(self, url: str, key: str) -> bool:
        """Store the key, and return whether that worked."""
        try:
            if not self.trouble:
                self._backend.set_password(_SERVICE, url, key)
        except (KeyringError, OSError, RuntimeError) as error:
            self._fails(error)
        return not self.trouble

    def forget(self, url: str) -> bool:
        """Remove the key, and return whether there was one."""
        existed = self.read(url) is not None
        try:
            if existed:
                self._backend.delete_password(_SERVICE, url)
        except (KeyringError, OSError, RuntimeError) as error:
            self._fails(error)
            return False
        return existed

    def _fails(self, error: Exception) -> None:
        self.trouble = f"the keyring does not work ({str(error) or type(error).__name__})"

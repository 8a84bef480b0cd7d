"""Address of a Galaxy, a user's key, and the time limits of requests; runs everywhere."""

from __future__ import annotations

from dataclasses import dataclass, field

from nebulab.errors import SettingsError

DEFAULT_PATIENCE_SECONDS = 60.0
DEFAULT_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class GalaxySettings:
    """A Galaxy and a user of it.

    `patience` is the total time of retries in seconds while Galaxy does not answer; `timeout` is the read timeout
    of one request, in seconds.
    """

    url: str
    key: str = field(repr=False)
    patience: float = DEFAULT_PATIENCE_SECONDS
    timeout: float = DEFAULT_TIMEOUT_SECONDS

    def __post_init__(self) -> None:
        if not self.url:
            raise SettingsError(
                "No Galaxy is connected here, so there is no history.",
                "Write to outputs/ instead, or set GALAXY_URL, API_KEY and HISTORY_ID before the kernel starts.",
            )
        if not self.url.startswith(("http://", "https://")):
            raise SettingsError(
                f"Galaxy's address must start with http:// or https://, not {self.url!r}.",
                "Set GALAXY_URL to the address that your browser shows for Galaxy.",
            )
        if not self.key:
            raise SettingsError(
                "There is no API key for Galaxy.", "Set API_KEY; Galaxy shows yours under User > Preferences."
            )
        object.__setattr__(self, "url", self.url.rstrip("/"))

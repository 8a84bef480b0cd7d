"""The kernel's one connection to Galaxy, opened at the first use; runs in the kernel."""

from __future__ import annotations

from nebulab.galaxy.cache import Cache
from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.settings import DEFAULT_PATIENCE_SECONDS, GalaxySettings
from nebulab.kernel.settings import KernelSettings

_opened: dict[KernelSettings, Galaxy] = {}


def connect(settings: KernelSettings | None = None) -> Galaxy:
    """Return the connection that the settings describe.

    Raises
    ------
    SettingsError
        There is no usable address or key.
    """
    settings = settings or KernelSettings.from_environment()
    if settings not in _opened:
        patience = DEFAULT_PATIENCE_SECONDS if settings.patience is None else settings.patience
        _opened[settings] = Galaxy(GalaxySettings(settings.url, settings.key, patience))
    return _opened[settings]


def cache_of(settings: KernelSettings, history_id: str) -> Cache:
    """Return the folder for a history's downloads: another history's numbers are not to be mixed with the session's."""
    if history_id == settings.history_id:
        return Cache(settings.cache)
    return Cache(settings.cache / history_id)

"""Advice beside a cell's error, in a session's terms, a file for each kind of error; runs in the kernel."""

from __future__ import annotations


def for_error(error: BaseException) -> str:
    """Return what to do about the error of a cell, or nothing."""
    if isinstance(error, FileNotFoundError):
        from nebulab.kernel.advice import old_paths

        return old_paths.advice_for(error)
    if isinstance(error, OSError):
        from nebulab.kernel.advice import full_disk

        return full_disk.advice_for(error)
    if isinstance(error, ImportError):
        from nebulab.kernel.advice import missing

        return missing.advice_for(error)
    return ""

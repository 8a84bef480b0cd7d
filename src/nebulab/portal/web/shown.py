"""Sizes and times as people read them; runs beside Galaxy."""

from __future__ import annotations


def size(mib: int) -> str:
    """Return a size in the unit in which people know it.

    >>> size(90_000), size(4_864), size(2 * 1024**2)
    ('87.9 GB', '4.8 GB', '2.0 TB')
    """
    return f"{mib / 1024**2:,.1f} TB" if mib >= 1024**2 else f"{mib / 1024:,.1f} GB"


def number(counted: int, most: int) -> str:
    """Return a number that was counted up to a limit.

    >>> number(999, 1_000), number(1_000, 1_000), number(1_001, 1_000)
    ('999', '1,000', 'over 1,000')
    """
    return f"{counted:,}" if counted <= most else f"over {most:,}"


def duration(seconds: float) -> str:
    """Return a time in two units at most.

    >>> duration(4), duration(130), duration(7_500), duration(200_000)
    ('under a minute', '2 min', '2 h 5 min', '2 d 7 h')
    """
    minutes = int(seconds // 60)
    if minutes < 1:
        return "under a minute"
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"

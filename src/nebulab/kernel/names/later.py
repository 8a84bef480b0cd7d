"""Stand-ins for modules and classes of notebooks, imported at their first use; runs in the kernel.

BioBlend takes half a second, and few notebooks use the predecessor's `GalaxyInstance`, `histories` and `jobs`.
"""

from __future__ import annotations

import importlib
import types
from typing import Any


class LaterModule(types.ModuleType):
    """A module that is imported when an attribute of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)

    def __dir__(self) -> list[str]:
        return dir(importlib.import_module(self.__name__))


class LaterClass:
    """A class whose module is imported when it is called, subclassed or compared with."""

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name

    def _class(self) -> Any:
        return getattr(importlib.import_module(self._module), self._name)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Return an instance of the class."""
        return self._class()(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._class(), name)

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self._class())

    def __subclasscheck__(self, subclass: type) -> bool:
        return issubclass(subclass, self._class())

    def __mro_entries__(self, bases: tuple[object, ...]) -> tuple[Any, ...]:
        return (self._class(),)

    def __eq__(self, other: object) -> bool:
        return other is self or other is self._class()

    def __hash__(self) -> int:
        return hash(self._class())

    def __or__(self, other: Any) -> Any:
        return self._class() | other

    def __ror__(self, other: Any) -> Any:
        return other | self._class()

    def __repr__(self) -> str:
        return repr(self._class())

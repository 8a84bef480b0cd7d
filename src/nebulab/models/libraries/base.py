"""What Nebulab has to know of a library of models: which objects are its models, how they are exported, how they are
kept otherwise; runs in the kernel.

Each library is a subclass of `Library` in a file of its own, and an entry in the list in `libraries/__init__.py`.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from nebulab.models.attempt import Attempt


class Library(ABC):
    """One library of models. It is imported by `attempts`, `native` and `read` alone, inside their bodies."""

    kind: ClassVar[str]
    """Its name in a model card: `sklearn`, `keras`, `torch` …"""
    package: ClassVar[str]
    """The package whose version a model card gives, by its name on PyPI."""
    classes: ClassVar[tuple[tuple[str, str], ...]]
    """Its models' base classes: the module that a notebook imports with the library, and the class's name in it."""
    suffixes: ClassVar[tuple[str, ...]] = ()
    """Of the files that `read` takes, in small letters, with their dot."""
    folder_mark: ClassVar[str] = ""
    """A file that is in each folder that `read` takes; none if it takes files alone."""

    def is_mine(self, value: Any) -> bool:
        """Whether `value` is a model of this library: by its class, which no object can lie about.

        Nothing is imported: a library that the notebook has not imported has made no model.
        """
        ancestors = type(value).__mro__
        known = (getattr(sys.modules.get(module), name, None) for module, name in self.classes)
        return any(cls is not None and cls in ancestors for cls in known)

    @abstractmethod
    def attempts(self, model: Any, namespace: Mapping[str, Any]) -> Iterator[Attempt]:
        """Yield the ways to export `model` to ONNX, the best one first; the first that is proven is taken.

        Parameters
        ----------
        namespace
            The notebook's globals, where rows to try the model on are looked for.

        Raises
        ------
        Untrained
            It has learned nothing that could be kept.
        CantExport
            There is no way; the text says why, and what would help.
        """

    @abstractmethod
    def native(self, model: Any, folder: Path, name: str, namespace: Mapping[str, Any]) -> tuple[Path, str]:
        """Write `model` into `folder` in the library's own format, and call the file `name` and its suffix.

        Returns
        -------
        path, remark
            The file; and what somebody who wants to read it has to know, or nothing.
        """

    def read(self, path: Path) -> Any:
        """Return the model in a file with one of `suffixes`, or in a folder with a `folder_mark`.

        Raises
        ------
        SettingsError
            The file is another one than its name says.
        """
        raise NotImplementedError

"""The interface to a model library: its classes, its exports to ONNX, its native format; runs in the kernel.

Each library is a subclass of `Library` in a file of its own, with an entry in `models/libraries/__init__.py`.
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
    """Suffixes of the files that `read` takes, in lower case, with their dot."""
    folder_mark: ClassVar[str] = ""
    """The name of a file in each folder that `read` takes; empty if it takes files alone."""

    def is_mine(self, value: Any) -> bool:
        """Whether `value` is a model of this library, by `type(value)`, which an object can't forge.

        Nothing is imported: a library that the notebook has not imported has made no model.
        """
        ancestors = type(value).__mro__
        bases = (getattr(sys.modules.get(module), name, None) for module, name in self.classes)
        return any(base is not None and base in ancestors for base in bases)

    @abstractmethod
    def attempts(self, model: Any, namespace: Mapping[str, Any]) -> Iterator[Attempt]:
        """Yield the ways to export `model` to ONNX, the best one first; the first that is proven is taken.

        Parameters
        ----------
        namespace
            The notebook's globals, which are searched for a sample.

        Raises
        ------
        Untrained
            The model has learned nothing that could be kept.
        CantExport
            There is no way; the text has the reason and the remedy.
        """

    @abstractmethod
    def native(self, model: Any, folder: Path, name: str, namespace: Mapping[str, Any]) -> tuple[Path, str]:
        """Write `model` into `folder` in the library's own format, and call the file `name` and its suffix.

        Returns
        -------
        path, remark
            The file; and a remark for those who read it, or nothing.
        """

    def read(self, path: Path) -> Any:
        """Return the model in a file with one of `suffixes`, or in a folder with a `folder_mark`.

        Raises
        ------
        SettingsError
            The file's content does not fit its name.
        """
        raise NotImplementedError

"""Where large arrays are kept: in memory, or in files of a scratch folder that the system pages."""

from __future__ import annotations

import itertools
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import DTypeLike


@dataclass(frozen=True)
class Shelf:
    """A place for arrays.

    Attributes
    ----------
    scratch : TemporaryDirectory or None
        Removed with the shelf; None keeps arrays in memory.
    """

    scratch: tempfile.TemporaryDirectory[str] | None = None
    _numbers: itertools.count[int] = field(default_factory=itertools.count, repr=False)

    @classmethod
    def on_disk(cls, folder: Path) -> Self:
        """A shelf of files in a scratch folder made inside a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        return cls(tempfile.TemporaryDirectory(prefix="arrays-", dir=folder))

    def keep(self, array: np.ndarray) -> np.ndarray:
        """The same values, to be read only."""
        if self.scratch is None or not array.size:
            return array
        kept = np.lib.format.open_memmap(self._file(), "w+", array.dtype, array.shape)
        kept[...] = array
        kept.flush()
        return kept

    def zeros(self, shape: tuple[int, int], kind: DTypeLike) -> np.ndarray:
        """An array of zeros, to be written."""
        if self.scratch is None or not all(shape):
            return np.zeros(shape, kind)
        return np.lib.format.open_memmap(self._file(), "w+", np.dtype(kind), shape)

    def _file(self) -> Path:
        if self.scratch is None:
            raise ValueError("a shelf in memory has no files")
        return Path(self.scratch.name) / f"{next(self._numbers)}.npy"

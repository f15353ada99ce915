"""The files of a saved model: ``model.json`` and the arrays beside it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from harmoniq.data.errors import InputError
from harmoniq.data.files import atomic_path, read_json, write_json
from harmoniq.harmonization.base import MODEL_FILE

_AGAIN: Final = "fit and save the model again"


@dataclass(frozen=True)
class ModelFiles:
    """How one kind of model is kept in its folder.

    Parameters
    ----------
    arrays_file : str
        Name of the NPZ file.
    format : int
        Raised whenever what is in the files changes its meaning.
    compressed : bool
        Whether the arrays are compressed: draws of a posterior do not shrink, parameters do.
    """

    arrays_file: str
    format: int
    compressed: bool

    def write(self, folder: str | Path, content: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Path:
        """Write both files, each whole or not at all, the arrays first.

        Parameters
        ----------
        folder : str or Path
            Made where it is absent.
        content : mapping of str to object
            Of ``model.json``; the format is added.
        arrays : mapping of str to array
            Of the NPZ file.

        Returns
        -------
        Path
            The folder.
        """
        save = np.savez_compressed if self.compressed else np.savez
        with atomic_path(Path(folder) / self.arrays_file) as temporary:
            save(temporary, allow_pickle=False, **arrays)
        write_json(Path(folder) / MODEL_FILE, {**content, "format": self.format})
        return Path(folder)

    def read(self, folder: str | Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Read both files.

        Parameters
        ----------
        folder : str or Path
            Folder that `write` wrote.

        Returns
        -------
        content : dict of str to object
            Of ``model.json``.
        arrays : dict of str to array
            Of the NPZ file.

        Raises
        ------
        InputError
            When a file is absent, damaged or of another format.
        """
        file, arrays_file = Path(folder) / MODEL_FILE, Path(folder) / self.arrays_file
        content = read_json(file)
        if not isinstance(content, dict) or content.get("format") != self.format:
            raise InputError(f"is not a saved harmonizer of format {self.format}", file=file, remedy=_AGAIN)
        if not arrays_file.exists():
            raise InputError("file not found", file=arrays_file, remedy=_AGAIN)
        with damage_told(folder), np.load(arrays_file, allow_pickle=False) as stored:
            return content, {name: stored[name] for name in stored.files}


@contextmanager
def damage_told(folder: str | Path) -> Iterator[None]:
    """Turn whatever goes wrong in reading a model from its files into an InputError.

    Parameters
    ----------
    folder : str or Path
        Of the model, named in the error.

    Yields
    ------
    None
        Inside, the files are read.

    Raises
    ------
    InputError
        For any exception inside the block.
    """
    try:
        yield
    except Exception as error:  # zipfile, zlib, numpy and the dataclasses each have their own
        raise InputError(f"is damaged ({error})", file=folder, remedy=_AGAIN) from error

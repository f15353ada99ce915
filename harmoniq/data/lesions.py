"""A lesion mask as it was found: the file, how its values are read, and in which space it lies."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

#: ``mask``: 0 and one other value; ``probability``: 0 to 1, to be thresholded; ``samseg``: labels, 99 is a lesion.
LesionKind = Literal["mask", "probability", "samseg"]
#: ``MP2RAGE`` and ``MEGRE``: on these images' grid. ``scanner``: related to MP2RAGE by the headers alone.
#: ``reference``: that of another image of the session, which is registered to MP2RAGE.
LesionSpace = Literal["MP2RAGE", "MEGRE", "scanner", "reference"]


@dataclass(frozen=True)
class LesionMask:
    """A participant's lesion mask.

    Parameters
    ----------
    file : path
        Volume with the lesions.
    kind : {'mask', 'probability', 'samseg'}
        How its values are read.
    space : {'MP2RAGE', 'MEGRE', 'scanner', 'reference'}
        Where it lies.
    reference : path, optional
        With the space ``reference``: the image on whose grid it lies.
    allow_empty : bool
        Whether no lesion at all is a plausible result, as in a control.
    """

    file: Path
    kind: LesionKind
    space: LesionSpace
    reference: Path | None = None
    allow_empty: bool = False

    def describe(self) -> str:
        """Return the file and how it comes to MP2RAGE, for people.

        Returns
        -------
        str
            The file's name and one clause, such as ``lesions.nii.gz, on the grid of MP2RAGE``.
        """
        how = {
            "MP2RAGE": "on the grid of MP2RAGE",
            "MEGRE": "on the grid of ME-GRE",
            "scanner": "placed by its header",
            "reference": f"registered by {self.reference.name if self.reference else ''}",
        }
        return f"{self.file.name}, {how[self.space]}"

"""Readings of the paper that concern the participant level: each is run again, and the regional values compared."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harmoniq.data.tables import read_tsv, write_tsv
from harmoniq.regions.studies import Dataset, gather
from harmoniq.settings.schema import Settings
from harmoniq.statistics.alternatives import ALTERNATIVES_COLUMNS, compare_regions


@dataclass(frozen=True)
class Reading:
    """A choice at the participant level, and what is taken in its place.

    Parameters
    ----------
    name : str
        Of the folder.
    section, key : str
        Of the settings.
    others : dict of str to str
        From each choice to the other one; for choices that are not in it, the first.
    unclear : str
        What the paper leaves open.
    """

    name: str
    section: str
    key: str
    others: dict[str, str]
    unclear: str

    def chosen(self, settings: Settings) -> str:
        """Return the choice of the settings.

        Parameters
        ----------
        settings : Settings
            Of the study.

        Returns
        -------
        str
            Value of the key.
        """
        return str(getattr(getattr(settings, self.section), self.key))

    def other(self, settings: Settings) -> str:
        """Return what is run in its place.

        Parameters
        ----------
        settings : Settings
            Of the study.

        Returns
        -------
        str
            Another value of the key.
        """
        return self.others.get(self.chosen(settings), next(iter(self.others.values())))

    def said(self, settings: Settings) -> str:
        """Return the other choice as ``section.key = value``.

        Parameters
        ----------
        settings : Settings
            Of the study.

        Returns
        -------
        str
            For notes.
        """
        return f"{self.section}.{self.key} = {self.other(settings)}"

    def applied(self, settings: Settings) -> Settings:
        """Return the settings with the other choice.

        Parameters
        ----------
        settings : Settings
            Of the study.

        Returns
        -------
        Settings
            The same but for the key.
        """
        section = dataclasses.replace(getattr(settings, self.section), **{self.key: self.other(settings)})
        return dataclasses.replace(settings, **{self.section: section})


OTHER_READINGS = (
    Reading(
        "cgm_depth", "surfaces", "cgm_depth", {"projfrac": "midpoint", "midpoint": "projfrac"},
        "the meaning of mid-cortex",
    ),
    Reading("r2star_method", "r2star", "method", {"auto": "trapezoidal", "trapezoidal": "nlls"}, "the method of R2*"),
)  # fmt: skip


def compare_reading(
    reading: Reading, settings: Settings, datasets: Sequence[Dataset], ours: Path, folder: Path
) -> Path:
    """Set the regional values under another reading beside ours.

    Parameters
    ----------
    reading : Reading
        The other reading of the paper.
    settings : Settings
        Of the study, with its own choice.
    datasets : sequence of Dataset
        With their results under the other reading.
    ours : Path
        Regional table of all datasets under our reading.
    folder : Path
        Gets the gathered tables and ``alternatives.tsv``.

    Returns
    -------
    Path
        ``alternatives.tsv``.

    Raises
    ------
    InputError
        When no dataset has a regional table.
    """
    theirs, _ = gather(datasets, settings, folder)
    table = compare_regions(
        read_tsv(ours), read_tsv(theirs), setting=f"{reading.section}.{reading.key}", unclear=reading.unclear,
        chosen=reading.chosen(settings), other=reading.other(settings),
    )  # fmt: skip
    about = "cGM" if reading.section == "surfaces" else None
    metric = "R2star" if reading.section == "r2star" else None
    for column, wanted in (("tissue", about), ("metric", metric)):
        table = table if wanted is None else table[table[column] == wanted]
    return write_tsv(table, folder / "alternatives.tsv", columns=ALTERNATIVES_COLUMNS)

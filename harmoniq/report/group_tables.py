"""The group level's tables as a folder holds them: each may be absent, and none may stop the report."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pandas as pd

from harmoniq.data.errors import InputError
from harmoniq.data.tables import read_tsv

#: Tables that the report shows, and the columns without which it cannot.
REQUIRED: Final[dict[str, tuple[str, ...]]] = {
    "participants": ("participant_id", "site", "group", "age", "sex"),
    "table1_demographics": (),
    "table2_acquisition": (),
    "site_effects": ("metric", "tissue", "region", "data", "icc_adjusted", "eta2"),
    "pca": ("metric", "tissue", "data", "participant_id", "site", "PC1", "PC2"),
    "pca_summary": ("metric", "tissue", "data", "variance_PC1", "variance_PC2", "eta2_PC1", "eta2_PC2"),
    "regions_harmonized": ("participant_id", "metric", "tissue", "region"),
    "age_models": ("metric", "tissue", "region", "data", "peak_age", "kept"),
    "peak_age_summary": ("metric", "tissue", "data", "mean", "se"),
    "peak_age_correlation": ("metric", "tissue", "data_x", "data_y", "rho"),
    "rmse_change": ("metric", "tissue", "data", "mean"),
    "table3_group_differences": (),
    "group_differences": ("metric", "tissue", "region", "comparison", "d", "p_fdr"),
    "zscores": ("participant_id", "metric", "tissue", "region", "z"),
    "zscore_summary": ("metric", "tissue", "region", "data", "mean", "sd"),
    "edss": ("metric", "tissue", "region", "beta", "p_fdr"),
    "edss_partial": ("participant_id", "metric", "tissue", "region", "z", "edss_adjusted"),
    "hbr_diagnostics": ("metric", "tissue", "region"),
    "tract_profiles": ("metric", "comparison", "level", "bundle", "node", "central", "n", "mean", "adjusted_for"),
    "scorecard": ("quantity", "paper", "here"),
    "alternatives": ("setting", "chosen", "other", "quantity", "value_chosen", "value_other"),
    "excluded": (),
    "harmonization_diagnostics": ("check", "metric", "flag", "message"),
    "held_out_bias": ("metric", "tissue", "region", "data", "site"),
}


@dataclass
class GroupTables:
    """What a folder of the group level holds.

    Parameters
    ----------
    folder : path
        Of the tables; the names are those of ``REQUIRED`` with ``.tsv``.
    """

    folder: Path
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, folder: str | Path) -> "GroupTables":
        """Read every table that is there; one that cannot be used is named in `problems`.

        Parameters
        ----------
        folder : str or Path
            Of the group level.

        Returns
        -------
        GroupTables
            Frames of those that could be read.
        """
        tables = cls(Path(folder))
        for name, columns in REQUIRED.items():
            path = tables.folder / f"{name}.tsv"
            if not path.is_file():
                continue
            try:
                tables.frames[name] = read_tsv(path, required=columns)
            except InputError as error:
                tables.problems.append(f"{path.name} is not shown: {error.problem} ({error.key or 'whole file'})")
        return tables

    def get(self, name: str) -> pd.DataFrame | None:
        """Return a table that has rows, or None.

        Parameters
        ----------
        name : str
            Of `REQUIRED`.

        Returns
        -------
        DataFrame or None
            None where it is absent or empty.
        """
        frame = self.frames.get(name)
        return None if frame is None or frame.empty else frame

    def people(self, participants: pd.DataFrame | None = None) -> pd.DataFrame | None:
        """Return who took part, one row per participant.

        Parameters
        ----------
        participants : DataFrame or None, optional
            As ``participants.tsv``; None or without one of the columns: the written copy, else
            ``regions_harmonized.tsv``.

        Returns
        -------
        DataFrame or None
            ``participant_id site group age sex``; None where no table has them all.
        """
        columns = list(REQUIRED["participants"])
        for frame in (participants, self.get("participants"), self.get("regions_harmonized")):
            if frame is not None and set(columns) <= set(frame.columns):
                return frame[columns].drop_duplicates("participant_id").reset_index(drop=True)
        return None

    def sites(self, people: pd.DataFrame | None) -> list[str]:
        """Return the labels of all sites, sorted: they fix the colors.

        Parameters
        ----------
        people : DataFrame or None
            Of `people`; None: the sites of the principal components.

        Returns
        -------
        list of str
            Empty where no table names a site.
        """
        if people is not None:
            return sorted(people["site"].dropna().astype(str).unique())
        pca = self.get("pca")
        return sorted(pca["site"].astype(str).unique()) if pca is not None else []

    def methods(self) -> list[str]:
        """Return which data the tables hold: raw values and methods of harmonization.

        Returns
        -------
        list of str
            Of ``raw combat gam hbr``, in the order of `METHOD_TITLES`.
        """
        from harmoniq.report.style import METHOD_TITLES, in_order

        found: set[str] = set()
        for name in ("site_effects", "pca", "age_models"):
            frame = self.get(name)
            found |= set(frame["data"]) if frame is not None else set()
        harmonized = self.get("regions_harmonized")
        # The table has a column for each method; one that was not run has no values.
        if harmonized is not None:
            found |= {name for name in METHOD_TITLES if name in harmonized and harmonized[name].notna().any()}
        return in_order(sorted(found), tuple(METHOD_TITLES))

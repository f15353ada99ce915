"""Where a participant's regional values lie among those of the group, once the group level has been run."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from harmoniq.data.names import BUNDLES, METRICS, TISSUES
from harmoniq.data.tables import read_tsv
from harmoniq.report.blocks import Notes, Section, Text, escape, table_block
from harmoniq.report.group_strip import Band, strip
from harmoniq.report.style import TISSUE_TITLES, metric_word

SECTION: Final = "group-values"
#: Controls of one's own site that are enough for their quartiles and tails to be drawn.
ENOUGH: Final = 10
_METHODS: Final = ("hbr", "gam", "combat", "raw")
_KEYS: Final = ["metric", "tissue", "region"]


@dataclass(frozen=True, eq=False)
class GroupValues:
    """The regional values of the group level, and whose they are.

    Parameters
    ----------
    values : pandas.DataFrame
        ``participant_id metric tissue region raw`` and further methods.
    people : mapping
        ``sub-X`` to ``site`` and ``group``.
    control_group : str
        Label of the controls.
    """

    values: pd.DataFrame
    people: Mapping[str, Mapping[str, str]]
    control_group: str

    @classmethod
    def read(cls, folder: Path, people: Mapping[str, Mapping[str, str]], control_group: str) -> "GroupValues | None":
        """Read a folder of the group level; None where there is none yet.

        Parameters
        ----------
        folder : Path
            Of the group level.
        people : mapping of str to mapping of str to str
            Participant (``sub-X``) to ``site`` and ``group``.
        control_group : str
            Label of the controls.

        Returns
        -------
        GroupValues or None
            Of ``regions_harmonized.tsv``.
        """
        path = folder / "regions_harmonized.tsv"
        if not path.is_file():
            return None
        return cls(read_tsv(path, required=("participant_id", *_KEYS, "raw")), people, control_group)

    @cached_property
    def _by_person(self) -> dict[str, pd.DataFrame]:
        return {str(who): part for who, part in self.values.groupby("participant_id")}

    def of(self, participant: str) -> pd.DataFrame | None:
        """Return the values of one participant, None where the group level has none.

        Parameters
        ----------
        participant : str
            ``sub-X``.

        Returns
        -------
        DataFrame or None
            Rows of `values`.
        """
        return self._by_person.get(participant)

    def reference(self, participant: str) -> tuple[pd.DataFrame, str, str]:
        """Choose the controls that a participant is held against.

        Those of the participant's own site as measured where there are enough, else those of all sites, harmonized by
        HBR, ComBat-GAM or ComBat: the first that the table has. The participant is never among them.

        Parameters
        ----------
        participant : str
            ``sub-X``.

        Returns
        -------
        DataFrame
            Their rows of `values`.
        str
            Column of the values: ``raw``, ``combat``, ``gam`` or ``hbr``.
        str
            Who they are, in words.
        """
        controls = [who for who, about in self.people.items() if about.get("group") == self.control_group]
        others = [who for who in controls if who != participant and who in self._by_person]
        site = self.people.get(participant, {}).get("site")
        near = [who for who in others if self.people[who].get("site") == site]
        if site is not None and len(near) >= ENOUGH:
            return self._some(near), "raw", f"the {len(near)} other controls of {site}, as measured"
        known = [name for name in _METHODS if name in self.values and self.values[name].notna().any()]
        said = {"hbr": "HBR", "gam": "ComBat-GAM", "combat": "ComBat", "raw": "no method"}[known[0]]
        words = "as measured" if known[0] == "raw" else f"harmonized by {said}"
        return self._some(others), known[0], f"the {len(others)} other controls of all sites, {words}"

    def _some(self, people: list[str]) -> pd.DataFrame:
        return self.values[self.values["participant_id"].isin(people)]


def group_section(participant: str, group: GroupValues | None) -> Section:
    """Make the section that holds a participant against the controls.

    Parameters
    ----------
    participant : str
        ``sub-X``.
    group : GroupValues, optional
        None where the group level has not been run.

    Returns
    -------
    Section
        A picture per metric and tissue and the values outside 95 % of the controls, or a note that says why not.
    """
    title = "Among the group"
    if group is None or (own := group.of(participant)) is None:
        said = "is not in the group level's tables" if group is not None else "can be shown here once the group level"
        text = f"{participant} {said}." if group is not None else f"How the values compare {said} has been run."
        return Section(SECTION, title, [Notes([text])])
    controls, method, who = group.reference(participant)
    if controls["participant_id"].nunique() < ENOUGH:
        return Section(SECTION, title, [Notes([f"There are fewer than {ENOUGH} controls to compare with."])])
    table = compare(own, controls, method)
    blocks: list[object] = [Text(f"<p>{escape(participant)} against {escape(who)}. {_LEGEND}</p>")]
    for metric in METRICS:
        for tissue in TISSUES:
            part = table[(table["metric"] == metric) & (table["tissue"] == tissue)]
            if len(part):
                name = f"{metric_word(metric)}, {TISSUE_TITLES[tissue]}"
                blocks.append(Text(f"<h3>{name}</h3>{strip(_bands(part), f'{name} of {participant} against {who}')}"))
    far = table[table["outside"]].drop(columns=["outside", "low", "q25", "q75", "high"])
    blocks.append(
        table_block(far, f"Values outside the range of 95 % of the controls: {len(far)} of {len(table)}", folded=True)
        if len(far)
        else Notes(["No value lies outside the range of 95 % of the controls."])
    )
    return Section(SECTION, title, blocks)


_LEGEND: Final = (
    "The light band holds 95 % of them, the dark one half, the line is their median. Dots are this participant, "
    "diamonds where the value lies outside the light band. One value in twenty does by chance."
)


def compare(own: pd.DataFrame, controls: pd.DataFrame, method: str) -> pd.DataFrame:
    """Return a participant's values beside the controls' quantiles.

    Parameters
    ----------
    own, controls : pandas.DataFrame
        Of `GroupValues`.
    method : str
        Column that is compared.

    Returns
    -------
    pandas.DataFrame
        ``metric tissue region value median percentile low q25 q75 high outside``, regions in the study's order. The
        percentile is the share of controls below, half of those that are equal counted.
    """
    marks = {"low": 0.025, "q25": 0.25, "median": 0.5, "q75": 0.75, "high": 0.975}
    groups = controls.dropna(subset=[method]).groupby(_KEYS)[method]
    spread = pd.DataFrame({name: groups.quantile(share) for name, share in marks.items()})
    arrays = {key: values.to_numpy() for key, values in groups}
    table = own[[*_KEYS, method]].rename(columns={method: "value"}).dropna().merge(spread.reset_index(), on=_KEYS)
    found = [arrays[key] for key in zip(table["metric"], table["tissue"], table["region"])]
    table["percentile"] = [
        round(100 * float(np.mean(known < value) + 0.5 * np.mean(known == value)), 1)
        for known, value in zip(found, table["value"])
    ]
    table["outside"] = (table["value"] < table["low"]) | (table["value"] > table["high"])
    order = table["region"].map(_place)
    table = table.assign(order=order).sort_values(["metric", "tissue", "order"], ignore_index=True)
    return table[[*_KEYS, "value", "median", "percentile", "low", "q25", "q75", "high", "outside"]]


def _place(region: str) -> int:
    number = region.removeprefix("BA")
    return int(number) if number.isdigit() else 1000 + (BUNDLES.index(region) if region in BUNDLES else 99)


def _bands(part: pd.DataFrame) -> list[Band]:
    return [
        Band(str(row["region"]), *(float(row[name]) for name in ("value", "low", "q25", "median", "q75", "high")))
        for row in part.to_dict("records")
    ]

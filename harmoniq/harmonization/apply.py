"""Saved models applied to new participants, and extended to new sites."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

import numpy as np
import pandas as pd

from harmoniq.data.cohort import Cohort
from harmoniq.data.errors import InputError
from harmoniq.harmonization.adapt import check_new_controls
from harmoniq.harmonization.base import MODEL_FILE, Harmonizer, feature_names, site_labels, some
from harmoniq.harmonization.batches import batched, strata
from harmoniq.harmonization.harmonize import transform_part
from harmoniq.harmonization.hbr.harmonizer import Hbr
from harmoniq.harmonization.manifest import MANIFEST_FILE, Manifest
from harmoniq.harmonization.registry import load_harmonizer

#: Typical values this many times the models' are of another unit.
FACTOR = 2.5

#: Below the models: the normative models by which hbr scores (harmoniq.harmonization.hbr.score).
ZSCORES_FOLDER = "zscores"


@runtime_checkable
class Scorer(Protocol):
    """A harmonizer that is a normative model too."""

    def zscores(self, cohort: Cohort) -> np.ndarray:
        """Return deviations from the reference site's controls of one's age and sex, in their SDs.

        Parameters
        ----------
        cohort : Cohort
            Participants and their regional values (n participants x features).

        Returns
        -------
        array, shape (n_participants, n_features)
            NaN where there is none.
        """
        ...


@runtime_checkable
class Adaptable(Protocol):
    """A harmonizer that can take up new sites."""

    @property
    def sites(self) -> Sequence[str]:
        """Labels of the sites that it knows."""
        ...

    def adapt(self, cohort: Cohort, sites: Sequence[str]) -> tuple[Self, pd.DataFrame]:
        """Return a harmonizer with new sites, and what is uncertain about them.

        Parameters
        ----------
        cohort : Cohort
            Of one metric, with controls of the new sites.
        sites : sequence of str
            New ones.

        Returns
        -------
        Self
            A harmonizer that knows the new sites too; the one it is asked of is not changed.
        pandas.DataFrame
            Columns `harmoniq.harmonization.adapt.ADAPTATION_COLUMNS` but ``data``.
        """
        ...


@dataclass(frozen=True)
class AppliedCohort:
    """New participants on the scale of saved models.

    Parameters
    ----------
    cohort : Cohort
        As it came.
    values, scores : dict of str to numpy.ndarray
        By method: harmonized values in 1/s and Z-scores, of the shape of ``cohort.values``; NaN where there is none.
    notes : list of str
        What a reader should know.
    adaptation : pandas.DataFrame or None
        How certain the new sites are: columns `harmoniq.harmonization.adapt.ADAPTATION_COLUMNS`; None without new
        sites.
    adapted : dict of Path to Harmonizer
        Extended models by the folder, below that of the models, that they were loaded from.
    """

    cohort: Cohort
    values: dict[str, np.ndarray]
    scores: dict[str, np.ndarray]
    notes: list[str]
    adaptation: pd.DataFrame | None = None
    adapted: dict[Path, Harmonizer] = field(default_factory=dict)


def find_models(folder: str | Path) -> Path:
    """Return the folder of saved models: the one given, or ``models`` in it.

    Parameters
    ----------
    folder : str or Path
        Of saved models, or a group level that has them in ``models``.

    Returns
    -------
    Path
        The one that holds ``harmonization.json``.

    Raises
    ------
    InputError
        When neither holds any.
    """
    for place in (Path(folder), Path(folder) / "models"):
        if (place / MANIFEST_FILE).is_file():
            return place
    raise InputError(f"holds no saved models ({MANIFEST_FILE} is not there)", file=folder, key="--apply-models",
                     remedy="give the folder models of a group level")  # fmt: skip


def apply_models(
    folder: str | Path,
    cohort: Cohort,
    *,
    methods: Sequence[str] | None = None,
    adapt: bool = False,
    adapt_controls: int = 10,
    outside_ages: str = "flag",
    allow_mixed: bool = False,
) -> AppliedCohort:
    """Harmonize and score new participants with saved models.

    Parameters
    ----------
    folder : path
        Of `find_models`.
    cohort : Cohort
        Participants of sites that the models know, or, with `adapt`, of new ones too.
    methods : sequence of str, optional
        Some of the saved methods; all by default.
    adapt : bool
        Extend the models to unknown sites from their controls.
    adapt_controls : int
        Controls that a new site needs.
    outside_ages : {"flag", "refuse"}
        What to do with participants beyond the ages of the fit.
    allow_mixed : bool
        Note values of other engines than the models' instead of refusing them.

    Returns
    -------
    AppliedCohort
        Raw values among the methods; Z-scores of the methods that can score.

    Raises
    ------
    InputError
        For metrics, regions, sites, engines or units that are not the models', and new sites with too few controls.
    """
    source = find_models(folder)
    manifest = Manifest.read(source)
    chosen = _methods(manifest, methods, source)
    notes = check_against(manifest, cohort, source, allow_mixed=allow_mixed)
    shape = cohort.values.shape
    values = {"raw": np.array(cohort.values, dtype=np.float64)}
    values |= {method: np.full(shape, np.nan) for method in chosen}
    scores: dict[str, np.ndarray] = {}
    tables: list[pd.DataFrame] = []
    adapted: dict[Path, Harmonizer] = {}
    known_as = batched(cohort, manifest.choices.batch)
    position = {who: row for row, who in enumerate(cohort.participants["participant_id"])}
    for metric in dict.fromkeys(cohort.features["metric"]):
        part = known_as.metric(metric)
        columns = np.flatnonzero((cohort.features["metric"] == metric).to_numpy())
        rows = np.array([position[who] for who in part.participants["participant_id"]], dtype=int)
        for name, stratum in strata(part, manifest.choices.batch) if len(rows) else []:
            piece, cells = part.select(rows=stratum), np.ix_(rows[stratum], columns)
            for method in chosen:
                about = ", ".join(filter(None, (metric, name, method)))
                place = Path(method) / metric / name
                harmonizer, table = _ready(source / place, piece, about, adapt=adapt, least=adapt_controls)
                if table is not None:
                    tables.append(table.assign(data=method))
                    adapted[place] = harmonizer
                out, said = transform_part(harmonizer, piece, outside_ages=outside_ages)
                values[method][cells] = out
                notes += [f"{about}: {note}" for note in said]
                if isinstance(harmonizer, Scorer):
                    found = harmonizer.zscores(piece)
                    if method == "hbr":
                        found = _normative(source / ZSCORES_FOLDER / metric, piece, found)
                    scores.setdefault(method, np.full(shape, np.nan))[cells] = found
    adaptation = pd.concat(tables, ignore_index=True) if tables else None
    return AppliedCohort(cohort, values, scores, list(dict.fromkeys(notes)), adaptation, adapted)


def _normative(folder: Path, piece: Cohort, found: np.ndarray) -> np.ndarray:
    """Return the scores of the study's normative model for the sites that it knows, and those found for the others."""
    if not (folder / MODEL_FILE).is_file():
        return found
    model = load_harmonizer(folder)
    assert isinstance(model, Hbr)
    rows = np.isin(site_labels(piece), model.sites)
    out = found.copy()
    if rows.any():
        out[rows] = model.zscores(piece.select(rows=rows))
    return out


def _methods(manifest: Manifest, methods: Sequence[str] | None, source: Path) -> list[str]:
    wanted = list(manifest.methods) if methods is None else [name for name in methods if name != "raw"]
    for method in wanted:
        if method not in manifest.methods:
            raise InputError(f"was not saved in {source}, which has {', '.join(manifest.methods)}", key="--methods",
                             value=method, remedy="choose among them")  # fmt: skip
    if not wanted:
        raise InputError("names no saved method", key="--methods", value="raw",
                         remedy=f"choose among {', '.join(manifest.methods)}")  # fmt: skip
    return wanted


def _ready(
    folder: Path, piece: Cohort, about: str, *, adapt: bool, least: int
) -> tuple[Harmonizer, pd.DataFrame | None]:
    """Load a harmonizer; extend it to the sites that it does not know, or refuse them."""
    harmonizer = load_harmonizer(folder)
    if not isinstance(harmonizer, Adaptable):
        return harmonizer, None
    new = sorted(set(site_labels(piece)) - set(harmonizer.sites))
    if not new:
        return harmonizer, None
    if not adapt:
        raise InputError(
            f"was not in the fit of {about}, which knows {', '.join(harmonizer.sites)}", key="site", value=new[0],
            remedy="leave its participants out, or extend the models from its controls with --adapt",
        )  # fmt: skip
    check_new_controls(piece, new, least)
    return harmonizer.adapt(piece, new)


def check_against(manifest: Manifest, cohort: Cohort, source: Path, *, allow_mixed: bool) -> list[str]:
    """Compare a cohort's metrics, regions, engines and unit with those that the models were fitted on.

    Parameters
    ----------
    manifest : Manifest
        Description of the saved models.
    cohort : Cohort
        New participants.
    source : Path
        Folder of the models, for errors.
    allow_mixed : bool
        Whether engines may differ: then it is noted.

    Returns
    -------
    list of str
        Notes on regions that the cohort lacks, and on engines where a mixture is allowed.

    Raises
    ------
    InputError
        For the first metric, region, engine or unit that differs.
    """
    notes = []
    for metric in dict.fromkeys(cohort.features["metric"]):
        if metric not in manifest.metrics:
            raise InputError(f"is not among the saved models' metrics ({', '.join(manifest.metrics) or 'none'})",
                             file=source, key="metric", value=metric, remedy="leave its rows out")  # fmt: skip
        saved = manifest.metrics[metric]
        names = [tuple(name) for name in saved["features"]]
        columns = (cohort.features["metric"] == metric).to_numpy()
        mine = feature_names(cohort.features[columns])
        unknown = [name for name in mine if name not in set(names)]
        if unknown:
            raise InputError(f"{len(unknown)} of {len(mine)} regions were not in the fit", file=source,
                             key="metric tissue region", value=" ".join(unknown[0]),
                             remedy="leave them out, or fit again with them")  # fmt: skip
        absent = [" ".join(name) for name in names if name not in set(mine)]
        if absent:
            notes.append(f"{metric}: {len(absent)} regions of the models are not in the table: {some(absent)}")
        notes += _check_engines(metric, saved["engines"], cohort, source, allow_mixed)
        means = dict(zip(names, saved["means"]))
        _check_unit(metric, cohort.values[:, columns], np.array([means[name] for name in mine], dtype=float))
    return notes


def _check_engines(metric: str, engines: dict[str, str], cohort: Cohort, source: Path, allow_mixed: bool) -> list[str]:
    notes = []
    for name, theirs in engines.items():
        mine = cohort.engines.get(name)
        if mine is None or mine == theirs:
            continue
        text = f"{name} was made by {mine}, but the models were fitted on {theirs}"
        if not allow_mixed:
            raise InputError(text, file=source, key="engine",
                             remedy="process with the same engine, or accept it by --allow-mixed-engines")  # fmt: skip
        notes.append(text)
    return notes


def _check_unit(metric: str, values: np.ndarray, means: np.ndarray) -> None:
    """Refuse values whose size is another unit's, or whose order over regions is upside down (times for rates)."""
    count = np.isfinite(values).sum(axis=0)
    typical = np.nansum(values, axis=0) / np.maximum(count, 1)
    both = (count > 0) & np.isfinite(means) & (means != 0)
    if not both.any():
        return
    ratio = float(np.median(typical[both] / means[both]))
    said = (
        f"the values are typically {np.median(typical[both]):.4g}, where the models expect {np.median(means[both]):.4g}"
    )
    if not 1 / FACTOR < ratio < FACTOR:
        raise InputError(f"{said} 1/s: another unit?", key="value", value=metric,
                         remedy="give rates in 1/s: 1000 / T1 for times in ms")  # fmt: skip
    if both.sum() >= 8 and np.corrcoef(typical[both], means[both])[0, 1] < -0.5:
        raise InputError(f"{said} 1/s, and regions are in the reverse order: times in place of rates?", key="value",
                         value=metric, remedy="give rates in 1/s")  # fmt: skip

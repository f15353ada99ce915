"""Z-scores of patients under a normative model of the controls of chosen sites (Chen et al. 2026, section 2.5.4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from harmoniq.data.cohort import Cohort
from harmoniq.data.errors import InputError
from harmoniq.harmonization.base import site_label, site_labels
from harmoniq.harmonization.batches import Choices, batched, fitted_part
from harmoniq.harmonization.hbr.harmonizer import Hbr
from harmoniq.harmonization.hbr.run import HbrRun
from harmoniq.harmonization.training import MIN_CONTROLS

#: Share of the patients that must lie within a site's control ages for it to enter the model by default.
OVERLAP_SHARE = 0.5


@dataclass(frozen=True)
class ZScores:
    """Deviations from the normative model.

    Parameters
    ----------
    values : numpy.ndarray, shape (n_participants, n_features)
        In standard deviations; NaN for participants of other sites and for ages outside the controls'.
    sites : dict of str to tuple of str
        By metric, the sites whose controls make the model.
    diagnostics : pandas.DataFrame
        As `Hbr.diagnostics`; empty where no metric could be modeled.
    notes : list of str
        What a reader should know.
    """

    values: np.ndarray
    sites: dict[str, tuple[str, ...]]
    diagnostics: pd.DataFrame
    notes: list[str]


def zscores(
    cohort: Cohort,
    *,
    patient_group: str = "MS",
    run: HbrRun | None = None,
    seed: int = 0,
    choices: Choices | None = None,
    models_dir: str | Path | None = None,
) -> ZScores:
    """Fit a normative model to the controls of some sites, metric by metric, and score everybody there.

    Patients are scored under the model with the offsets of their own site. Controls' scores are in sample.

    Parameters
    ----------
    cohort : Cohort
        Raw values of controls and patients.
    patient_group : str
        Label of the patients.
    run : HbrRun, optional
        Among others the sites that make the model; ``auto``: those within whose controls' ages at least half of the
        patients lie, and those of the patients (in the paper sites 1 and 2; site 3 is of another age).
    seed : int
        With the regions' names it fixes the draws.
    choices : Choices, optional
        What a batch is, and who is fitted. Women and men have one model even where they are harmonized apart.
    models_dir : path, optional
        Where to save the models, in a folder per metric.

    Returns
    -------
    ZScores
        A metric that cannot be modeled (no controls at these sites, say) has NaN throughout and a note.

    Raises
    ------
    InputError
        For a site that the cohort does not have.
    """
    known = sorted(set(site_labels(cohort)))
    run, choices = run or HbrRun(), choices or Choices()
    chosen = [site_label(label) for label in run.zscore_sites]
    wrong = [label for label in chosen if label not in (*known, "auto")]
    if wrong:
        raise InputError(f"is not a site of the data, which has {', '.join(known)}", key="zscore_sites", value=wrong[0],
                         remedy="name some of them, or auto")  # fmt: skip
    out = np.full(cohort.values.shape, np.nan)
    used: dict[str, tuple[str, ...]] = {}
    notes: list[str] = []
    tables = []
    position = {who: row for row, who in enumerate(cohort.participants["participant_id"])}
    for metric in dict.fromkeys(map(str, cohort.features["metric"])):
        part = cohort.metric(metric)
        labels = site_labels(part)
        mine = model_sites(part, patient_group) if "auto" in chosen else tuple(s for s in chosen if s in labels)
        part = batched(part.select(rows=np.isin(labels, mine)), choices.batch)
        model = Hbr(engine=run.engine, fit="all", seed=seed, options=run.options, threads=run.threads, min_sites=1,
                    disjoint_ages="warn")  # fmt: skip
        try:
            model.fit(fitted_part(part, choices.fit_groups, patient_group))
        except InputError as error:
            notes.append(f"{metric}, Z-scores: none, since {error}")
            continue
        used[metric] = mine
        rows = np.array([position[who] for who in part.participants["participant_id"]], dtype=int)
        columns = np.flatnonzero((cohort.features["metric"] == metric).to_numpy())
        out[np.ix_(rows, columns)] = model.zscores(part)
        tables.append(model.diagnostics())
        notes += [f"{metric}, Z-scores: {note}" for note in _said(model, part, mine)]
        if models_dir is not None:
            model.save(Path(models_dir) / metric)
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    return ZScores(out, used, table, notes)


def model_sites(cohort: Cohort, patient_group: str) -> tuple[str, ...]:
    """Choose the sites that make the normative model by default: the patients' own, and those of like age.

    Parameters
    ----------
    cohort : Cohort
        Of one metric.
    patient_group : str
        Label of the patients; without a patient all sites are taken.

    Returns
    -------
    tuple of str
        Sorted; sites with fewer than `MIN_CONTROLS` controls are never among them.
    """
    labels = site_labels(cohort)
    age = cohort.participants["age"].to_numpy(dtype=float)
    patients = (cohort.participants["group"] == patient_group).to_numpy()
    out = []
    for label in sorted(set(labels)):
        own = age[(labels == label) & cohort.is_control]
        if len(own) < MIN_CONTROLS:
            continue
        inside = (age[patients] >= own.min()) & (age[patients] <= own.max())
        if not patients.any() or label in labels[patients] or inside.mean() >= OVERLAP_SHARE:
            out.append(label)
    return tuple(out)


def _said(model: Hbr, part: Cohort, sites: Sequence[str]) -> list[str]:
    notes = [f"from a model of the controls of {', '.join(sites)}", *model.notes]
    beyond = model.model.outside(part) if model.model is not None else np.zeros(0, bool)
    if beyond.any():
        who = part.participants["participant_id"].astype(str)[beyond].tolist()
        notes.append(f"{len(who)} participants outside the controls' ages have none: {', '.join(who[:5])}")
    return notes

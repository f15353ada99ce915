"""Profiles of groups of participants along the bundles, by diagnosis and by age, adjusted for who was measured where.

Raw values are taken, node by node: harmonization is of the regional values. A linear model takes site (and sex and age)
out of the comparison in their place.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student

from harmoniq.data.names import BUNDLES, METRICS
from harmoniq.data.tables import flags, read_tsv
from harmoniq.statistics.columns import METRIC, ColumnDescriptions
from harmoniq.statistics.design import age_design, independent_columns, site_indicators

TRACT_PROFILES_COLUMNS: Final[ColumnDescriptions] = {
    "metric": METRIC,
    "comparison": {
        "Description": "What parts the participants",
        "Levels": {"diagnosis": "group, all participants", "age": "thirds of the controls by age"},
    },
    "level": "Group of participants",
    "bundle": "Bundle, in the names of AFQ",
    "node": "Node along the bundle, from 0",
    "central": "Whether the node enters the regional value",
    "n": "Participants with a value",
    "mean": {"Description": "Marginal mean of the raw values", "Units": "1/s"},
    "ci_low": {"Description": "Lower end of its 95 % confidence interval", "Units": "1/s"},
    "ci_high": {"Description": "Upper end", "Units": "1/s"},
    "adjusted_for": "Covariates of the model; none where the participants do not suffice",
}
_THIRDS: Final = 3
#: Degrees of freedom without which a model is not believed.
_MIN_FREEDOM: Final = 10


@dataclass(frozen=True, eq=False)
class Profiles:
    """Profiles of one map along the bundles.

    Parameters
    ----------
    participants : tuple of str
        With ``sub-``.
    values : numpy.ndarray, shape (n_participants, 18, n_nodes)
        In 1/s, bundles in the order of ``BUNDLES``; NaN where there is no value.
    central : numpy.ndarray of bool, shape (n_nodes,)
        Which nodes enter the regional value.
    """

    participants: tuple[str, ...]
    values: NDArray[np.float64]
    central: NDArray[np.bool_]


def read_profiles(paths: Mapping[Path, str]) -> tuple[dict[str, Profiles], list[str]]:
    """Read participants' profiles along the bundles.

    Parameters
    ----------
    paths : mapping of path to str
        ``*_R1map_profiles.tsv`` or ``*_R2starmap_profiles.tsv`` to the participant; sessions of one are averaged.

    Returns
    -------
    profiles : dict of str to Profiles
        By metric; only metrics that there are.
    notes : list of str
        Tables of another number of nodes or another central part than most have.

    Raises
    ------
    InputError
        For a table that cannot be read.
    """
    tables: dict[str, list[tuple[str, NDArray[np.float64], NDArray[np.bool_]]]] = {}
    for path, participant in paths.items():
        values, central = _values(read_tsv(path, required=("bundle", "node", "value", "central")))
        metric = next(name for name in METRICS if f"_{name}map_profiles" in path.name)
        tables.setdefault(metric, []).append((participant, values, central))
    found: dict[str, Profiles] = {}
    notes = []
    for metric in [name for name in METRICS if name in tables]:
        shapes = [central.tobytes() for *_, central in tables[metric]]
        usual = max(dict.fromkeys(shapes), key=shapes.count)
        kept = [table for table, shape in zip(tables[metric], shapes, strict=True) if shape == usual]
        if len(kept) < len(shapes):
            notes.append(
                f"{len(shapes) - len(kept)} of {len(shapes)} profiles of {metric} have other nodes or another central "
                "part than most, and are not in the groups' profiles"
            )
        found[metric] = _averaged(kept)
    return found, notes


def _values(table: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the values (bundles, nodes), NaN for bundles that the table lacks, and which nodes are central."""
    nodes = int(table["node"].max()) + 1
    values, central = np.full((len(BUNDLES), nodes), np.nan), np.zeros(nodes, dtype=bool)
    central[table.loc[flags(table["central"]), "node"].to_numpy(int)] = True
    known = table[table["bundle"].isin(BUNDLES)]
    rows = pd.Index(BUNDLES).get_indexer(pd.Index(known["bundle"]))
    values[rows, known["node"].to_numpy(int)] = known["value"].to_numpy(float)
    return values, central


def _averaged(tables: Sequence[tuple[str, NDArray[np.float64], NDArray[np.bool_]]]) -> Profiles:
    by_participant: dict[str, list[NDArray[np.float64]]] = {}
    for participant, values, _ in tables:
        by_participant.setdefault(participant, []).append(values)
    means = [_mean_of_finite(np.stack(sessions)) for sessions in by_participant.values()]
    return Profiles(tuple(by_participant), np.stack(means), tables[0][2])


def _mean_of_finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    finite = np.isfinite(values)
    count = finite.sum(axis=0)
    total = np.where(finite, values, 0.0).sum(axis=0)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)


def age_groups(ages: pd.Series, count: int = _THIRDS) -> pd.Series:
    """Divide participants into groups of like size by age.

    Parameters
    ----------
    ages : Series
        Age of each participant, years; missing for those who take no part.
    count : int, optional
        Groups, thirds by default; fewer where there are fewer participants.

    Returns
    -------
    Series
        Ordered categories such as ``18 to 35 years``, with the index of `ages`.
    """
    ranks = pd.qcut(ages.rank(method="first"), min(count, max(1, ages.notna().sum())), labels=False)
    bounds = ages.groupby(ranks).agg(["min", "max"])
    names = {rank: f"{row['min']:.0f} to {row['max']:.0f} years" for rank, row in bounds.iterrows()}
    labels = list(dict.fromkeys(names[rank] for rank in bounds.index))
    return pd.Series(pd.Categorical(ranks.map(names), categories=labels, ordered=True), index=ages.index)


def group_profiles(profiles: Mapping[str, Profiles], participants: pd.DataFrame, *, control_group: str) -> pd.DataFrame:
    """Average the profiles of the diagnoses, and of thirds of the controls by age.

    Parameters
    ----------
    profiles : mapping of str to Profiles
        By metric, from `read_profiles`; participants that are not in `participants` are passed over.
    participants : pandas.DataFrame
        ``participant_id site group age sex``.
    control_group : str
        Label of the controls; they come first.

    Returns
    -------
    pandas.DataFrame
        Columns ``TRACT_PROFILES_COLUMNS``, a row per metric, comparison, level, bundle and node.

    Notes
    -----
    At each node, value ~ level + site + sex, for the diagnoses with age and age squared. The mean of a level is that
    at the participants' average covariates; the interval is that of Student's t with the model's pooled variance.
    Where sites and levels cannot be told apart, or participants are few, the means are plain ones.
    """
    parts = []
    for metric, profile in profiles.items():
        known = participants[participants["participant_id"].isin(profile.participants)].reset_index(drop=True)
        rows = pd.Index(profile.participants).get_indexer(pd.Index(known["participant_id"]))
        for comparison, level, chosen in _comparisons(known, control_group):
            people = known[chosen].reset_index(drop=True)
            frame = _compared(profile.values[rows[chosen]], people, level[chosen].reset_index(drop=True), comparison)
            parts.append(frame.assign(metric=metric, comparison=comparison, central=profile.central[frame["node"]]))
    columns = list(TRACT_PROFILES_COLUMNS)
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _comparisons(people: pd.DataFrame, control_group: str) -> Iterator[tuple[str, pd.Series, NDArray[np.bool_]]]:
    """Yield the name, each participant's level and who takes part; only where there are two levels or more."""
    controls = (people["group"] == control_group).to_numpy()
    groups = sorted(people["group"].unique(), key=lambda name: (name != control_group, name))
    if len(groups) > 1:
        yield "diagnosis", pd.Series(pd.Categorical(people["group"], categories=groups)), np.ones(len(people), bool)
    if controls.sum() >= _THIRDS:
        thirds = age_groups(people["age"].where(controls))
        if len(thirds.cat.categories) > 1:
            yield "age", thirds, controls


def _compared(values: NDArray[np.float64], people: pd.DataFrame, level: pd.Series, comparison: str) -> pd.DataFrame:
    """Return a row per level, bundle and node."""
    levels = list(level.cat.categories)
    indicators = (level.to_numpy(dtype=object)[:, None] == np.array(levels, dtype=object)[None, :]).astype(float)
    nuisance, names = _nuisance(people, with_age=comparison == "diagnosis")
    frames = []
    for number, bundle in enumerate(BUNDLES):
        if not np.isfinite(values[:, number]).any():
            continue
        found = _marginal_means(values[:, number], indicators, nuisance)
        for at, label in enumerate(levels):
            frame = pd.DataFrame({name: found[name][at] for name in ("n", "mean", "ci_low", "ci_high")})
            said = np.where(found["adjusted"], ", ".join(names), "none")
            frames.append(frame.assign(level=label, bundle=bundle, node=np.arange(len(frame)), adjusted_for=said))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"node": []}, dtype=int)


def _nuisance(people: pd.DataFrame, *, with_age: bool) -> tuple[NDArray[np.float64], list[str]]:
    """Return the columns of what is adjusted for, and their names."""
    parts: list[NDArray[np.float64]] = []
    names = []
    if people["site"].nunique() > 1:
        parts.append(site_indicators(people["site"].to_numpy())[:, 1:])
        names.append("site")
    design = age_design(people["age"].to_numpy(float), people["sex"].to_numpy()).matrix
    if people["sex"].nunique() > 1:
        parts.append(design[:, 3:])
        names.append("sex")
    if with_age and people["age"].nunique() > 2:
        parts.append(design[:, 1:3])
        names += ["age", "age squared"]
    return np.column_stack(parts) if parts else np.empty((len(people), 0)), names


def _marginal_means(
    values: NDArray[np.float64], indicators: NDArray[np.float64], nuisance: NDArray[np.float64]
) -> dict[str, NDArray]:
    """Return n, mean and interval (levels, nodes), and ``adjusted`` (nodes); nodes that lack the same are one fit."""
    levels, nodes = indicators.shape[1], values.shape[1]
    out: dict[str, NDArray] = {name: np.full((levels, nodes), np.nan) for name in ("mean", "ci_low", "ci_high")}
    out |= {"n": np.zeros((levels, nodes), dtype=int), "adjusted": np.zeros(nodes, dtype=bool)}
    patterns, which = np.unique(np.isfinite(values), axis=1, return_inverse=True)
    for pattern in range(patterns.shape[1]):
        rows, columns = patterns[:, pattern], np.flatnonzero(which.ravel() == pattern)
        there = indicators[rows].any(axis=0)
        out["n"][:, columns] = indicators[rows].sum(axis=0).astype(int)[:, None]
        if not there.any():
            continue
        covariates = nuisance[rows] - nuisance[rows].mean(axis=0)
        covariates = covariates[:, covariates.any(axis=0)]
        design = np.column_stack([indicators[rows][:, there], covariates])
        enough = len(design) - design.shape[1] >= _MIN_FREEDOM and independent_columns(design).all()
        design = design if enough else design[:, : there.sum()]
        mean, error = _fit(design, values[np.ix_(rows, columns)], int(there.sum()))
        at = np.ix_(there, columns)
        out["mean"][at], out["ci_low"][at], out["ci_high"][at] = mean, mean - error, mean + error
        out["adjusted"][columns] = enough and design.shape[1] > there.sum()
    return out


def _fit(design: NDArray[np.float64], values: NDArray[np.float64], levels: int) -> tuple[NDArray, NDArray]:
    """Return the levels' coefficients and half their 95 % intervals, both (levels, nodes)."""
    inverse = np.linalg.inv(design.T @ design)
    coefficients = inverse @ design.T @ values
    freedom = len(design) - design.shape[1]
    if freedom < 1:
        return coefficients[:levels], np.full((levels, values.shape[1]), np.nan)
    variance = ((values - design @ coefficients) ** 2).sum(axis=0) / freedom
    error = np.sqrt(np.outer(np.diag(inverse)[:levels], variance))
    return coefficients[:levels], student.ppf(0.975, freedom) * error

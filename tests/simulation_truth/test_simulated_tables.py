"""The tables of a simulated cohort: contract's columns, readable, reproducible, quick."""

import json

import numpy as np
import pandas as pd
import pytest

from harmoniq.data.cohort import build_cohort, read_participants
from harmoniq.data.errors import InputError
from harmoniq.data.names import REGION_COLUMNS
from harmoniq.data.tables import read_tsv
from harmoniq.simulation.tables import write_cohort_tables


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_cohort_tables(tmp_path_factory.mktemp("cohort"), subjects_per_site=4, patients=3, seed=9)


def test_regions_are_the_contracts(cohort):
    table = read_tsv(cohort.regions_file)
    assert list(table.columns) == list(REGION_COLUMNS)
    assert len(table) == 15 * 182 + 11 * 182
    assert table["session_id"].isna().all() and set(table["engine"]) == {"simulated"}
    bundle = table["tissue"] == "WM"
    assert table.loc[bundle, "hemisphere"].isna().all()
    assert set(table.loc[~bundle, "hemisphere"]) == {"L", "R"}
    # Ten digits are written.
    np.testing.assert_allclose(table["value"], cohort.regions["value"], rtol=1e-9)
    assert (table["sd"] / table["value"]).between(0.02, 0.2).all()
    assert (table["n"] > 0).all() and (table["n_excluded"] >= 0).all()
    spots = (table["n"] + table["n_excluded"]).groupby([table["region"], table["hemisphere"].fillna("n/a")]).nunique()
    assert (spots == 1).all()
    excluded = set(table.loc[table["n_excluded"] > 0, "participant_id"])
    assert excluded and all("P" in label for label in excluded)


def test_participants_are_bids(cohort):
    lines = cohort.participants_file.read_text().splitlines()
    assert lines[0].split("\t")[0] == "participant_id"
    assert "n/a" in lines[1] and "nan" not in "".join(lines).lower() and "None" not in "".join(lines)
    described = json.loads(cohort.participants_file.with_suffix(".json").read_text())
    assert set(described) == set(lines[0].split("\t"))
    assert set(read_tsv(cohort.participants_file)["sex"]) == {"F", "M"}


def test_truth_is_described_and_whole(cohort):
    truth = read_tsv(cohort.truth_file)
    assert len(truth) == 200
    described = json.loads(cohort.truth_file.with_suffix(".json").read_text())
    assert set(described) == set(truth.columns)
    for name in truth.columns:
        if pd.api.types.is_numeric_dtype(truth[name]):
            np.testing.assert_allclose(truth[name], cohort.effects[name], rtol=1e-9)


def test_the_group_level_reads_them(cohort):
    people = read_participants(read_tsv(cohort.participants_file), file=cohort.participants_file)
    built, notes = build_cohort(
        read_tsv(cohort.regions_file), people,
        regions_file=cohort.regions_file, participants_file=cohort.participants_file,
    )  # fmt: skip
    assert built.values.shape == (15, 200)
    assert notes == []
    assert np.isnan(built.values).sum() == 4 * 100
    assert built.metric("R2star").sites == ("site1", "site2")


def test_same_seed_same_bytes(cohort, tmp_path):
    again = write_cohort_tables(tmp_path, subjects_per_site=4, patients=3, seed=9)
    for name in ("regions_file", "participants_file", "truth_file"):
        assert getattr(again, name).read_bytes() == getattr(cohort, name).read_bytes()


def test_published_size(tmp_path):
    cohort = write_cohort_tables(tmp_path, seed=0)
    assert len(cohort.participants) == 628
    assert len(cohort.regions) == (628 + 486) * 182


def test_no_patients_and_one_site(tmp_path):
    cohort = write_cohort_tables(tmp_path, sites=1, subjects_per_site=1, patients=0)
    assert len(cohort.regions) == 2 * 182


def test_unwritable_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_cohort_tables(tmp_path / "file" / "out", sites=1, subjects_per_site=1, patients=0)

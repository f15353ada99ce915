"""The cohort: joining tables, averaging hemispheres, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from harmoniq.data.cohort import build_cohort, read_participants
from harmoniq.data.cohort_files import load_cohort, save_cohort
from harmoniq.data.errors import InputError


def people(**changes):
    frame = pd.DataFrame(
        {
            "participant_id": ["sub-1", "2", "sub-3"],
            "Site": ["a", "a", "b"],
            "GROUP": ["HC", "HC", "MS"],
            "Age": [20, 30.5, 40],
            "Sex": ["F", "male", "m"],
        }
    )
    return frame.assign(**changes)


def rows():
    return pd.DataFrame(
        [
            ("sub-1", "R1", "cGM", "BA10", "L", 0.6),
            ("sub-1", "R1", "cGM", "BA10", "R", 0.8),
            ("sub-1", "R1", "cGM", "BA2", "L", 0.5),
            ("sub-2", "R2star", "WM", "CST_L", None, 20.0),
            ("sub-3", "R1", "cGM", "BA2", "L", np.nan),
        ],
        columns=["participant_id", "metric", "tissue", "region", "hemisphere", "value"],
    )


def build(table=None, participants=None):
    checked = read_participants(people() if participants is None else participants, file="p.tsv")
    return build_cohort(rows() if table is None else table, checked, regions_file="r.tsv", participants_file="p.tsv")


def test_hemispheres_are_averaged_and_regions_ordered():
    cohort, notes = build()
    assert list(cohort.features["region"]) == ["BA2", "BA10", "CST_L"]
    assert cohort.values[0].tolist()[:2] == pytest.approx([0.5, 0.7])
    assert np.isnan(cohort.values[2]).all()
    assert cohort.participants["sex"].tolist() == ["F", "M", "M"]
    assert notes == []


def test_metric_keeps_only_sites_that_measured_it():
    cohort, _ = build()
    assert cohort.metric("R2star").sites == ("a",)


def test_files_keep_every_bit(tmp_path):
    cohort, _ = build()
    save_cohort(cohort, tmp_path, {"gam": cohort.values * np.pi})
    again, values = load_cohort(tmp_path)
    np.testing.assert_array_equal(again.values, cohort.values)
    np.testing.assert_array_equal(values["gam"], cohort.values * np.pi)
    pd.testing.assert_frame_equal(again.features, cohort.features, check_dtype=False)
    assert again.participants["site"].tolist() == ["a", "a", "b"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"participant_id": ["sub-1", "1", "sub-3"]}, "stands in two rows"),
        ({"Sex": ["F", "X", "M"]}, "must be F or M"),
        ({"Age": ["20", "young", "30"]}, "age of sub-2 = young: must be a number"),
        ({"Age": [20, 300, 30]}, "plausible"),
        ({"edss": [None, 2.5, 99]}, "edss of sub-3 = 99.0: must be 0 to 10"),
        ({"disease_duration": [None, -1, 3]}, "disease_duration of sub-2 = -1.0: must be a plausible number of years"),
    ],
)
def test_bad_participants(changes, said):
    with pytest.raises(InputError, match=said):
        build(participants=people(**changes))


def test_a_covariate_has_no_bounds_but_is_finite():
    table = people(iq=[-40.0, 120.0, float("nan")])
    kept = read_participants(table, file="p.tsv", covariates=["iq"])["iq"]
    assert kept.tolist()[:2] == [-40.0, 120.0] and kept.isna().tolist() == [False, False, True]
    with pytest.raises(InputError, match="iq of sub-1 = inf: must be finite"):
        read_participants(people(iq=[float("inf"), 1, 2]), file="p.tsv", covariates=["iq"])


def test_participants_without_rows_or_columns():
    with pytest.raises(InputError, match="has no participants"):
        read_participants(people().iloc[:0], file="p.tsv")
    with pytest.raises(InputError, match="group: column missing"):
        read_participants(people().drop(columns="GROUP"), file="p.tsv")
    assert (
        read_participants(people().rename(columns={"GROUP": "dx"}), file="p", rename={"group": "dx"})["group"][2]
        == "MS"
    )


def test_unknown_participant_is_an_error_and_absent_one_a_note():
    stranger = rows().replace({"participant_id": {"sub-1": "sub-9"}})
    with pytest.raises(InputError, match=r"r.tsv: participant_id = sub-9: not in p.tsv"):
        build(stranger)
    _, notes = build(rows()[lambda t: t["participant_id"] == "sub-1"])
    assert any("2 of participants.tsv have no regional values" in note for note in notes)


def test_bad_regions():
    with pytest.raises(InputError, match="stands in two rows"):
        build(pd.concat([rows(), rows().iloc[:1]]))
    with pytest.raises(InputError, match="metric = R3: must be one of R1, R2star"):
        build(rows().replace({"metric": {"R1": "R3"}}))
    with pytest.raises(InputError, match="value = x: must be a number"):
        build(rows().assign(value=["x", 1, 2, 3, 4]))

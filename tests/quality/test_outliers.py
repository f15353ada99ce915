"""The robust rule, against numbers worked out by hand and planted outliers."""

import numpy as np
import pandas as pd
import pytest

from harmoniq.report.qc.metrics import QC_METRICS
from harmoniq.report.qc.outliers import FEWEST, LIMIT, mark_outliers, robust_z


def test_by_hand():
    # Median 3.5; distances 2.5 1.5 .5 .5 1.5 26.5, whose median is 1.5: z of 30 is 26.5 / (1.4826 * 1.5) = 11.916.
    assert robust_z([1, 2, 3, 4, 5, 30])[-1] == pytest.approx(26.5 / (1.4826 * 1.5))


def test_more_than_half_equal():
    # MAD 0; the mean absolute deviation is 1/7: z is 1 / (1.2533 / 7) = 5.585.
    assert robust_z([82, 82, 82, 82, 82, 82, 81])[-1] == pytest.approx(-7 / 1.2533)
    assert not robust_z([82.0] * 7).any()


def test_too_few_and_missing():
    assert np.isnan(robust_z([1, 2, 3, 4, np.nan, 1000.0])).all()
    assert FEWEST == 6
    assert np.isnan(robust_z([1, 2, 3, 4, 5, 6, np.nan])[-1])


def test_each_site_by_itself_and_on_its_bad_side():
    rng = np.random.default_rng(1)
    site = np.repeat(["a", "b"], 40)
    snr = np.where(site == "a", 60, 20) + rng.uniform(-2, 2, 80)  # what is usual at b would be far off at a
    snr[3], snr[4] = 40.0, 90.0
    table = pd.DataFrame({"site": site, "snr_megre": snr, "R1_WM": rng.uniform(1.0, 1.1, 80)})
    table.loc[5, "R1_WM"], table.loc[6, "R1_WM"] = 2.0, 0.4
    marks = mark_outliers(table)
    assert marks["snr_megre"].to_numpy().nonzero()[0].tolist() == [3]  # a high SNR is no fault
    assert marks["R1_WM"].to_numpy().nonzero()[0].tolist() == [5, 6]


def test_false_alarms_are_rare():
    # Of normal values 0.047 % lie beyond 3.5 SD; the spread of the MAD at n = 200 makes it at most some 0.2 %.
    rng = np.random.default_rng(2)
    values = {name: rng.normal(size=200) for name in QC_METRICS}
    assert mark_outliers(pd.DataFrame({"site": "x", **values})).to_numpy().mean() < 0.002
    assert LIMIT == 3.5

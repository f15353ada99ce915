"""A participant's values among the group's: quantiles by hand, the right controls, the page that is filled in."""

import numpy as np
import pandas as pd
import pytest

from harmoniq.report.group_place import SECTION, GroupValues, compare, group_section
from harmoniq.report.page import replace_section
from harmoniq.report.participant import ParticipantReport, write_participant_report

KEYS = {"metric": "R1", "tissue": "cGM"}


@pytest.fixture
def group(tmp_path):
    """Twenty controls at site a with BA4 of 1 to 20, five at b with 101 to 105; BA17 is the same for all."""
    people, rows = {}, []
    for number in range(25):
        who, site = f"sub-{number:02d}", "a" if number < 20 else "b"
        people[who] = {"site": site, "group": "HC"}
        value = number + 1 if site == "a" else 101 + number - 20
        rows.append({**KEYS, "participant_id": who, "region": "BA4", "raw": value, "gam": value + 1000})
        rows.append({**KEYS, "participant_id": who, "region": "BA17", "raw": 0.7, "gam": 0.7})
    people["sub-p"] = {"site": "a", "group": "MS"}
    rows += [{**KEYS, "participant_id": "sub-p", "region": r, "raw": 30.0, "gam": 1030.0} for r in ("BA17", "BA4")]
    pd.DataFrame(rows).to_csv(tmp_path / "regions_harmonized.tsv", sep="\t", index=False)
    return GroupValues.read(tmp_path, people, "HC")


def test_controls_of_the_own_site_where_there_are_enough(group):
    controls, method, who = group.reference("sub-p")
    assert method == "raw" and "20 other controls of a, as measured" in who
    assert controls["participant_id"].nunique() == 20
    table = compare(group.of("sub-p"), controls, method).set_index("region")
    assert list(table.index) == ["BA4", "BA17"]  # in the atlas's order, not the alphabet's
    assert tuple(table.loc["BA4", ["median", "q25", "q75"]]) == pytest.approx(
        tuple(np.quantile(np.arange(1, 21), [0.5, 0.25, 0.75]))
    )
    assert table.loc["BA4", "percentile"] == 100 and table.loc["BA4", "outside"]


def test_all_sites_harmonized_where_there_are_few(group):
    controls, method, who = group.reference("sub-22")
    assert method == "gam" and "24 other controls of all sites, harmonized by ComBat-GAM" in who
    assert "sub-22" not in set(controls["participant_id"])  # nobody is compared with oneself


def test_a_page_is_filled_in_once_the_group_is_known(group, tmp_path):
    page = write_participant_report(tmp_path / "sub-p.html", ParticipantReport("sub-p", versions={"harmoniq": "x"}))
    before = page.read_text()
    assert "once the group level has been run" in before and "<svg" not in before
    assert replace_section(page, group_section("sub-p", group))
    text = page.read_text()
    assert "once the group level has been run" not in text
    assert 'aria-label="R1, cortical gray matter of sub-p against' in text and "2 of 2 values lie outside" in text
    assert text.count("</section>") == before.count("</section>")
    again = page.stat().st_mtime_ns
    assert replace_section(page, group_section("sub-p", group)) and page.stat().st_mtime_ns == again
    (tmp_path / "old.html").write_text("<html></html>")
    assert not replace_section(tmp_path / "old.html", group_section("sub-p", group))
    assert SECTION in text


def test_who_is_not_there_is_said(group):
    assert "is not in the group level's tables" in group_section("sub-none", group).blocks[0].items[0]

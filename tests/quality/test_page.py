"""The page of quality control, in a browser from a file: sorted, rated, exported, kept."""

import re
from pathlib import Path

import pytest

from harmoniq.cli.quality import write_quality
from harmoniq.data.tables import read_tsv
from harmoniq.report.qc.collect import QC_COLUMNS
from harmoniq.report.qc.outliers import FEWEST, LIMIT
from harmoniq.report.qc.ratings import RATING_COLUMNS, left_out, read_ratings
from harmoniq.settings.load import load_settings


@pytest.fixture(scope="module")
def page(results):
    path, count = write_quality(results, load_settings())
    assert count == 60
    return path


def test_table_and_page_without_a_browser(results, page):
    table = read_tsv(results / "qc_metrics.tsv")
    assert list(table.columns) == list(QC_COLUMNS)
    planted = table.set_index("participant_id").loc["sub-0007", "outliers"]
    assert {"snr_megre", "dwi_motion_mm"} <= set(planted.split())
    assert table["outliers"].notna().sum() <= 6
    text = page.read_text()
    assert page.stat().st_size < 2e6
    assert not re.search(r'(?:src|href)="(?:https?:)?//', text)
    assert write_quality(results, load_settings())[0].read_text() == text


def test_rate_export_and_keep(browser, page, tmp_path):
    opened = browser.open(page)
    browser.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    assert opened.run("document.querySelectorAll('#qc-table tbody tr').length") == 50
    # Sorted by ME-GRE's SNR the planted session comes first, with a mark and a word for it.
    opened.run("[...document.querySelectorAll('th button')].find(b => b.textContent === 'SNR ME-GRE').click()")
    first = "document.querySelector('#qc-table tbody tr')"
    assert opened.run(f"{first}.querySelector('a').textContent") == "sub-0007"
    assert "▼" in opened.run(f"{first}.querySelector('td.out').textContent")
    opened.run("document.getElementById('qc-rater').value = 'AB'")
    opened.run(f"{first}.querySelector('input[value=fail]').click()")
    opened.run(f"c = {first}.querySelector('input[type=text]'); c.value = 'ghosts\\tand more'")
    opened.run("c.dispatchEvent(new Event('change'))")
    opened.run(f"{first}.nextSibling.querySelector('input[value=warn]').click()")
    opened.run("document.getElementById('qc-export').click()")
    file = tmp_path / "participants_qc.tsv"
    opened.wait("true")
    for _ in range(200):
        if file.is_file() and file.stat().st_size:
            break
        opened.run("new Promise(r => setTimeout(r, 50))")
    ratings = read_ratings(file)
    assert {r.rating for r in ratings} == {"fail", "warn"}
    assert left_out(ratings, "fail") == {"sub-0007": "rated fail in quality control by AB: ghosts and more"}
    # Another visit finds what was said; a second click takes it back.
    assert opened.problems() == []
    opened.close()
    again = browser.open(page, width=390)
    again.run("w = document.getElementById('qc-show'); w.value = 'fail'; w.dispatchEvent(new Event('input'))")
    assert again.run("document.querySelectorAll('#qc-table tbody tr').length") == 1
    again.run(f"{first}.querySelector('input[value=fail]').click()")
    assert again.run("table()").count("\n") == 3  # the comment alone is kept
    assert again.run("document.querySelectorAll('#qc-plot .mark').length") >= 1
    assert again.overflow() <= 0
    again.run("localStorage.clear()")
    again.close()


def test_ratings_of_the_file_are_shown(browser, results, tmp_path):
    rated = tmp_path / "participants_qc.tsv"
    comment = "<img src=x onerror=alert(1)>"
    rated.write_text(f"participant_id\trating\tcomment\nsub-0003\tfail\t{comment}\nsub-9999\tpass\tn/a\n")
    path, _ = write_quality(results, load_settings(), rated)
    opened = browser.open(path)
    assert "rated, but not here: sub-9999" in opened.run("document.body.textContent")
    opened.run("w = document.getElementById('qc-show'); w.value = 'fail'; w.dispatchEvent(new Event('input'))")
    assert opened.run("document.querySelector('#qc-table tbody tr td a').textContent") == "sub-0003"
    assert opened.run("document.querySelector('#qc-table tbody tr .rate input[type=text]').value") == comment
    assert opened.problems() == []
    opened.close()
    assert read_tsv(results / "qc_metrics.tsv").set_index("participant_id").loc["sub-0003", "rating"] == "fail"
    write_quality(results, load_settings())


def test_a_thousand_sessions_stay_small(tmp_path, many_results, browser):
    many_results(tmp_path, 1000)
    path, count = write_quality(tmp_path, load_settings())
    assert count == 1000 and path.stat().st_size < 15e6
    opened = browser.open(path)
    assert opened.problems() == []
    # Rows are made for what is shown: the time to load does not grow with the cohort.
    assert opened.run("document.querySelectorAll('tr').length") < 100
    assert opened.run("document.images.length") == 100
    opened.close()


def test_every_metric_is_described():
    text = (Path(__file__).resolve().parents[2] / "docs" / "quality-control.md").read_text()
    for name in (*QC_COLUMNS, *RATING_COLUMNS):
        assert f"`{name}`" in text, name
    assert f"above {LIMIT}" in text and f"fewer than {FEWEST} values" in text

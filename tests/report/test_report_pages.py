"""The pages: complete, self-contained, honest about what is absent, and at home on any screen."""

import html
import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from harmoniq.data.acquisitions import MP2RAGETiming
from harmoniq.report.demo import write_demo_report
from harmoniq.report.failures import Failure
from harmoniq.report.group import write_group_report
from harmoniq.report.group_place import GroupValues
from harmoniq.report.images import ReportFigure, figure_bytes
from harmoniq.report.mosaic import figure_map_mosaic
from harmoniq.report.participant import ParticipantReport, write_participant_report

SETTINGS = {
    "study": {"reference_site": "site1", "control_group": "HC", "patient_group": "MS"},
    "statistics": {
        "alpha": 0.05,
        "bootstrap": 10000,
        "harmonized_method": "hbr",
        "standardize_r2star": True,
        "overlap_only": True,
    },
    "r2star": {"method": "arlo"},
}
VERSIONS = {"harmoniq": "0.1.0", "numpy": "2.3.5"}


def report(folder, **changes):
    arguments = {"settings": SETTINGS, "notes": ["a note"], "versions": VERSIONS, **changes}
    return write_group_report(folder, **arguments)


def assert_self_contained(text: str) -> None:
    for target in re.findall(r'(?:src|srcset|xlink:href)="([^"]*)"', text):
        assert target.startswith("data:"), target[:80]
    assert not re.search(r"@import|url\(\s*['\"]?http|<script[^>]+src|<link[^>]+stylesheet", text)
    for tag in re.findall(r"<img [^>]*>", text):
        assert re.search(r'alt="[^"]{20,}"', tag), tag[-200:]


@pytest.fixture(scope="module")
def group_page(group_folder):
    return report(group_folder)


def test_group_report_is_complete(group_folder, group_page):
    path = group_page
    text = path.read_text()
    assert path == group_folder / "report.html"
    assert_self_contained(text)
    for name in (
        "figure1_pca",
        "figureS1_pca_combat",
        "figureS1_pca_gam",
        "site_effects",
        "figure2_distributions",
        "figure2_age_curves",
        "figure3_peak_ages",
        "group_differences_R1",
        "group_differences_R2star",
        "figure4_z_maps",
        "figureS2_z_maps_raw",
        "figure5_edss",
        "scorecard",
    ):
        for suffix in ("svg", "png"):
            assert (group_folder / "figures" / f"{name}.{suffix}").stat().st_size > 1000
            assert f'href="figures/{name}.{suffix}"' in text
    assert text.count("<img ") == 13
    for target in re.findall(r'href="([^"#:]+)"', text):
        assert (group_folder / target).is_file(), target
    assert "a note" in text
    assert "10.1016/j.neuroimage.2019.116450" in text
    # HBR was not run: it is neither described nor cited, and the comparison is said to be on the scale of ComBat-GAM.
    assert "Bayesian" not in text
    assert "on the scale of ComBat-GAM" in text
    assert path.stat().st_size < 15e6


def test_group_report_is_the_same_each_time(folder_of, tables):
    folder = folder_of({name: tables[name] for name in ("site_effects", "rmse_change")})
    first = report(folder).read_bytes()
    assert report(folder).read_bytes() == first


def test_an_empty_folder_still_makes_a_report(tmp_path):
    text = report(tmp_path).read_text()
    assert "site_effects.tsv was not written" in text
    assert "<img " not in text


def test_a_broken_table_is_named_and_stops_nothing(folder_of, tables):
    folder = folder_of({"site_effects": tables["site_effects"]})
    (folder / "pca.tsv").write_text("metric\ttissue\nR1\tcGM\n")
    (folder / "edss.tsv").write_text("")
    text = report(folder).read_text()
    assert "pca.tsv is not shown: column missing" in text
    assert "edss.tsv is not shown" in text
    assert text.count("<img ") == 1


def test_participants_come_from_the_call_or_the_harmonized_table(folder_of, tables, people):
    harmonized = tables["regions_harmonized"].query("metric == 'R1' and tissue == 'WM'")
    folder = folder_of({"regions_harmonized": harmonized})
    assert "figure2_distributions" not in report(folder).read_text()
    assert "figure2_distributions" in report(folder, participants=people).read_text()
    folder_of({"regions_harmonized": harmonized.merge(people, on="participant_id")})
    assert "figure2_distributions" in report(folder).read_text()


def test_one_site_and_one_method(folder_of, tables, people):
    alone = people[people["site"] == "site1"]
    harmonized = tables["regions_harmonized"].query("metric == 'R1' and tissue == 'WM'")[
        ["participant_id", "metric", "tissue", "region", "raw"]
    ]
    folder = folder_of(
        {
            "participants": alone,
            "regions_harmonized": harmonized[harmonized["participant_id"].isin(alone["participant_id"])],
            "pca": tables["pca"].query("data == 'raw' and site == 'site1' and metric == 'R1'"),
            "pca_summary": tables["pca_summary"].query("data == 'raw'").assign(eta2_PC1=np.nan, eta2_PC2=np.nan),
        }
    )
    text = report(folder).read_text()
    assert "figure1_pca.svg" in text
    assert "figureS1" not in text


def _regions() -> pd.DataFrame:
    rows = [
        ("sub-01", "n/a", m, "cGM", f"BA{i}", h, v + 0.01 * i, 0.05, 200, i)
        for m, v in (("R1", 0.6), ("R2star", 16.0))
        for i in range(1, 8)
        for h in "LR"
    ]
    names = [
        "participant_id",
        "session_id",
        "metric",
        "tissue",
        "region",
        "hemisphere",
        "value",
        "sd",
        "n",
        "n_excluded",
    ]
    frame = pd.DataFrame(rows, columns=names).assign(engine="native 0.1.0; freesurfer 7.3.2")
    return frame.assign(session_id=np.nan)


def participant_context(**changes) -> ParticipantReport:
    volume = np.random.default_rng(0).uniform(0, 1, (12, 14, 10))
    picture = figure_bytes(figure_map_mosaic(volume, np.eye(4), "R1", 0, 1.6, "R1 (1/s)"))
    content = {
        "participant_id": "sub-01",
        "inputs": [{"acquisition": "MP2RAGE", "file": "sub-01/anat/sub-01_UNIT1.nii.gz", "used": "yes"}],
        "engines": [{"stage": "R1", "engine": "native", "version": "0.1.0", "why": "no MATLAB was found"}],
        "figures": [
            ReportFigure("R1 map", "Slices of the R1 map in three planes, 0 to 1.6 per second.", picture, "magma"),
            ReportFigure("In turn", "The same slices of two images", picture, second=picture, names=("UNI", "GRE")),
        ],
        "timings_mp2rage": {"": MP2RAGETiming(6.0, (0.7, 2.4), (6.0, 6.0), 0.0069, (88, 88))},
        "regions": _regions(),
        "notes": ["no diffusion"],
        "warnings": ["B1 <b>missing</b> & R1 not corrected"],
        "timings": {"r1_wf.fit": 3.2, "r2star_wf.fit": 12.0},
        "settings": SETTINGS,
        "versions": VERSIONS,
    }
    return ParticipantReport(**{**content, **changes})


def test_participant_report(tmp_path):
    text = write_participant_report(tmp_path / "sub-01.html", participant_context()).read_text()
    assert_self_contained(text)
    assert 'class="badge done"' in text
    assert "B1 &lt;b&gt;missing&lt;/b&gt; &amp; R1" in text
    assert "auto-regression on linear operations" in text
    # Columns that hold nothing, and the label that stands in the heading, take no width.
    assert ">session</button>" not in text
    assert ">participant</button>" not in text
    assert "15 seconds in all" in text
    # Two frames that a screen reader tells apart, and what R1 depends on.
    assert 'alt="The same slices of two images: UNI"' in text and 'alt="The same slices of two images: GRE"' in text
    assert "What R1 depends on" in text and "-13.0 %" in text and "partial Fourier: up to 17 %" in text
    assert "prefers-reduced-motion" in text


def test_participant_that_failed(tmp_path):
    context = ParticipantReport("02", error="InputError: x_UNIT1.nii.gz: truncated <gzip>", notes=["nothing was made"])
    text = write_participant_report(tmp_path / "sub-02.html", context).read_text()
    assert "<h1>sub-02" in text
    assert 'class="badge failed"' in text
    assert "truncated &lt;gzip&gt;" in text
    some = write_participant_report(tmp_path / "p.html", participant_context(error="surfaces: crashed")).read_text()
    assert 'class="badge partial"' in some


def test_demo_report(tmp_path, recovery):
    path = write_demo_report(
        tmp_path / "report.html",
        recovery=recovery,
        cohort_report="cohort/report.html",
        group_report="derivatives/group/report.html",
        participants={"sub-01": "derivatives/sub-01.html"},
        timings={"simulate": 60.0},
        versions=VERSIONS,
        figures=tmp_path / "figures",
    )
    text = path.read_text()
    assert_self_contained(text)
    assert 'href="cohort/report.html"' in text
    assert '<a href="derivatives/sub-01.html">sub-01</a>' in text
    assert (tmp_path / "figures" / "recovery.svg").is_file()
    empty = write_demo_report(tmp_path / "empty.html", recovery=recovery.iloc[:0]).read_text()
    assert "no recovered values" in empty


@pytest.mark.slow
def test_no_page_is_wider_than_its_screen(tmp_path, group_page, recovery):
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no chromium")
    pages = {
        "group": group_page,
        "participant": write_participant_report(tmp_path / "p" / "sub-01.html", participant_context(error="e" * 500)),
        "demo": write_demo_report(
            tmp_path / "d" / "report.html", recovery=recovery, cohort_report="c.html", versions=VERSIONS
        ),
    }
    frames = "".join(
        f'<iframe name="{name}-{width}" style="width:{width}px;height:800px" '
        f'srcdoc="{html.escape(path.read_text())}"></iframe>'
        for name, path in pages.items()
        for width in (390, 1400)
    )
    # The frames share this page's origin, so that it can open every folded table, sort, filter and measure.
    script = """
      addEventListener("load", () => { document.title = Array.from(document.querySelectorAll("iframe"), f => {
        const d = f.contentDocument, e = d.documentElement;
        d.querySelectorAll("details").forEach(x => { x.open = true; });
        const head = d.querySelector("th.num button"); head.click(); head.click();
        const input = d.querySelector("input[type=search]");
        input.value = "R1 cGM"; input.dispatchEvent(new Event("input"));
        const shown = d.querySelector(".shown").textContent;
        const sorted = d.querySelector("[aria-sort=descending]") !== null;
        const over = d.querySelector(".flicker .over");
        const radios = d.querySelectorAll(".flicker [value=first], .flicker [value=second]");
        const seen = Array.from(radios).reverse().map(r => {
          r.click();
          return getComputedStyle(over).visibility;
        });
        if (radios.length && seen.join() !== "visible,hidden") { return f.name + " shows " + seen.join(); }
        // On a phone figures are moved sideways, not shrunk beyond reading.
        const small = Array.from(d.querySelectorAll(".picture img")).some(image => image.offsetWidth < 600);
        return [f.name, e.scrollWidth <= e.clientWidth && !small, sorted, shown !== ""].join(" ");
      }).join(";"); });
    """
    wrapper = tmp_path / "wrapper.html"
    wrapper.write_text(f"<!DOCTYPE html><title>not measured</title><body>{frames}<script>{script}</script>")
    run = subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--enable-logging=stderr",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--window-size=1600,1000",
            "--virtual-time-budget=20000",
            "--dump-dom",
            wrapper.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    title = re.search(r"<title>(.*?)</title>", run.stdout)
    assert title is not None
    assert title.group(1).split(";") == [f"{name}-{width} true true true" for name in pages for width in (390, 1400)]
    assert "CONSOLE" not in run.stderr


def _crowd(tmp_path) -> GroupValues:
    """Return a group level's values of twenty controls, and of the participant of `participant_context`."""
    rng, rows = np.random.default_rng(5), []
    for number in range(21):
        for region, level in [(f"BA{k}", 0.6) for k in range(1, 8)]:
            value = level * (1 + 0.03 * rng.normal()) * (1.2 if number == 1 and region == "BA3" else 1)
            rows.append((f"sub-{number:02d}", "R1", "cGM", region, value, value))
    names = ["participant_id", "metric", "tissue", "region", "raw", "gam"]
    pd.DataFrame(rows, columns=names).to_csv(tmp_path / "regions_harmonized.tsv", sep="\t", index=False)
    found = GroupValues.read(tmp_path, {f"sub-{k:02d}": {"site": "a", "group": "HC"} for k in range(21)}, "HC")
    assert found is not None
    return found


@pytest.mark.slow
def test_every_page_in_a_browser_without_a_network(browser, tmp_path, group_page, recovery):
    """From a file, at the width of a desktop and of a phone: nothing missing, no complaint, no overflow."""
    failures = [
        Failure("sub-01", "x_UNIT1.nii.gz: the file is truncated", "r1", "fit_r1", "c.pklz", "Trace\n" + "w" * 900)
    ]
    measures = [("r1", "fit_r1", 3.2, 0.4), ("session", "figure_r1", 12.0, 0.3)]
    whole = participant_context(failures=failures, error="e" * 300, measures=measures, group=_crowd(tmp_path))
    pages = {
        "group": group_page,
        "participant": write_participant_report(tmp_path / "p" / "sub-01.html", whole),
        "failed": write_participant_report(tmp_path / "f" / "sub-02.html", ParticipantReport("02", failures=failures)),
        "demo": write_demo_report(
            tmp_path / "d" / "report.html", recovery=recovery, cohort_report="c.html", versions=VERSIONS
        ),
    }
    for name, path in pages.items():
        assert path.stat().st_size < 15e6, name
        for width in (1280, 390):
            page = browser.open(path, width=width)
            page.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
            assert page.problems() == [], (name, width)
            assert page.overflow() <= 0, (name, width)
            assert page.run("[...document.images].filter(i => i.alt.length < 20).length") == 0, (name, width)
            if name == "participant":
                slid = "getComputedStyle(document.querySelector('.flicker .over')).clipPath"
                page.run("r = document.querySelector('.flicker input[type=range]'); r.value = 30")
                page.run("r.dispatchEvent(new Event('input'))")
                assert "70%" in page.run(slid), "the slider shows 30 % of the second picture"
                far = page.run("[...document.querySelectorAll('.strip .far title')].map(t => t.textContent)")
                assert any(text.startswith("BA3: ") for text in far)
            page.close()

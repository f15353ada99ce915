"""Crashing on purpose in each stage: a real run on broken input still leaves a report that says what happened."""

import gzip
import html
import re
import shutil

import numpy as np
import pytest


def truncate(path):
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    half = content[: len(content) // 2]
    path.write_bytes(gzip.compress(half) if path.suffix == ".gz" else half)


def far_away(path):
    """Move an image's header by a meter: it no longer overlaps."""
    import nibabel as nib

    image = nib.load(path)
    affine = image.affine.copy()
    affine[0, 3] += 1000
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), affine), path)


def told(page):
    """Return what a page says went wrong, as text, and its badge."""
    text = page.read_text()
    section = re.search(r'<section id="errors".*?</section>', text, re.DOTALL)
    badge = re.search(r'class="badge (\w+)"', text)
    assert section and badge, "the report does not say what went wrong"
    assert "Methods" in text and "harmoniq" in text
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", section[0])).split()), badge[1]


def test_maps_registration_and_report(harmoniq, tiny, tmp_path):
    for label in ("r1", "r2star", "registration", "report", "good", "refused"):
        tiny.add(label)
    truncate(next(tiny.root.rglob("sub-r1_UNIT1.nii.gz")))
    truncate(next(tiny.root.rglob("sub-r2star_echo-3*.nii.gz")))
    for echo in tiny.root.rglob("sub-registration_echo-*.nii.gz"):
        far_away(echo)
    tiny.edit("sub-refused*inv-1*.json", InversionTime=None)
    out = tmp_path / "out"
    (out / "sub-report" / "figures" / "sub-report_desc-lookup.png").mkdir(parents=True)  # a folder where a picture goes
    words = ("--stages", "maps", "regions", "--skip-bids-validation", "--nprocs", "2")
    done = harmoniq("run", tiny.root, "out", "participant", *words)
    assert done.returncode == 1, done.stdout + done.stderr
    said = {
        "r1": ("in the step R1", "UNIT1.nii.gz: the file is truncated"),
        "r2star": ("in the step R2*", "MEGRE.nii.gz: the file is truncated"),
        "registration": ("in the step registration of ME-GRE to MP2RAGE", "would move the head by"),
        "report": ("in the step this report", "sub-report_desc-lookup.png"),
        "refused": ("InversionTime",),
    }
    for label, words in said.items():
        text, badge = told(out / f"sub-{label}.html")
        assert all(word in text for word in words), (label, text[:600])
        assert "What to do:" in text and badge in ("failed", "partial")
        assert f"error: sub-{label}" in done.stderr
    assert "What went wrong" not in (out / "sub-good.html").read_text()
    # What is not hurt is there: the other map, and the pictures that could be drawn.
    assert (out / "sub-r1" / "anat" / "sub-r1_R2starmap.nii.gz").is_file()
    assert "<img" in (out / "sub-report.html").read_text()
    # Time and memory of the stages, as measured.
    timings = re.search(r'<section id="timings".*?</section>', (out / "sub-good.html").read_text(), re.DOTALL)
    assert ">R1<" in timings[0] and ">R2*<" in timings[0] and "memory (GB)" in timings[0]


def test_nothing_can_be_processed(harmoniq, tiny, tmp_path):
    tiny.add("01")
    tiny.edit("sub-01*inv-1*.json", InversionTime=None)
    done = harmoniq("run", tiny.root, "out", "participant", "--skip-bids-validation")
    assert done.returncode == 2
    text, badge = told(tmp_path / "out" / "sub-01.html")
    assert "InversionTime" in text and badge == "failed"


@pytest.mark.slow
def test_surfaces_tracts_and_tables(harmoniq, cohort, tmp_path):
    bids = tmp_path / "bids"
    shutil.copytree(cohort, bids, ignore=shutil.ignore_patterns("truth"))
    derivatives, out = bids / "derivatives", tmp_path / "out"
    truncate(derivatives / "freesurfer" / "sub-S1C001" / "surf" / "lh.white")
    truncate(next((derivatives / "pyafq").rglob("sub-S2C001*Corticospinal*.trk")))
    (out / "sub-S2P001" / "sub-S2P001_regions.tsv" / "in_the_way").mkdir(parents=True)
    done = harmoniq("run", bids, "out", "participant", "--skip-bids-validation", "--nprocs", "2")
    assert done.returncode in (1, 2), done.stdout + done.stderr
    said = {
        "S1C001": ("in the step surfaces", "lh.white"),
        "S2C001": ("of the bundles", ".trk"),
        "S2P001": ("in the step the regional table", "sub-S2P001_regions.tsv"),
    }
    for label, words in said.items():
        text, badge = told(out / f"sub-{label}.html")
        assert all(word in text for word in words), (label, text[:600])
        assert "What to do:" in text and badge in ("failed", "partial")
        assert "<img" in (out / f"sub-{label}.html").read_text(), "what was done is shown"

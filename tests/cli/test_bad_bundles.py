"""Odd and damaged tractograms as a user meets them: one run, three participants, and a clear word for each."""

import shutil

import nibabel as nib
import numpy as np
import pytest

from harmoniq.data.files import read_json
from harmoniq.data.tables import read_tsv

pytestmark = pytest.mark.usefixtures("no_network")
ODD, DAMAGED, ELSEWHERE = "sub-S1C001", "sub-S2C001", "sub-S2P001"


def bundle(folder, name):
    (path,) = folder.rglob(f"*desc-{name}_tractography.trk")
    return path


def one_way(lines):
    """The simulator's streamlines run either way, as tracked ones do."""
    return [line[::-1] if line[0, 1] < line[-1, 1] else line for line in lines]


def rewrite(path, change):
    """Replace a tractogram's streamlines by what `change` makes of them."""
    old = nib.streamlines.load(path)
    lines = nib.streamlines.Tractogram(change(list(old.streamlines)), affine_to_rasmm=np.eye(4))
    nib.streamlines.save(lines, str(path), header=old.header)


@pytest.fixture
def bad(cohort, tmp_path):
    """R1's images of the cohort, and its bundles with one fault each."""
    unused = shutil.ignore_patterns("dwi", "fmap", "*MEGRE*", "*FLAIR*")
    for label in (ODD, DAMAGED, ELSEWHERE):
        shutil.copytree(cohort / label, tmp_path / "bids" / label, ignore=unused)
    for name in ("dataset_description.json", "participants.tsv"):
        shutil.copy(cohort / name, tmp_path / "bids" / name)
    shutil.copytree(cohort / "derivatives" / "pyafq", tmp_path / "tracts")
    odd = tmp_path / "tracts" / ODD
    rewrite(bundle(odd, "LeftInferiorFrontooccipital"), one_way)
    rewrite(
        bundle(odd, "RightInferiorFrontooccipital"),
        lambda lines: [x[::-1] if i < 7 else x for i, x in enumerate(one_way(lines))],
    )
    rewrite(bundle(odd, "LeftCorticospinal"), lambda lines: lines[:1])
    rewrite(bundle(odd, "ForcepsMinor"), lambda lines: [])
    rewrite(bundle(odd, "RightSuperiorLongitudinal"), lambda lines: [line + np.float32(400) for line in lines])
    bundle(odd, "ForcepsMajor").unlink()
    cut = bundle(tmp_path / "tracts" / DAMAGED, "LeftInferiorLongitudinal")
    cut.write_bytes(cut.read_bytes()[:-500])
    for path in (tmp_path / "tracts" / ELSEWHERE).rglob("*.trk"):
        rewrite(path, lambda lines: [line + np.float32(150) for line in lines])
    return tmp_path


@pytest.mark.slow
def test_each_fault_has_its_word(harmoniq, cohort, bad):
    options = ("--stages", "bundles", "regions", "--nprocs", "2", "--skip-bids-validation")
    done = harmoniq("run", bad / "bids", "out", "participant", *options, "--derivatives", bad / "tracts")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 of 3 sessions done" in done.stdout and "Traceback" not in done.stderr
    errors = {line.split(": ")[1]: line for line in done.stderr.splitlines() if line.startswith("error: sub-")}
    assert set(errors) == {DAMAGED, ELSEWHERE}
    assert "LeftInferiorLongitudinal" in errors[DAMAGED] and "truncated" in errors[DAMAGED]
    assert "outside the brain: the tractograms are in another space" in errors[ELSEWHERE]
    for label in (DAMAGED, ELSEWHERE):
        page = (bad / "out" / f"{label}.html").read_text()
        assert "tractogram" in page and not (bad / "out" / label / f"{label}_regions.tsv").exists()

    folder = bad / "out" / ODD
    notes = " | ".join(read_json(folder / f"{ODD}_regions.json")["Notes"])
    for said in (
        "no tractogram of FP",
        "FA: ",
        "holds no streamline",
        "a single streamline, the profile rests on it alone",
        ", IFO_R 7 of 100",
        "SLF_R: 100 % of the points lie outside the field of view",
    ):
        assert said in notes
        assert said in (bad / "out" / f"{ODD}.html").read_text()
    assert "turned round: " in notes and "IFO_L" not in notes
    rows = read_tsv(folder / f"{ODD}_regions.tsv").set_index("region")
    assert len(rows) == 16 and not {"FA", "FP"} & set(rows.index)
    assert np.isnan(rows.loc["SLF_R", "value"]) and rows.loc["SLF_R", "n"] == 0
    truth = read_tsv(cohort / "sourcedata" / "truth" / "regions.tsv")
    truth = truth[(truth["participant_id"] == ODD) & (truth["metric"] == "R1")].set_index("region")["value"]
    others = rows.drop(index=["SLF_R", "CST_L"])
    # The flipped and the whole bundles alike; at 4 mm a bundle's wall is half of it.
    assert (others["value"] / truth[others.index] - 1).abs().max() < 0.15

"""The reference engine of the bundles as a user runs it; a script stands for QSIPrep and leaves what QSIPrep leaves."""

import json
import os
import sys

import pandas as pd
import pytest

pytestmark = pytest.mark.usefixtures("no_network")
RUN = ("participant", "--nprocs", "2", "--skip-bids-validation", "--stages", "bundles", "regions")

#: Turns the true tractograms to AC-PC, and writes them and their transform where QSIPrep 0.18 does.
PROGRAM = """
import json, os, sys
from pathlib import Path
import nibabel as nib, numpy as np
from harmoniq.registration.itk import write_itk

bids, out, sub = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[sys.argv.index("--participant-label") + 1]
to_scanner = np.eye(4)
to_scanner[:3, 3] = (1.0, 22.0, -30.0)
back = np.linalg.inv(to_scanner)
anat = out / "qsiprep" / f"sub-{sub}" / "anat"
anat.mkdir(parents=True)
write_itk(to_scanner, anat / f"sub-{sub}_from-T1wNative_to-T1wACPC_mode-image_xfm.txt")
(t1w,) = (bids / f"sub-{sub}" / "anat").glob("*_T1w.nii.gz")
image = nib.load(t1w)
nib.save(nib.Nifti1Image(np.asarray(image.dataobj), back @ image.affine), anat / f"sub-{sub}_desc-preproc_T1w.nii.gz")
stem = f"sub-{sub}_space-T1w_desc-preproc"
folder = out / "qsirecon" / f"sub-{sub}" / "dwi" / stem / "clean_bundles"
folder.mkdir(parents=True)
for path in sorted(Path(os.environ["TRUE_BUNDLES"]).rglob("*.trk")):
    name = path.name.rsplit("desc-", 1)[1]
    lines = [line @ back[:3, :3].T + back[:3, 3] for line in nib.streamlines.load(path).streamlines]
    bundle = nib.streamlines.Tractogram(lines, affine_to_rasmm=np.eye(4))
    nib.streamlines.save(bundle, str(folder / f"{stem}_dwi_space-RASMM_model-probCSD_algo-AFQ_desc-{name}"))
"""


@pytest.fixture
def qsiprep(tmp_path):
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "program.py").write_text(PROGRAM)
    (folder / "qsiprep").write_text(f'#!/bin/sh\nexec {sys.executable} -P {folder}/program.py "$@"\n')
    (folder / "qsiprep").chmod(0o755)
    (tmp_path / "license.txt").write_text("a key\n")
    (tmp_path / "study.toml").write_text('[qsiprep]\nversion = "0.18.0"\nruntime = "native"\n')
    options = ("--config", tmp_path / "study.toml", "--fs-license-file", tmp_path / "license.txt")
    return options, {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "FREESURFER_HOME": "", "FS_LICENSE": ""}


def test_refused_where_it_is_not(harmoniq, tiny, tmp_path):
    tiny.add("01")
    done = harmoniq("run", tiny.root, "out", *RUN, "--bundle-engine", "qsiprep", env={"PATH": "/nowhere"})
    assert done.returncode == 2
    assert "qsiprep is not installed, and no image is named" in done.stderr


def test_refused_without_a_license(harmoniq, tiny, qsiprep):
    tiny.add("01")
    options, env = qsiprep
    done = harmoniq("run", tiny.root, "out", *RUN, "--bundle-engine", "qsiprep", *options[:2], env=env)
    assert done.returncode == 2
    assert "QSIPrep refuses to run without a FreeSurfer license" in done.stderr


@pytest.mark.slow
def test_same_table_as_from_existing_bundles(harmoniq, cohort, tmp_path, qsiprep):
    (label,) = (path.name for path in (cohort / "derivatives" / "pyafq").glob("sub-S1*"))
    options, env = qsiprep
    chosen = ("--participant-label", label)
    done = harmoniq("run", cohort, "existing", *RUN, *chosen, "--derivatives", cohort / "derivatives" / "pyafq")
    assert done.returncode == 0, done.stderr
    env = {**env, "TRUE_BUNDLES": str(cohort / "derivatives" / "pyafq" / label)}
    done = harmoniq("run", cohort, "made", *RUN, *chosen, "--bundle-engine", "qsiprep", *options, env=env)
    assert done.returncode == 0, done.stderr + done.stdout
    tables = {}
    for name in ("existing", "made"):
        (path,) = (tmp_path / name).rglob("*_regions.tsv")
        tables[name] = pd.read_csv(path, sep="\t").set_index(["metric", "region"])
        sidecar = json.loads(path.with_suffix(".json").read_text())
    assert sidecar["Bundles"]["Placement"].endswith("_xfm.txt, checked by registration")
    assert sidecar["Engines"]["bundles"] == "qsiprep-pyafq 0.18.0"
    pd.testing.assert_series_equal(tables["existing"]["value"], tables["made"]["value"], rtol=1e-3)
    log = tmp_path / "made" / "sourcedata" / "qsiprep" / label / "logs" / "qsiprep.log"
    assert "--recon-spec mrtrix_multishell_msmt_pyafq_tractometry" in log.read_text()

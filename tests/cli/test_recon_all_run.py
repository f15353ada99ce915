"""Surfaces made within a run: from the command line to the regional table.

FreeSurfer refuses to run without its user's key. Scripts stand in for recon-all and mri_surf2surf, which keep their
files and hand out surfaces that were made beforehand; the command lines are tested on the real programs elsewhere.
"""

import json
import os
import shutil
import stat
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from harmoniq.data.tables import read_tsv

pytestmark = pytest.mark.slow

RECON_ALL = """#!/bin/sh
echo "$*" >> "$FREESURFER_HOME/calls.txt"
subject="$SUBJECTS_DIR/$2"; mkdir -p "$subject/scripts" "$subject/mri"
case "$*" in *-autorecon1*) cp "$FREESURFER_HOME/T1.mgz" "$subject/mri/T1.mgz";; esac
case "$*" in *-autorecon3*)
  [ -f "$FREESURFER_HOME/broken" ] && { echo "ERROR: no disk"; exit 1; }
  cp -r "$FREESURFER_HOME/finished/." "$subject/";;
esac
echo "SUBJECT $2" > "$subject/scripts/recon-all.done"
"""
SURF2SURF = """#!/bin/sh
echo "mri_surf2surf $*" >> "$FREESURFER_HOME/calls.txt"
while [ $# -gt 0 ]; do
  case "$1" in --hemi) hemi="$2";; --tval) target="$2";; --trgsubject) subject="$2";; esac
  shift
done
[ -f "$SUBJECTS_DIR/$subject/surf/$hemi.sphere.reg" ] || { echo "ERROR: no sphere"; exit 1; }
[ -f "$SUBJECTS_DIR/fsaverage/surf/lh.sphere.reg" ] || { echo "ERROR: no fsaverage"; exit 1; }
cp "$FREESURFER_HOME/$hemi.annot" "$target"
"""


@pytest.fixture
def freesurfer(tmp_path):
    """An installation of stand-ins, and the shell's tools that recon-all wants."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("bad_surfaces", Path(__file__).with_name("test_bad_surfaces.py"))
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    home = tmp_path / "freesurfer"
    label = home / "subjects" / "fsaverage" / "label"
    for folder in (home / "bin", label, label.parent / "surf"):
        folder.mkdir(parents=True)
    (label.parent / "surf" / "lh.sphere.reg").touch()
    scripts = {"recon-all": RECON_ALL, "mri_convert": "#!/bin/sh\n", "mri_surf2surf": SURF2SURF}
    for name in ("tcsh", "bc", "perl"):
        scripts[name] = "#!/bin/sh\n"
    for name, text in scripts.items():
        (home / "bin" / name).write_text(text)
        (home / "bin" / name).chmod(stat.S_IRWXU)
    (home / "build-stamp.txt").write_text("freesurfer-linux-ubuntu22_x86_64-7.4.1-20230614-7eb8460\n")
    made.write_subject(home / "finished")
    for hemi in ("lh", "rh"):
        annotation = home / "finished" / "label" / f"{hemi}.PALS_B12_Brodmann.annot"
        shutil.copy(annotation, label / annotation.name)
        shutil.move(annotation, home / f"{hemi}.annot")
    shutil.copy(home / "finished" / "mri" / "orig.mgz", home / "orig.mgz")
    affine = nib.load(home / "orig.mgz").affine
    nib.save(nib.freesurfer.MGHImage(np.full((256, 256, 256), 90, np.uint8), affine), home / "T1.mgz")
    (home / "license.txt").write_text("somebody@somewhere.org\n1\n *C\n F\n")
    return home


def test_surfaces_are_made_once(harmoniq, tiny, freesurfer, tmp_path):
    """The first run breaks in recon-all's last stage; the second does that stage alone; the third nothing."""
    tiny.add("01", megre=False)
    words = (
        "run",
        tiny.root,
        "out",
        "participant",
        "--stages",
        "maps",
        "surfaces",
        "regions",
        "--skip-bids-validation",
    )
    env = {"FREESURFER_HOME": str(freesurfer), "PATH": f"{freesurfer / 'bin'}:{os.environ['PATH']}", "FS_LICENSE": ""}
    (freesurfer / "broken").touch()
    done = harmoniq(*words, env=env)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "recon-all failed with exit code 1: ERROR: no disk; read this log" in done.stderr
    assert "Surfaces: freesurfer v7.4.1" in done.stdout
    (freesurfer / "broken").unlink()
    done = harmoniq(*words, "--fs-license-file", freesurfer / "license.txt", env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    calls = (freesurfer / "calls.txt").read_text().splitlines()
    stages = [call.split()[4] for call in calls if not call.startswith("mri_")]
    assert stages == ["-autorecon1", "-autorecon2-volonly", "-autorecon2-perhemi", "-autorecon3", "-autorecon3"]
    assert "_UNIT1" not in calls[0], "the image without its background, from the work folder"
    assert "-noskullstrip" in calls[0]
    assert [call.split()[6] for call in calls if call.startswith("mri_")] == ["lh", "rh"]
    subject = tmp_path / "out" / "sourcedata" / "freesurfer" / "sub-01"
    assert nib.load(subject / "mri" / "brainmask.mgz").shape == (256, 256, 256)
    table = read_tsv(tmp_path / "out" / "sub-01" / "sub-01_regions.tsv")
    assert set(table["engine"]) == {"native-lookup 0.1.0 + freesurfer v7.4.1"}
    sidecar = json.loads((tmp_path / "out" / "sub-01" / "sub-01_regions.json").read_text())
    assert any("kept apart" in note for note in sidecar["Notes"])
    done = harmoniq(*words, env=env)
    assert done.returncode == 0, done.stderr
    assert len((freesurfer / "calls.txt").read_text().splitlines()) <= len(calls) + 2, "recon-all is not called again"

"""Surfaces that cannot be used: one sentence each, and the others are done. One run serves all."""

import stat
import subprocess

import nibabel as nib
import numpy as np
import pytest

from harmoniq.surface.icosphere import icosphere

#: In the middle of the tiny images, as orig.mgz of a head that was scanned there.
CENTRE = np.array([46.0, 54.0, 38.0])
PALS = [b"???", b"MEDIAL.WALL", *(f"Brodmann.{n}".encode() for n in (*range(1, 12), *range(17, 34), *range(35, 48)))]


def write_subject(folder, *, centre=CENTRE, made_from=None, pial_level=3):
    """Two ellipsoids in FreeSurfer's files; `centre` is orig.mgz's, `made_from` that of the surfaces' volume."""
    for part in ("surf", "mri", "label", "scripts"):
        (folder / part).mkdir(parents=True)
    affine = np.array([[-1.0, 0, 0, 128], [0, 0, 1.0, -128], [0, -1.0, 0, 128], [0, 0, 0, 1]])
    affine[:3, 3] += centre
    nib.save(nib.freesurfer.MGHImage(np.zeros((256, 256, 256), np.uint8), affine), folder / "mri" / "orig.mgz")
    of_volume = centre if made_from is None else made_from
    info = {
        "head": np.array([2, 0, 20], np.int32), "valid": "1  # volume info valid", "filename": "../mri/orig.mgz",
        "volume": np.array([256] * 3), "voxelsize": np.ones(3), "xras": np.array([-1.0, 0, 0]),
        "yras": np.array([0, 0, -1.0]), "zras": np.array([0, 1.0, 0]), "cras": of_volume,
    }  # fmt: skip
    for hemi, x in (("lh", -14.0), ("rh", 14.0)):
        for name, level, scale in (("white", 3, 0.12), ("pial", pial_level, 0.14), ("sphere.reg", 3, 1.0)):
            sphere, faces = icosphere(level)
            points = sphere if name == "sphere.reg" else scale * sphere * (1, 2, 1.5) + (x, 0, 0)
            kind = {} if name == "sphere.reg" else {"volume_info": info}
            nib.freesurfer.write_geometry(folder / "surf" / f"{hemi}.{name}", points, faces, **kind)
        sphere, faces = icosphere(3)
        nib.freesurfer.write_morph_data(folder / "surf" / f"{hemi}.thickness", np.full(len(sphere), 2.0), len(faces))
        write_annotation(folder, hemi, len(sphere))
    (folder / "scripts" / "recon-all.done").write_text("SUBJECT\n")
    return folder


def write_annotation(folder, hemi, n):
    colors = np.array([[i, 2 * i, 3 * i, 0] for i in range(len(PALS))])
    file = folder / "label" / f"{hemi}.PALS_B12_Brodmann.annot"
    nib.freesurfer.write_annot(file, np.arange(n) % len(PALS), colors, PALS, fill_ctab=True)


def missing(folder):
    (folder / "surf" / "rh.pial").unlink()


def half_finished(folder):
    (folder / "scripts" / "recon-all.done").unlink()


def killed(folder):
    import socket

    dead = subprocess.Popen(["true"])
    dead.wait()
    text = f"DATE today\nHOST {socket.gethostname()}\nPROCESSID {dead.pid}\n"
    (folder / "scripts" / "IsRunning.lh+rh").write_text(text)


def wrong_annotation(folder):
    write_annotation(folder, "rh", 100)


#: What is done to the subject, and what is said of it.
CASES = {
    "missing": (missing, "files are missing: surf/rh.pial; run recon-all to its end"),
    "half": (half_finished, "recon-all has not finished this subject"),
    "killed": (killed, "recon-all was killed on this subject: process"),
    "counts": (None, "lh.pial: has 2562 vertices, lh.white has 642"),
    "space": (None, "was made from a volume whose center lies 90 mm away from that of mri/orig.mgz"),
    "elsewhere": (None, "its surfaces do not lie on the map"),
    "annot": (wrong_annotation, "rh.PALS_B12_Brodmann.annot: surfaces.atlas: annotates 100 vertices, but rh.white of"),
}
#: Subjects that are made wrong from the start: two counts, orig.mgz of another space, and all of it beside the head.
OPTIONS = {
    "counts": {"pial_level": 4},
    "space": {"centre": CENTRE + (90, 0, 0), "made_from": CENTRE},
    "elsewhere": {"centre": CENTRE + (0, 400, 0)},
}


@pytest.fixture
def subjects(tiny, tmp_path):
    folder = tmp_path / "subjects"
    for name, (damage, _) in {**CASES, "good": (None, "")}.items():
        tiny.add(name, megre=False)
        subject = write_subject(folder / f"sub-{name}", **OPTIONS.get(name, {}))
        if damage is not None:
            damage(subject)
    return folder


@pytest.mark.slow
def test_each_subject_has_its_sentence_and_the_good_one_is_done(harmoniq, tiny, subjects, tmp_path):
    words = ("--fs-subjects-dir", subjects, "--stages", "maps", "surfaces", "regions", "--skip-bids-validation")
    done = harmoniq("run", tiny.root, "out", "participant", *words)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    for name, (_, said) in CASES.items():
        lines = [line for line in done.stderr.splitlines() if line.startswith(f"error: sub-{name}: ")]
        assert len(lines) == 1, (name, done.stderr)
        assert said in lines[0], lines[0]
    assert "error: sub-good" not in done.stderr
    table = tmp_path / "out" / "sub-good" / "sub-good_regions.tsv"
    assert "BA17" in table.read_text()
    assert (tmp_path / "out" / "sub-good" / "figures" / "sub-good_desc-R1cortex.png").is_file()
    assert (tmp_path / "out" / "sub-half" / "anat" / "sub-half_R1map.nii.gz").is_file(), (
        "its maps are made all the same"
    )


def test_freesurfer_that_cannot_be_used(harmoniq, tiny, tmp_path):
    """Asked for by name and without its license: refused before anything starts; with auto a note says why."""
    tiny.add("01", megre=False)
    home = tmp_path / "freesurfer"
    (home / "bin").mkdir(parents=True)
    for name in ("recon-all", "mri_convert", "mri_surf2surf"):
        (home / "bin" / name).write_text("#!/bin/sh\n")
        (home / "bin" / name).chmod(stat.S_IRWXU)
    (home / "build-stamp.txt").write_text("freesurfer-Linux-centos6_x86_64-stable-pub-v6.0.0-2beb96c\n")
    words = ("run", tiny.root, "out", "participant", "--skip-bids-validation", "--dry-run")
    env = {"FREESURFER_HOME": str(home), "FS_LICENSE": ""}
    done = harmoniq(*words, "--surface-engine", "freesurfer", env=env)
    assert done.returncode == 2, done.stderr
    assert "FreeSurfer cannot be used: " in done.stderr
    assert "no license file" in done.stderr
    done = harmoniq(*words, env=env)
    assert done.returncode == 0, done.stderr
    assert "no reference engine: FreeSurfer cannot be used" in done.stdout
    done = harmoniq(*words, "--fs-license-file", tmp_path / "nowhere.txt", env=env)
    assert done.returncode == 2
    assert "nowhere.txt: --fs-license-file: file not found" in done.stderr
    assert not (tmp_path / "out").exists()


def test_atlas_that_is_not_there(harmoniq, tiny, tmp_path):
    tiny.add("01", megre=False)
    write_subject(tmp_path / "subjects" / "sub-01")
    config = tmp_path / "study.toml"
    words = ("run", tiny.root, "out", "participant", "--fs-subjects-dir", tmp_path / "subjects", "--config", config)
    options = ("--stages", "maps", "surfaces", "regions", "--skip-bids-validation")
    config.write_text('[surfaces]\natlas = "?h.nowhere.annot"\n')
    done = harmoniq(*words, *options)
    assert done.returncode == 2, done.stderr
    assert "surfaces.atlas = ?h.nowhere.annot: the atlas was not found" in done.stderr
    config.write_text('[surfaces]\ndepths = ["0.25"]\n')
    done = harmoniq(*words, *options)
    assert done.returncode == 2, done.stderr
    assert "surfaces.depths = 0.25: is not a depth" in done.stderr

"""A small FreeSurfer subject on a subdivided sphere, and oblique volumes."""

import nibabel as nib
import numpy as np
import pytest

from harmoniq.surface.icosphere import icosphere

#: orig.mgz of FreeSurfer: 256 voxels of 1 mm, conformed, here with its centre off the scanner's origin.
ORIG = np.array([[-1.0, 0, 0, 131.5], [0, 0, 1.0, -110.25], [0, -1.0, 0, 140.75], [0, 0, 0, 1.0]])


@pytest.fixture(scope="session")
def orig_mgz(tmp_path_factory):
    path = tmp_path_factory.mktemp("orig") / "orig.mgz"
    nib.save(nib.MGHImage(np.zeros((256, 256, 256), np.uint8), ORIG), path)
    return path.read_bytes()


@pytest.fixture
def make_subject(tmp_path, orig_mgz):
    def make(name="sub-01", level=3):
        folder = tmp_path / name
        for part in ("surf", "mri", "label", "scripts"):
            (folder / part).mkdir(parents=True)
        sphere, faces = icosphere(level)
        rng = np.random.default_rng(3)
        (folder / "mri" / "orig.mgz").write_bytes(orig_mgz)
        for hemi, x in (("lh", -30.0), ("rh", 30.0)):
            white = sphere * (0.3, 0.6, 0.5) + (x, 0, 0) + rng.normal(0, 0.4, sphere.shape)
            thickness = rng.uniform(1.5, 4, len(sphere)).astype(np.float32)
            pial = white + thickness[:, None] * sphere / 100
            for file, points in (("white", white), ("pial", pial), ("sphere.reg", sphere)):
                nib.freesurfer.write_geometry(folder / "surf" / f"{hemi}.{file}", points, faces)
            nib.freesurfer.write_morph_data(folder / "surf" / f"{hemi}.thickness", thickness, len(faces))
            lines = "\n".join(f"{i} 0 0 0 0" for i in range(0, len(sphere), 2))
            (folder / "label" / f"{hemi}.cortex.label").write_text(
                f"#!ascii label\n{(len(sphere) + 1) // 2}\n{lines}\n"
            )
        (folder / "scripts" / "recon-all.done").write_text("------\nSUBJECT sub-01\n")
        (folder / "scripts" / "build-stamp.txt").write_text("freesurfer-linux-7.3.2-20220804\n")
        return folder

    return make

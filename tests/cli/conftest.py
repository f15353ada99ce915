"""Datasets for the command line's tests: tiny ones made here, and a simulated one shared by all test processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

MP2RAGE = {
    "RepetitionTimePreparation": 6.0, "RepetitionTimeExcitation": 0.0069, "NumberShots": [88, 88],
    "MagneticFieldStrength": 3,
}  # fmt: skip
TIMES = (0.006, 0.010, 0.014, 0.018)
SHAPE = (24, 28, 20)


def write_image(path, data, *, dtype=np.int16, slope=None, affine=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(np.asarray(data).astype(dtype), np.diag([4.0, 4, 4, 1]) if affine is None else affine)
    if slope is not None:
        image.header.set_slope_inter(slope, 0)
        image = nib.Nifti1Image(np.asarray(data, dtype=np.float64), image.affine, image.header)
        image.set_data_dtype(dtype)
    nib.save(image, path)


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


class Tiny:
    """A dataset of blobs, just large enough to be fitted."""

    def __init__(self, root: Path):
        self.root = root
        write_json(root / "dataset_description.json", {"Name": "tiny", "BIDSVersion": "1.10.0"})
        self.people = []

    def participants(self):
        lines = ["participant_id\tsite\tgroup\tage\tsex"] + [f"sub-{p}\tsite1\tHC\t30\tF" for p in self.people]
        (self.root / "participants.tsv").write_text("\n".join(lines) + "\n")

    @staticmethod
    def blob():
        x, y, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij")
        return x**2 + y**2 + (1.2 * z) ** 2 + 0.3 * x * y + 0.1 * z < 0.6, x, y

    def add(self, label, session=None, *, mp2rage=True, megre=True, extension=".nii.gz", part="_part-mag", slope=None):
        if label not in self.people:
            self.people.append(label)
            self.participants()
        folder = self.root / f"sub-{label}" / (f"ses-{session}" if session else "") / "anat"
        stem = f"sub-{label}" + (f"_ses-{session}" if session else "")
        head, x, y = self.blob()
        if mp2rage:
            uni = np.where(head, 2800 + 400 * x + 200 * y, 2048)
            write_image(folder / f"{stem}_UNIT1{extension}", uni, slope=slope)
            for inversion, ti in ((1, 0.7), (2, 2.4)):
                name = f"{stem}_inv-{inversion}{part}_MP2RAGE"
                write_image(folder / f"{name}{extension}", np.where(head, 500 + 200 * inversion * x, 3), slope=slope)
                write_json(folder / f"{name}.json", {**MP2RAGE, "InversionTime": ti, "FlipAngle": 6.0})
            write_json(folder / f"{stem}_UNIT1.json", MP2RAGE)
        if megre:
            for echo, te in enumerate(TIMES, start=1):
                name = f"{stem}_echo-{echo}{part}_MEGRE"
                signal = np.where(head, (1000 + 300 * x) * np.exp(-(20 + 5 * y) * te), 2)
                write_image(folder / f"{name}{extension}", np.round(signal), slope=slope)
                write_json(folder / f"{name}.json", {"EchoTime": te, "MagneticFieldStrength": 3})
        return folder

    def edit(self, pattern, **changes):
        """Change keys of the sidecars that fit; None removes a key."""
        found = sorted(self.root.rglob(pattern))
        assert found, pattern
        for path in found:
            content = json.loads(path.read_text()) | changes
            path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
        return found[0]


@pytest.fixture
def tiny(tmp_path):
    return Tiny(tmp_path / "bids")


def call(*words, cwd, timeout=900, env=None):
    """Run harmoniq as a user does, outside the repository; return code, stdout, stderr."""
    command = [sys.executable, "-P", "-m", "harmoniq", *map(str, words)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=timeout,
        check=False,
        env={**os.environ, **(env or {})},
    )
    return done


@pytest.fixture(scope="session")
def run_at():
    """Run harmoniq in a folder that is named."""
    return call


@pytest.fixture
def harmoniq(tmp_path):
    def run(*words, **options):
        return call(*words, cwd=tmp_path, **options)

    return run

"""The metrics of one session, out of its images, derivatives and sidecars; what is absent has no metric."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harmoniq.data.errors import InputError
from harmoniq.data.files import read_json, write_json
from harmoniq.data.images import Image, load_image
from harmoniq.data.names import METRICS
from harmoniq.data.tables import read_tsv
from harmoniq.report.qc.surfaces import surface_metrics
from harmoniq.report.qc.tables import motion_of_sidecar, region_metrics

if TYPE_CHECKING:
    from harmoniq.data.inputs import SessionInputs

Metrics = dict[str, float]

#: Voxels of the brain that stand for all of them.
_VOXELS = 50_000


def qc_path(out_dir: Path, label: str) -> Path:
    """Return the path of a session's metrics.

    Parameters
    ----------
    out_dir : Path
        Root of the derivatives.
    label : str
        ``sub-X`` or ``sub-X_ses-Y``.

    Returns
    -------
    Path
        ``sub-X[/ses-Y]/sub-X[_ses-Y]_qc.json``.
    """
    return out_dir.joinpath(*label.split("_")) / f"{label}_qc.json"


def write_session_metrics(out_dir: Path, inputs: "SessionInputs") -> Path:
    """Measure a session and write ``sub-X[_ses-Y]_qc.json``.

    Parameters
    ----------
    out_dir : path
        Root of the derivatives.
    inputs : SessionInputs
        What the session has.

    Returns
    -------
    path
        The file that was written.
    """
    metrics, where, notes = session_metrics(out_dir, inputs)
    return write_json(qc_path(out_dir, inputs.label), {
        "participant_id": f"sub-{inputs.participant}",
        "session_id": f"ses-{inputs.session}" if inputs.session else "n/a",
        "metrics": {name: float(f"{value:.6g}") for name, value in metrics.items() if np.isfinite(value)},
        "where": where,
        "notes": notes,
    })  # fmt: skip


def session_metrics(out_dir: Path, inputs: "SessionInputs") -> tuple[Metrics, dict[str, str], list[str]]:
    """Measure a session.

    Nothing here fails: a file that cannot be used is a note, since bad sessions are what quality control is for.

    Parameters
    ----------
    out_dir : Path
        Root of the derivatives.
    inputs : SessionInputs
        What the session has.

    Returns
    -------
    dict
        Name of a metric to its value.
    dict of str to str
        Metric to the region or bundle of its extreme value.
    list of str
        What could not be measured, and why.
    """
    session = _Session(out_dir, inputs)
    parts: tuple[Callable[[], Metrics], ...] = (
        session.noise, session.registration, session.motion, session.b1, session.maps, session.surfaces,
        session.regions,
    )  # fmt: skip
    metrics: Metrics = {}
    for part in parts:
        try:
            metrics |= part()
        except (InputError, OSError, ValueError, KeyError, TypeError) as error:
            session.notes.append(f"{part.__name__}: {error}")
    return metrics, session.where, session.notes


class _Session:
    """What of a session is read more than once."""

    def __init__(self, out_dir: Path, inputs: "SessionInputs") -> None:
        self.folder, self.inputs = out_dir.joinpath(*inputs.label.split("_")), inputs
        self.label, self.out_dir = inputs.label, out_dir
        self.where: dict[str, str] = {}
        self.notes: list[str] = []
        path = self.path("anat", "desc-brain_mask.nii.gz")
        self.points = _points(path) if path.is_file() else np.empty((0, 3))

    def path(self, folder: str, name: str) -> Path:
        return self.folder / folder / f"{self.label}_{name}"

    def noise(self) -> Metrics:
        """Signal in the brain over the noise, of the images that the maps are made of."""
        found: Metrics = {}
        mp2rage, megre = self.inputs.mp2rage, self.inputs.megre
        if mp2rage is not None and mp2rage.inv2 is not None:
            found |= _snr("snr_mp2rage", mp2rage.inv2, self.points)
        if megre is not None:
            found |= _snr("snr_megre", megre.magnitudes[0], self._points_in_megre())
        return found

    def _points_in_megre(self) -> NDArray[np.float64]:
        from harmoniq.registration.itk import read_itk

        path = self.path("anat", "from-MEGRE_to-UNIT1_mode-image_xfm.txt")
        return _moved(self.points, read_itk(path)) if path.is_file() else self.points

    def registration(self) -> Metrics:
        path = self.path("anat", "from-MEGRE_to-UNIT1_mode-image_xfm.json")
        facts = read_json(path) if path.is_file() else {}
        keys = {"registration_cost": "RegistrationCost", "head_motion_mm": "MotionMillimeters"}
        return {name: float(facts[key]) for name, key in keys.items() if key in facts}

    def motion(self) -> Metrics:
        return motion_of_sidecar(self.folder / "dwi", self.label, [dwi.image for dwi in self.inputs.dwi])

    def b1(self) -> Metrics:
        path = self.path("fmap", "space-UNIT1_TB1map.nii.gz")
        if not path.is_file() or not len(self.points):
            return {}
        values = _sampled(load_image(path, ndim=3), self.points)
        values = values[values > 0]
        if values.size == 0:
            return {}
        low, middle, high = np.percentile(values, [5, 50, 95])
        return {"b1_median": float(middle), "b1_p05": float(low), "b1_p95": float(high)}

    def maps(self) -> Metrics:
        found: Metrics = {}
        for metric in METRICS:
            path = self.path("anat", f"{metric}map.nii.gz")
            if path.is_file():
                points = self.points if metric == "R1" else self._points_in_megre()
                values = _sampled(load_image(path, ndim=3, finite=False), points)
                values = values[np.isfinite(values) & (values > 0)]
                found |= {f"{metric}_brain": float(np.median(values))} if values.size else {}
        path = self.path("anat", "desc-R1outside_mask.nii.gz")
        if path.is_file() and len(self.points):
            outside = _sampled(load_image(path, ndim=3), self.points) > 0
            found["r1_outside_percent"] = 100 * float(outside.mean())
        return found

    def surfaces(self) -> Metrics:
        quality = self.path("anat", "desc-quality_surfaces.json")
        built = self.out_dir / "sourcedata" / "freesurfer" / self.label
        subject = self.inputs.freesurfer or (built if built.is_dir() else None)
        return surface_metrics(subject, read_json(quality) if quality.is_file() else None)

    def regions(self) -> Metrics:
        path = self.folder / f"{self.label}_regions.tsv"
        if not path.is_file():
            return {}
        profiles = [read_tsv(table) for table in sorted((self.folder / "dwi").glob("*_profiles.tsv"))]
        metrics, where = region_metrics(read_tsv(path), pd.concat(profiles) if profiles else None)
        self.where |= where
        return metrics


def _snr(name: str, path: Path, points: NDArray[np.float64]) -> Metrics:
    """Return the median signal in the brain over the noise of the magnitude image."""
    from harmoniq.r2star.noise import estimate_noise
    from harmoniq.registration.mask import brain_mask

    image = load_image(path, ndim=3)
    if not len(points):  # without MP2RAGE there is no mask: a rough one of this image
        mask = brain_mask(image.data, image.voxel_sizes)
        values: Any = image.data[mask]
    else:
        values = _sampled(image, points)
    values = values[np.isfinite(values) & (values > 0)]
    return {name: float(np.median(values)) / estimate_noise(image.data)} if values.size else {}


def _points(mask_path: Path) -> NDArray[np.float64]:
    """Return points of a mask in RAS mm, evenly thinned out, shape (n, 3)."""
    mask = load_image(mask_path, ndim=3)
    voxels = np.argwhere(mask.data > 0)
    voxels = voxels[:: max(1, len(voxels) // _VOXELS)]
    return _moved(voxels.astype(float), mask.affine)


def _moved(points: NDArray[np.float64], matrix: NDArray) -> NDArray[np.float64]:
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def _sampled(image: Image, points: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the values of the voxels that hold the points; points outside the image are left out."""
    voxels = np.rint(_moved(points, np.linalg.inv(image.affine))).astype(int)
    inside = np.all((voxels >= 0) & (voxels < image.shape[:3]), axis=1)
    i, j, k = voxels[inside].T
    return image.data[i, j, k]

"""Simulate one participant: everything into a folder of its own first, then, whole, to its final names."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.errors import InputError
from harmoniq.simulation.bids import FREESURFER_DIR, LESIONS_DIR, MAPS_DIR, TRACTOGRAMS_DIR
from harmoniq.simulation.cohort_acquire import (
    acquire_b1,
    acquire_dwi,
    acquire_megre,
    acquire_mp2rage,
    acquire_sa2rage,
)
from harmoniq.simulation.cohort_head import Head, make_head
from harmoniq.simulation.plan import SimulationPlan
from harmoniq.simulation.protocol import SiteProtocol
from harmoniq.simulation.template import Template, load_template

#: Before the name of what is not whole yet.
STAGING = ".staging-"


@dataclass(frozen=True)
class ParticipantJob:
    """What a worker needs to simulate one participant.

    Parameters
    ----------
    label : str
        With its ``sub-``.
    plan : SimulationPlan
        Of the whole dataset.
    protocol : SiteProtocol
        Of the participant's site.
    patient, megre : bool
        Whether there are lesions, and whether multi-echo GRE is measured.
    values : mapping
        As `harmoniq.simulation.truth.tissue_arrays` makes it.
    atlas_labels : mapping
        'L' and 'R' to the Brodmann number of each vertex of fsaverage5.
    atlas_folder : Path
        Where the atlas was found.
    cache_dir : Path, optional
        Where the template is; default: the user's cache.
    """

    label: str
    plan: SimulationPlan
    protocol: SiteProtocol
    patient: bool
    megre: bool
    values: Mapping[tuple[str, str], NDArray[np.float64]]
    atlas_labels: Mapping[str, NDArray[np.int16]]
    atlas_folder: Path
    cache_dir: Path | None = None


def simulate_participant(job: ParticipantJob) -> str:
    """Write one participant's data, whole or not at all.

    Parameters
    ----------
    job : ParticipantJob
        Who, and what of them.

    Returns
    -------
    str
        The participant's label.

    Raises
    ------
    InputError
        When the disk is full or the folder cannot be written.
    """
    out = job.plan.out
    staging = out / f"{STAGING}{job.label}"
    shutil.rmtree(staging, ignore_errors=True)
    try:
        staging.mkdir(parents=True)
        head = make_head(
            job.label, _template(_Labels(job.atlas_labels), job.cache_dir), job.protocol, job.values,
            patient=job.patient, b1_inhomogeneity=job.plan.b1_inhomogeneity, seed=job.plan.seed,
            lesions=job.plan.lesions,
        )  # fmt: skip
        _acquire(head, job, staging)
        _derive(head, job, staging)
        _publish(staging, out, job.label)
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror or error})", file=error.filename or out / job.label,
            remedy="check the disk's space and the folder's permissions; the same command goes on where it stopped",
        ) from error  # fmt: skip
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return job.label


def _acquire(head: Head, job: ParticipantJob, root: Path) -> None:
    wanted, site = job.plan.modalities, job.protocol
    acquire_mp2rage(head, site, root, flair="flair" in wanted)
    if job.megre and site.megre is not None:
        acquire_megre(head, site, root)
    if "b1" in wanted:
        acquire_b1(head, site, root)
    if "sa2rage" in wanted:
        acquire_sa2rage(head, site, root)
    if "dwi" in wanted and site.dwi is not None:
        acquire_dwi(head, site, root)


def _derive(head: Head, job: ParticipantJob, root: Path) -> None:
    plan = job.plan
    if plan.freesurfer:
        from harmoniq.simulation.freesurfer import write_freesurfer_subject

        # Real parcels where the atlas's folder is fsaverage's own, coarse lobes elsewhere.
        real = all((job.atlas_folder / f"{side}.aparc.annot").is_file() for side in ("lh", "rh"))
        folder = job.atlas_folder if real else None
        write_freesurfer_subject(head.anatomy, root / FREESURFER_DIR, head.label, fsaverage_label_dir=folder)
    if plan.tractograms:
        from harmoniq.simulation.tractograms import write_tractograms

        label = head.label.removeprefix("sub-")
        write_tractograms(head.anatomy, root / TRACTOGRAMS_DIR, label, rng=head.generator("streamlines"))


def _publish(staging: Path, out: Path, label: str) -> None:
    """Move everything to its final name, the raw data last: where they are, everything is."""
    for file in sorted((staging / MAPS_DIR).iterdir()):
        (out / MAPS_DIR).mkdir(parents=True, exist_ok=True)
        file.replace(out / MAPS_DIR / file.name)
    for folder in (LESIONS_DIR, FREESURFER_DIR, TRACTOGRAMS_DIR, Path()):
        source, target = staging / folder / label, out / folder / label
        if source.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(target, ignore_errors=True)
            source.rename(target)


class _Labels(dict[str, NDArray[np.int16]]):
    """Labels of vertices that a cache can hold."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(values.tobytes() for values in self.values()))

    def __eq__(self, other: object) -> bool:
        return hash(self) == hash(other)


@lru_cache(maxsize=1)
def _template(labels: _Labels, cache_dir: Path | None) -> Template:
    """Return the template; it is read once in each worker."""
    return load_template(labels, cache_dir)

"""Scan one head sequence by sequence, and write images, sidecars and truth into a folder."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.files import write_json
from harmoniq.diffusion.gradients import Gradients, write_gradients
from harmoniq.registration.itk import write_itk
from harmoniq.simulation import bids_sidecars as sidecars
from harmoniq.simulation.bids import lesion_mask_path, raw_path, truth_map_path
from harmoniq.simulation.bids_nifti import open_nifti, write_nifti
from harmoniq.simulation.cohort_head import Head, sub_voxels
from harmoniq.simulation.noise_receiver import PHASE_STEP
from harmoniq.simulation.protocol import SiteProtocol
from harmoniq.simulation.protocol_grid import Grid

if TYPE_CHECKING:
    from harmoniq.simulation.mp2rage_images import MP2RAGEImages

#: The B1+ map is coarse: this in mm, or twice MP2RAGE's voxels where these are coarse themselves.
_B1_VOXEL_MM = 4.0
#: Percent of the nominal flip angle per stored step, and the map's noise.
_B1_STEP, _B1_NOISE = 0.1, 0.5


def acquire_mp2rage(head: Head, site: SiteProtocol, root: Path, *, flair: bool) -> None:
    """Scan MP2RAGE, and FLAIR in the same grid; write them with the true maps and a patient's lesion mask.

    Parameters
    ----------
    head : Head
        Who is scanned.
    site : SiteProtocol
        Where.
    root : path
        Dataset's folder.
    flair : bool
        Whether to scan FLAIR as well.
    """
    from harmoniq.simulation.flair_images import FLAIRScan
    from harmoniq.simulation.mp2rage_images import MP2RAGEScan

    grid = head.grid("mp2rage", site.mp2rage.voxel_size)
    mp2rage = MP2RAGEScan(site.mp2rage, head.fields, grid, seed=head.noise_seed("mp2rage"))
    lesions = lesion_share(head, grid) if head.anatomy.lesions else None
    bright = None
    if flair:
        bright = FLAIRScan(site.flair, head.fields, grid, seed=head.noise_seed("flair"), lesions=lesions)
    for slab in head.slabs(grid):
        mp2rage.add(slab)
        if bright is not None:
            bright.add(slab)
    images = mp2rage.images
    _write_trains(
        images, grid, lambda number, part: raw_path(root, head.label, "anat", f"inv-{number}_part-{part}_MP2RAGE"),
        lambda number, phase: sidecars.inversion_sidecar(site, number, phase=phase),
    )  # fmt: skip
    write_nifti(raw_path(root, head.label, "anat", "UNIT1.nii.gz"), grid.affine, images.uni)
    write_json(raw_path(root, head.label, "anat", "UNIT1.json"), sidecars.uniform_sidecar(site))
    if bright is not None:
        write_nifti(raw_path(root, head.label, "anat", "FLAIR.nii.gz"), grid.affine, bright.image)
        write_json(raw_path(root, head.label, "anat", "FLAIR.json"), sidecars.flair_sidecar(site))
    for name, truth in (("R1map", images.r1), ("R2starmap", images.r2star)):
        write_nifti(truth_map_path(root, head.label, f"{name}.nii.gz"), grid.affine, truth)
    if lesions is not None:
        _write_lesions(head, lesions, grid, root)


def _write_trains(
    images: "MP2RAGEImages",
    grid: Grid,
    path: Callable[[int, str], Path],
    sidecar: Callable[[int, bool], sidecars.Sidecar],
) -> None:
    """Write magnitude and phase of both trains; `path` takes number and part, and returns a name without ending."""
    for number, magnitude, phase in ((1, images.inv1, images.inv1_phase), (2, images.inv2, images.inv2_phase)):
        for part, volume, slope in (("mag", magnitude, 1.0), ("phase", phase, PHASE_STEP)):
            stem = path(number, part)
            write_nifti(stem.with_name(stem.name + ".nii.gz"), grid.affine, volume, slope=slope)
            write_json(stem.with_name(stem.name + ".json"), sidecar(number, part == "phase"))


def _write_lesions(head: Head, share: NDArray[np.float32], grid: Grid, root: Path) -> None:
    path = lesion_mask_path(root, head.label)
    write_nifti(path, grid.affine, np.ascontiguousarray(share.T >= 0.5).astype(np.uint8))
    content = {
        "Type": "Lesion",
        "Description": "True lesions: voxels of which a lesion fills half or more",
        "Sources": [f"bids:raw:{head.label}/anat/{head.label}_UNIT1.nii.gz"],
        "SpatialReference": f"bids:raw:{head.label}/anat/{head.label}_UNIT1.nii.gz",
    }
    write_json(path.with_name(path.name.replace(".nii.gz", ".json")), content)


def lesion_share(head: Head, grid: Grid) -> NDArray[np.float32]:
    """Compute how much of each voxel lesions fill; only boxes around the lesions are painted.

    Parameters
    ----------
    head : Head
        With its lesions.
    grid : Grid
        In the head's coordinates.

    Returns
    -------
    ndarray of float32, shape (x, y, z)
        From 0 to 1.
    """
    from harmoniq.simulation.rasterize import tissue_fractions

    share = np.zeros(grid.shape, dtype=np.float32)
    to_voxel = np.linalg.inv(grid.affine)
    for lesion in head.anatomy.lesions:
        middle = (to_voxel @ [*lesion.center_subject_mm, 1.0])[:3]
        reach = lesion.radius_mm / grid.voxel_size + 1
        low = np.clip(np.floor(middle - reach), 0, grid.shape).astype(int)
        high = np.clip(np.ceil(middle + reach) + 1, 0, grid.shape).astype(int)
        if (high <= low).any():
            continue
        corner = grid.affine.copy()
        corner[:3, 3] = (grid.affine @ [*low, 1.0])[:3]
        x, y, z = (int(n) for n in high - low)
        box = tissue_fractions(head.anatomy, corner, (x, y, z), sub_voxels(grid))["lesion"]
        share[low[0] : high[0], low[1] : high[1], low[2] : high[2]] = box
    return share


def acquire_megre(head: Head, site: SiteProtocol, root: Path) -> None:
    """Scan the multi-echo GRE after the head has moved; write it and the true motion.

    Parameters
    ----------
    head : Head
        Who is scanned.
    site : SiteProtocol
        Where; it has a multi-echo GRE.
    root : path
        Dataset's folder.
    """
    from harmoniq.simulation.megre_images import MEGREScan

    assert site.megre is not None
    grid = head.moved_grid("megre", site.megre.voxel_size)
    # The header says where the voxels lie in the scanner; the head's own coordinates have moved with the head.
    inside = Grid(np.linalg.inv(head.motion) @ grid.affine, grid.shape)
    scan = MEGREScan(site.megre, head.fields, inside, seed=head.noise_seed("megre"))
    for slab in head.slabs(inside):
        scan.add(slab)
    for n in range(len(site.megre.echo_times)):
        for part, volume, slope in (
            ("mag", scan.images.magnitude[n], 1.0),
            ("phase", scan.images.phase[n], PHASE_STEP),
        ):
            path = raw_path(root, head.label, "anat", f"echo-{n + 1}_part-{part}_MEGRE")
            write_nifti(path.with_name(path.name + ".nii.gz"), grid.affine, volume, slope=slope)
            write_json(path.with_name(path.name + ".json"), sidecars.echo_sidecar(site, n + 1, phase=part == "phase"))
    # Images are resampled from MEGRE to UNIT1 by the motion of points the other way.
    write_itk(head.motion, truth_map_path(root, head.label, "from-MEGRE_to-UNIT1_mode-image_xfm.txt"))


def acquire_b1(head: Head, site: SiteProtocol, root: Path) -> None:
    """Map B1+ coarsely, in percent of the nominal flip angle; 0 outside the head.

    Parameters
    ----------
    head : Head
        Who is scanned.
    site : SiteProtocol
        Where.
    root : path
        Dataset's folder.
    """
    from harmoniq.simulation.fields import sample_fields
    from harmoniq.simulation.rasterize import tissue_fractions

    grid = head.grid("b1", np.maximum(_B1_VOXEL_MM, 2 * np.array(site.mp2rage.voxel_size)), flip_x=True)
    index = np.moveaxis(np.indices(grid.shape), 0, -1)
    points = index @ grid.affine[:3, :3].T + grid.affine[:3, 3]
    percent = 100 * sample_fields(head.fields, points)["transmit"]
    percent += _B1_NOISE * head.generator("b1").standard_normal(percent.shape)
    tissue = tissue_fractions(head.anatomy, grid.affine, grid.shape, 1)["head"] > 0
    steps = np.where(tissue, np.rint(percent / _B1_STEP), 0).astype(np.int16)
    path = raw_path(root, head.label, "fmap", "TB1map.nii.gz")
    write_nifti(path, grid.affine, np.ascontiguousarray(steps.T), slope=_B1_STEP)
    write_json(raw_path(root, head.label, "fmap", "TB1map.json"), sidecars.transmit_sidecar(site, head.label))


def acquire_sa2rage(head: Head, site: SiteProtocol, root: Path) -> None:
    """Scan SA2RAGE, from which B1+ is computed: magnitude and phase of both images.

    Parameters
    ----------
    head : Head
        Who is scanned.
    site : SiteProtocol
        Where.
    root : path
        Dataset's folder.
    """
    from harmoniq.simulation.mp2rage_images import scan_mp2rage

    grid = head.grid("sa2rage", site.sa2rage.voxel_size, flip_x=True)
    images = scan_mp2rage(head.slabs(grid), site.sa2rage, head.fields, grid, seed=head.noise_seed("sa2rage"))

    def path(number: int, part: str) -> Path:
        return raw_path(root, head.label, "fmap", f"flip-{number}_inv-{number}_part-{part}_TB1SRGE")

    _write_trains(
        images, grid, path, lambda number, phase: sidecars.saturation_sidecar(site, number, head.label, phase=phase)
    )


def acquire_dwi(head: Head, site: SiteProtocol, root: Path) -> None:
    """Scan diffusion volume by volume; write the images with FSL's ``bval`` and ``bvec``.

    Parameters
    ----------
    head : Head
        Who is scanned.
    site : SiteProtocol
        Where; it has diffusion.
    root : path
        Dataset's folder.
    """
    from harmoniq.simulation.dwi_directions import fsl_directions, gradient_table
    from harmoniq.simulation.dwi_images import DWIScan
    from harmoniq.simulation.dwi_tissue import diffusion_tissue

    assert site.dwi is not None
    grid = head.grid("dwi", site.dwi.voxel_size, flip_x=True)
    scan = DWIScan(diffusion_tissue(head.anatomy, grid), head.fields, grid, seed=head.noise_seed("dwi"))
    b_values, directions = gradient_table(site.dwi, head.generator("directions"))
    shape = (*grid.shape, len(b_values))
    path = raw_path(root, head.label, "dwi", "dwi.nii.gz")
    with open_nifti(path, grid.affine, shape, np.uint16, repetition_time=site.dwi.repetition_time) as stream:
        for number, (b_value, direction) in enumerate(zip(b_values, directions, strict=True)):
            stream.append(scan.volume(number, b_value, direction))
    table = Gradients(b_values, fsl_directions(directions, grid.affine))
    write_gradients(table, raw_path(root, head.label, "dwi", "dwi"))
    write_json(raw_path(root, head.label, "dwi", "dwi.json"), sidecars.diffusion_sidecar(site, grid.shape[1]))

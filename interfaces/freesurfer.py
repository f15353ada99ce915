"""Nodes of the user's FreeSurfer: reconstruct a subject, and bring fsaverage's annotation to it."""

from pathlib import Path
from typing import Any

from nipype.interfaces.base import Directory, File, OutputMultiObject, TraitedSpec, traits

from harmoniq.interfaces.base import VersionedInputSpec, VersionedInterface, given


class ReconAllInputSpec(VersionedInputSpec):
    """The uniform image without its background, and how recon-all is called."""

    in_file = File(exists=True, mandatory=True, desc="T1-weighted")
    mask = File(exists=True, desc="of the brain, in the image's space")
    pial_file = File(exists=True, desc="T2-weighted or FLAIR, for the pial surface")
    subjects_dir = traits.Str(mandatory=True, desc="made when absent")
    subject = traits.Str(mandatory=True)
    hires = traits.Enum("auto", "on", "off", usedefault=True, desc="at the image's own resolution")
    pial = traits.Enum("T1", "T2", "FLAIR", usedefault=True)
    skull_strip = traits.Enum("mask", "freesurfer", usedefault=True)
    threads = traits.Int(1, usedefault=True, nohash=True)
    license_file = traits.Str("", usedefault=True, nohash=True, desc="default: as FreeSurfer finds it")


class ReconAllOutputSpec(TraitedSpec):
    """The subject."""

    subject_dir = Directory(exists=True)
    surface_files = OutputMultiObject(File(exists=True), desc="its files on which samples depend")


class ReconAll(VersionedInterface):
    """Run recon-all to its end; what an earlier run has done of it is not done again."""

    input_spec, output_spec = ReconAllInputSpec, ReconAllOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.data.images import load_grid
        from harmoniq.surface.freesurfer import find_freesurfer
        from harmoniq.surface.recon_all import ReconOptions, is_submillimeter, reconstruct
        from harmoniq.surface.subject import surface_files

        inputs = self.inputs
        affine = load_grid(inputs.in_file)[1]
        mask, pial_file = given(inputs.mask), given(inputs.pial_file)
        options = ReconOptions(
            hires=inputs.hires == "on" or (inputs.hires == "auto" and is_submillimeter(affine)),
            mask=inputs.skull_strip == "mask" and mask is not None,
            pial=inputs.pial if pial_file is not None else "T1",
            threads=inputs.threads,
        )
        folder = reconstruct(
            find_freesurfer(inputs.license_file or None),
            Path(inputs.subjects_dir),
            inputs.subject,
            image=Path(inputs.in_file),
            options=options,
            mask=mask,
            pial_image=pial_file,
        )
        self._results.update(subject_dir=str(folder), surface_files=surface_files(folder))
        return runtime


class MapAnnotationInputSpec(VersionedInputSpec):
    """A FreeSurfer subject, and fsaverage's annotation."""

    subject_dir = Directory(exists=True, mandatory=True)
    surface_files = traits.List(traits.Str, desc="its files, so that a changed one is noticed")
    license_file = traits.Str("", usedefault=True, nohash=True, desc="default: as FreeSurfer finds it")


class MapAnnotationOutputSpec(TraitedSpec):
    """The subject's annotations."""

    annotations = OutputMultiObject(File(exists=True), desc="lh, rh")


class MapAnnotation(VersionedInterface):
    """Bring PALS-B12 from fsaverage to a subject by FreeSurfer's ``mri_surf2surf``."""

    input_spec, output_spec = MapAnnotationInputSpec, MapAnnotationOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.surface.freesurfer import find_freesurfer
        from harmoniq.surface.surf2surf import map_annotation

        freesurfer = find_freesurfer(self.inputs.license_file or None)
        files = map_annotation(freesurfer, Path(self.inputs.subject_dir), self.output_path(runtime, ""))
        self._results["annotations"] = [str(path) for path in files]
        return runtime

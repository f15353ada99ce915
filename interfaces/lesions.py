"""The node of normal-appearing tissue: a lesion mask on a map's grid, dilated."""

from pathlib import Path
from typing import Any

from nipype.interfaces.base import File, TraitedSpec, traits

from harmoniq.interfaces.base import VersionedInputSpec, VersionedInterface, given


class ExcludeLesionsInputSpec(VersionedInputSpec):
    """A lesion mask in whatever space, and the map from which the lesions are to be taken."""

    in_mask = File(exists=True, mandatory=True, desc="volume with the lesions")
    kind = traits.Enum("mask", "probability", "samseg", usedefault=True, desc="how its values are read")
    space = traits.Enum("MP2RAGE", "MEGRE", "scanner", "reference", usedefault=True, desc="where it lies")
    reference = File(exists=True, desc="with the space reference: the image on whose grid it lies")
    allow_empty = traits.Bool(False, usedefault=True, desc="no lesion at all is a plausible result")
    in_map = File(exists=True, mandatory=True, desc="R1 or R2* map: its grid alone counts")
    map_transform = File(exists=True, desc="from points of MP2RAGE to the map's; identity when absent")
    mask_transform = File(exists=True, desc="from points of MP2RAGE to the mask's; identity when absent")
    brain_mask = File(exists=True, desc="in MP2RAGE space")
    dilation = traits.Float(1.0, usedefault=True, desc="mm")
    threshold = traits.Float(0.5, usedefault=True, desc="of probability maps")


class ExcludeLesionsOutputSpec(TraitedSpec):
    """What is left out of the map, and what was done."""

    mask = File(exists=True, desc="on the map's grid")
    facts = traits.Dict(desc="file, space, lesions, volumes")


class ExcludeLesions(VersionedInterface):
    """Bring a lesion mask to a map's grid by the nearest voxel, and dilate it; the map is not touched."""

    input_spec, output_spec = ExcludeLesionsInputSpec, ExcludeLesionsOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.data.lesions import LesionMask
        from harmoniq.lesions.volumes import write_excluded

        inputs, out = self.inputs, self.output_path(runtime, "excluded.nii.gz")
        source = LesionMask(
            Path(inputs.in_mask), inputs.kind, inputs.space, given(inputs.reference), inputs.allow_empty
        )
        facts = write_excluded(
            source, inputs.in_map, out,
            dilation=inputs.dilation, threshold=inputs.threshold, map_transform=given(inputs.map_transform),
            mask_transform=given(inputs.mask_transform), brain_mask=given(inputs.brain_mask),
        )  # fmt: skip
        self._results.update(mask=str(out), facts=facts)
        return runtime


class SamsegLesionsInputSpec(VersionedInputSpec):
    """Images of one session, and the FreeSurfer that is to segment them."""

    t1 = File(exists=True, mandatory=True, desc="uniform MP2RAGE image, best with its background suppressed")
    flair = File(exists=True, desc="FLAIR in its own space")
    transform = File(exists=True, desc="from points of the T1-weighted image to the FLAIR's")
    license_file = traits.Str("", usedefault=True, desc="FreeSurfer license; default: as FreeSurfer finds it")
    threads = traits.Int(1, usedefault=True)


class SamsegLesionsOutputSpec(TraitedSpec):
    """The segmentation, on the grid of the T1-weighted image."""

    segmentation = File(exists=True, desc="labels; 99 is a lesion")
    engine = traits.Str(desc="FreeSurfer and its version")


class SamsegLesions(VersionedInterface):
    """Segment lesions with SAMSEG; a FreeSurfer that is absent, too old or without a license is said in a sentence."""

    input_spec, output_spec = SamsegLesionsInputSpec, SamsegLesionsOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.lesions.samseg import find_samseg, segment_lesions
        from harmoniq.registration.resample import resample_image

        inputs = self.inputs
        samseg = find_samseg(inputs.license_file or None)
        flair = given(inputs.flair)
        if flair is not None:
            moved = self.output_path(runtime, "flair.nii.gz")
            flair = resample_image(flair, inputs.t1, moved, transform=given(inputs.transform))
        out = segment_lesions(
            samseg, Path(inputs.t1), flair, self.output_path(runtime, "samseg"), threads=inputs.threads
        )
        self._results.update(segmentation=str(out), engine=f"samseg, freesurfer {samseg.version}")
        return runtime


class LesionFigureInputSpec(VersionedInputSpec):
    """A map, and what lesions make unusable of it."""

    in_map = File(exists=True, mandatory=True)
    lesions = File(exists=True, mandatory=True, desc="mask on the map's grid")
    brain_mask = File(exists=True, mandatory=True, desc="on the map's grid")
    metric = traits.Enum("R1", "R2star", usedefault=True)
    title = traits.Str(mandatory=True)


class LesionFigureOutputSpec(TraitedSpec):
    """A picture."""

    figure = File(exists=True, desc="PNG")


class LesionFigure(VersionedInterface):
    """Draw the outlines of what is left out over the map."""

    input_spec, output_spec = LesionFigureInputSpec, LesionFigureOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.report.lesions import draw_lesions

        inputs, out = self.inputs, self.output_path(runtime, "lesions.png")
        draw_lesions(inputs.in_map, inputs.lesions, inputs.brain_mask, out, metric=inputs.metric, title=inputs.title)
        self._results["figure"] = str(out)
        return runtime

"""Nodes of the embedded surface engine on volumes: each runs one stage, ANTs and cat-surf in their own process."""

from pathlib import Path
from typing import Any

from nipype.interfaces.base import File, TraitedSpec, traits

from harmoniq.interfaces.base import VersionedInputSpec, VersionedInterface, given


class FactsOutputSpec(TraitedSpec):
    """What a stage says of its result."""

    facts = traits.Dict(desc="for the quality figures")


class FindBrainInputSpec(VersionedInputSpec):
    """An image of the whole head."""

    in_file = File(exists=True, mandatory=True, desc="T1-weighted")
    rough_mask = File(exists=True, desc="voxels outside are set to 0 first: for images whose air is noise")
    seed = traits.Int(0, usedefault=True)


class FindBrainOutputSpec(FactsOutputSpec):
    """The brain."""

    head = File(exists=True, desc="the image that later stages take")
    mask = File(exists=True)


class FindBrain(VersionedInterface):
    """Find the brain by ROBEX."""

    input_spec, output_spec = FindBrainInputSpec, FindBrainOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.surface.reconstruction.brain import calm_head, write_brain

        head, out = self.output_path(runtime, "head.nii"), self.output_path(runtime, "brain_mask.nii")
        calm_head(self.inputs.in_file, head, rough_mask=given(self.inputs.rough_mask))
        volume = write_brain(head, out, seed=self.inputs.seed)
        self._results.update(head=str(head), mask=str(out), facts={"brain_ml": round(volume, 1)})
        return runtime


class PrepareBrainInputSpec(VersionedInputSpec):
    """The head and its brain."""

    in_file = File(exists=True, mandatory=True)
    mask = File(exists=True, mandatory=True)


class PrepareBrainOutputSpec(FactsOutputSpec):
    """The brain's box, RAS, without bias field and noise."""

    corrected = File(exists=True)
    mask = File(exists=True)


class PrepareBrain(VersionedInterface):
    """Crop, correct the bias field (N4) and denoise."""

    input_spec, output_spec = PrepareBrainInputSpec, PrepareBrainOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.surface.reconstruction.process import run_stage

        folder = Path(runtime.cwd)
        biased, out, mask = (folder / name for name in ("n4.nii", "corrected.nii", "mask.nii"))
        run_stage(
            "bias", folder, in_file=self.inputs.in_file, mask_file=self.inputs.mask, out_file=biased, out_mask=mask
        )
        facts = run_stage("denoise", folder, in_file=biased, out_file=out)
        self._results.update(corrected=str(out), mask=str(mask), facts=facts)
        return runtime


class RegisterTemplateInputSpec(VersionedInputSpec):
    """The prepared brain."""

    corrected = File(exists=True, mandatory=True)
    mask = File(exists=True, mandatory=True)
    seed = traits.Int(0, usedefault=True)


class RegisterTemplateOutputSpec(FactsOutputSpec):
    """The template's segmentation in the subject."""

    aseg = File(exists=True)


class RegisterTemplate(VersionedInterface):
    """Bring fsaverage's segmentation to the subject (ANTs SyN)."""

    input_spec, output_spec = RegisterTemplateInputSpec, RegisterTemplateOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.surface.reconstruction.process import run_stage
        from harmoniq.surface.reconstruction.template import find_template

        template, out = find_template(), self.output_path(runtime, "aseg.nii")
        facts = run_stage(
            "template", Path(runtime.cwd),
            in_file=self.inputs.corrected, mask_file=self.inputs.mask, brain_file=template.brain,
            aseg_file=template.aseg, out_file=out, seed=self.inputs.seed,
        )  # fmt: skip
        self._results.update(aseg=str(out), facts=facts)
        return runtime


class SegmentTissuesInputSpec(VersionedInputSpec):
    """The prepared brain."""

    corrected = File(exists=True, mandatory=True)
    mask = File(exists=True, mandatory=True)


class SegmentTissuesOutputSpec(FactsOutputSpec):
    """Tissue classes."""

    tissues = File(exists=True)


class SegmentTissues(VersionedInterface):
    """Divide the brain into fluid, gray and white matter (ANTs Atropos)."""

    input_spec, output_spec = SegmentTissuesInputSpec, SegmentTissuesOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.surface.reconstruction.process import run_stage

        out = self.output_path(runtime, "tissues.nii")
        facts = run_stage(
            "tissues", Path(runtime.cwd), in_file=self.inputs.corrected, mask_file=self.inputs.mask, out_file=out
        )
        self._results.update(tissues=str(out), facts=facts)
        return runtime


class LabelHemispheresInputSpec(VersionedInputSpec):
    """The prepared brain, its classes and the template's segmentation."""

    corrected = File(exists=True, mandatory=True)
    mask = File(exists=True, mandatory=True)
    tissues = File(exists=True, mandatory=True)
    aseg = File(exists=True, mandatory=True)


class LabelHemispheresOutputSpec(FactsOutputSpec):
    """Partial-volume labels on the fine grid."""

    lh = File(exists=True)
    rh = File(exists=True)


class LabelHemispheres(VersionedInterface):
    """Make the label of each hemisphere, ventricles and deep nuclei filled."""

    input_spec, output_spec = LabelHemispheresInputSpec, LabelHemispheresOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.surface.reconstruction.labels import write_hemisphere_labels

        inputs, folder = self.inputs, Path(runtime.cwd)
        facts = write_hemisphere_labels(inputs.corrected, inputs.mask, inputs.tissues, inputs.aseg, folder)
        labels = {hemisphere: str(folder / f"{hemisphere}_label.nii") for hemisphere in ("lh", "rh")}
        self._results.update(**labels, facts=facts)
        return runtime

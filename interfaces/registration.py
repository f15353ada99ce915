"""Nodes that relate spaces: a rough brain mask, and the rigid transform from ME-GRE to MP2RAGE."""

import sys
from typing import Any

from nipype.interfaces.base import File, TraitedSpec, traits

from harmoniq.data.errors import InputError
from harmoniq.interfaces.base import VersionedInputSpec, VersionedInterface, given


class BrainMaskInputSpec(VersionedInputSpec):
    """An anatomical image, and FreeSurfer's mask where there is one."""

    in_file = File(exists=True, mandatory=True, desc="second inversion or uniform image")
    freesurfer_mask = File(exists=True, desc="brainmask.mgz of the participant's FreeSurfer subject")


class BrainMaskOutputSpec(TraitedSpec):
    """The mask on the image's grid."""

    mask = File(exists=True)


class BrainMask(VersionedInterface):
    """Mask the brain: FreeSurfer's mask on the image's grid, or a rough one from the intensities."""

    input_spec, output_spec = BrainMaskInputSpec, BrainMaskOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.registration.volumes import write_brain_mask

        out = self.output_path(runtime, "mask.nii.gz")
        write_brain_mask(self.inputs.in_file, out, freesurfer_mask=given(self.inputs.freesurfer_mask))
        self._results["mask"] = str(out)
        return runtime


class RegisterRigidInputSpec(VersionedInputSpec):
    """A fixed and a moving image of the same head."""

    fixed = File(exists=True, mandatory=True, desc="MP2RAGE image")
    moving = File(exists=True, mandatory=True, desc="first echo's magnitude")
    fixed_mask = File(exists=True, desc="where the metric is evaluated")
    required = traits.Bool(True, usedefault=True, desc="fail when the images cannot be registered, or only say so")
    seed = traits.Int(0, usedefault=True)


class RegisterRigidOutputSpec(TraitedSpec):
    """The transform, as ITK writes it: it maps points of the fixed space into the moving one."""

    transform = File(exists=True, desc="not set when it is not required and the images cannot be registered")
    metric = traits.Float(desc="mutual information at the end, lower is better")
    facts = traits.Dict(desc="cost and motion, for the sidecar")


class RegisterRigid(VersionedInterface):
    """Register two images of one head rigidly by mutual information."""

    input_spec, output_spec = RegisterRigidInputSpec, RegisterRigidOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.registration.itk import write_itk
        from harmoniq.registration.rigid import register_rigid

        inputs = self.inputs
        try:
            result = register_rigid(
                inputs.fixed, inputs.moving, fixed_mask_path=given(inputs.fixed_mask), seed=inputs.seed
            )
        except InputError as error:
            if inputs.required:
                raise
            print(f"warning: {error}; no transform is written", file=sys.stderr)
            return runtime
        out = self.output_path(runtime, "from-MEGRE_to-UNIT1_xfm.txt")
        write_itk(result.matrix, out)
        facts = {
            "RegistrationCost": round(result.metric, 5),
            "MotionMillimeters": round(result.shift_mm, 3),
            "MotionDegrees": round(result.angle_deg, 3),
        }
        self._results.update(transform=str(out), metric=float(result.metric), facts=facts)
        return runtime

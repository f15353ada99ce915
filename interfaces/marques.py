"""The node of the reference engine of R1: Marques' MP2RAGE scripts in MATLAB or Octave."""

from typing import Any

from nipype.interfaces.base import File, TraitedSpec, isdefined, traits

from harmoniq.interfaces.base import VersionedInterface, given
from harmoniq.interfaces.maps import FitR1InputSpec, timing_of
from harmoniq.interfaces.matlab import ToolboxInputSpec, job_folder, toolbox_arguments

_IMAGES = ("uni", "inv1", "inv2", "inv1_phase", "inv2_phase", "b1_map")


class FitR1MarquesInputSpec(FitR1InputSpec, ToolboxInputSpec):
    """As the native engine, and the toolbox."""


class FitR1MarquesOutputSpec(TraitedSpec):
    """The map, what the scripts could not fit, and what ran."""

    r1_map = File(exists=True, desc="R1, 1/s; 0 where the scripts give no T1")
    outside_fraction = traits.Float(desc="fraction of the voxels to which the scripts gave no T1")
    engine = traits.Str(desc="scripts and interpreter with their versions")


class FitR1Marques(VersionedInterface):
    """Fit R1 with Marques' scripts."""

    input_spec, output_spec = FitR1MarquesInputSpec, FitR1MarquesOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.mp2rage.marques import fit_r1_marques

        inputs = self.inputs
        out = self.output_path(runtime, "r1.nii.gz")
        images: dict[str, Any] = {name: given(getattr(inputs, name)) for name in _IMAGES}
        folder = job_folder(runtime, "marques")
        scale = inputs.b1_scale if isdefined(inputs.b1_scale) else None
        fit = fit_r1_marques(
            out, timing=timing_of(inputs), folder=folder, b1_scale=scale, **images, **toolbox_arguments(inputs)
        )
        self._results.update(
            r1_map=str(out),
            outside_fraction=fit.outside_fraction,
            engine=f"marques {fit.toolbox} ({fit.interpreter})",
        )
        return runtime

"""The node of the reference engine of R1: Marques' MP2RAGE scripts in MATLAB or Octave."""

from typing import Any

from nipype.interfaces.base import File, TraitedSpec, traits

from harmoniq.interfaces.base import VersionedInterface
from harmoniq.interfaces.maps import FitR1InputSpec, r1_arguments
from harmoniq.interfaces.matlab import ToolboxInputSpec, job_folder, toolbox_arguments


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
        folder = job_folder(runtime, "marques")
        fit = fit_r1_marques(out, **r1_arguments(inputs), folder=folder, **toolbox_arguments(inputs))
        self._results.update(
            r1_map=str(out),
            outside_fraction=fit.outside_fraction,
            engine=f"marques {fit.toolbox} ({fit.interpreter})",
        )
        return runtime

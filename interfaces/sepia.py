"""The node of the reference engine of R2*: SEPIA in MATLAB or Octave."""

from typing import Any

from nipype.interfaces.base import File, TraitedSpec, traits

from harmoniq.interfaces.base import VersionedInterface, given
from harmoniq.interfaces.maps import FitR2StarInputSpec
from harmoniq.interfaces.matlab import ToolboxInputSpec, job_folder, toolbox_arguments


class FitR2StarSepiaInputSpec(FitR2StarInputSpec, ToolboxInputSpec):
    """As the native engine, and the toolbox."""

    method = traits.Str("trapezoidal", usedefault=True, desc="trapezoidal, arlo, loglinear or nlls")
    mask = File(exists=True, desc="where to fit; default: everywhere")


class FitR2StarSepiaOutputSpec(TraitedSpec):
    """The maps of the decay, and what ran."""

    r2star_map = File(exists=True, desc="R2*, 1/s; 0 where there is no signal")
    s0_map = File(exists=True, desc="signal at echo time 0, in the image's units")
    engine = traits.Str(desc="SEPIA and interpreter with their versions")
    caveat = traits.Str(desc="what is to be known of the method; empty for trapezoidal")


class FitR2StarSepia(VersionedInterface):
    """Fit the decay over the echoes with SEPIA."""

    input_spec, output_spec = FitR2StarSepiaInputSpec, FitR2StarSepiaOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.r2star.sepia import fit_r2star_sepia

        inputs = self.inputs
        r2star, s0 = (self.output_path(runtime, name) for name in ("r2star.nii.gz", "s0.nii.gz"))
        fit = fit_r2star_sepia(
            inputs.magnitudes,
            inputs.echo_times,
            inputs.method,
            r2star_out=r2star,
            s0_out=s0,
            folder=job_folder(runtime, "sepia"),
            mask=given(inputs.mask),
            **toolbox_arguments(inputs),
        )
        self._results.update(
            r2star_map=str(r2star),
            s0_map=str(s0),
            engine=f"sepia {fit.toolbox} ({fit.interpreter})",
            caveat=fit.caveat,
        )
        return runtime

"""Nodes of the quantitative maps: R1 from MP2RAGE, R2* from multi-echo gradient echo."""

from pathlib import Path
from typing import Any

from nipype.interfaces.base import File, InputMultiObject, TraitedSpec, isdefined, traits

from harmoniq.data.acquisitions import MP2RAGE, MP2RAGETiming
from harmoniq.interfaces.base import VersionedInputSpec, VersionedInterface, given


class TimingInputSpec(VersionedInputSpec):
    """The timing of a sequence of two trains (`harmoniq.data.acquisitions.MP2RAGETiming`)."""

    repetition_time = traits.Float(mandatory=True, desc="s, from preparation to preparation")
    inversion_times = traits.Tuple(traits.Float, traits.Float, mandatory=True, desc="s")
    flip_angles = traits.Tuple(traits.Float, traits.Float, mandatory=True, desc="degrees")
    echo_spacing = traits.Float(mandatory=True, desc="s, from excitation to excitation")
    shots = traits.Tuple(traits.Int, traits.Int, mandatory=True, desc="before and after the k-space center")
    efficiency = traits.Float(mandatory=True, desc="of the inversion pulse")


class FitR1InputSpec(TimingInputSpec):
    """Images and timing of one MP2RAGE acquisition."""

    uni = File(exists=True, desc="uniform image, UNIT1")
    inv1 = File(exists=True, desc="magnitude of the first inversion")
    inv2 = File(exists=True, desc="magnitude of the second inversion")
    inv1_phase = File(exists=True, desc="phase of the first inversion")
    inv2_phase = File(exists=True, desc="phase of the second inversion")
    b1_map = File(exists=True, desc="B1+ map; the nominal flip angles are taken where there is none")
    b1_scale = traits.Float(desc="what nominal reads as in b1_map; recognized when not set")


def timing_of(inputs: Any, source: Any) -> MP2RAGETiming:
    """Read the timing that a node's inputs hold.

    Parameters
    ----------
    inputs : object
        Of a node, by the names of `TimingInputSpec`.
    source : object
        Named in errors.

    Returns
    -------
    MP2RAGETiming
        Checked.

    Raises
    ------
    InputError
        When it is infeasible.
    """
    return MP2RAGETiming(
        inputs.repetition_time,
        inputs.inversion_times,
        inputs.flip_angles,
        inputs.echo_spacing,
        inputs.shots,
        inputs.efficiency,
        source=str(source),
    )


def r1_arguments(inputs: Any) -> dict[str, Any]:
    """Read what every engine of R1 takes: the acquisition, and the transmit field.

    Parameters
    ----------
    inputs : object
        Of a node, by the names of `FitR1InputSpec`.

    Returns
    -------
    dict of str to object
        Keyword arguments of the fits of R1.
    """
    names = ("uni", "inv1", "inv2", "inv1_phase", "inv2_phase")
    images: dict[str, Any] = {name: given(getattr(inputs, name)) for name in names}
    return {
        "acquisition": MP2RAGE(timing_of(inputs, images["uni"] or images["inv1"]), **images),
        "b1_map": given(inputs.b1_map),
        "b1_scale": inputs.b1_scale if isdefined(inputs.b1_scale) else None,
    }


class FitR1OutputSpec(TraitedSpec):
    """The map and what was outside the lookup table's range."""

    r1_map = File(exists=True, desc="R1, 1/s")
    outside_mask = File(exists=True, desc="voxels outside the lookup table's monotonic range")
    outside_fraction = traits.Float(desc="fraction of the voxels outside the monotonic range")


class FitR1(VersionedInterface):
    """Fit R1 by the lookup table of the sequence."""

    input_spec, output_spec = FitR1InputSpec, FitR1OutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.mp2rage.volumes import fit_r1_files

        out, outside = (self.output_path(runtime, name) for name in ("r1.nii.gz", "outside.nii.gz"))
        fraction = fit_r1_files(out, **r1_arguments(self.inputs), outside_out=outside)
        self._results["outside_fraction"] = fraction
        self._results.update(r1_map=str(out), outside_mask=str(outside))
        return runtime


class SuppressBackgroundInputSpec(VersionedInputSpec):
    """The images of one MP2RAGE acquisition."""

    uni = File(exists=True, mandatory=True)
    inv1 = File(exists=True, mandatory=True)
    inv2 = File(exists=True, mandatory=True)


class SuppressBackgroundOutputSpec(TraitedSpec):
    """The uniform image without its noisy background."""

    uni = File(exists=True)


class SuppressBackground(VersionedInterface):
    """Compute the uniform image that skull-stripping and FreeSurfer want (O'Brien et al. 2014)."""

    input_spec, output_spec = SuppressBackgroundInputSpec, SuppressBackgroundOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.mp2rage.volumes import suppress_background_files

        out = self.output_path(runtime, "robust.nii.gz")
        uni, inv1, inv2 = (Path(getattr(self.inputs, name)) for name in ("uni", "inv1", "inv2"))
        suppress_background_files(uni, inv1, inv2, out)
        self._results["uni"] = str(out)
        return runtime


class FitR2StarInputSpec(VersionedInputSpec):
    """Images and echo times of one multi-echo acquisition."""

    magnitudes = InputMultiObject(File(exists=True), mandatory=True, desc="one image per echo")
    echo_times = traits.List(traits.Float, mandatory=True, desc="s")
    method = traits.Str("nlls", usedefault=True, desc="how the decay is fitted")


class FitR2StarFieldInputSpec(FitR2StarInputSpec):
    """With what the correction for field gradients needs."""

    phases = InputMultiObject(File(exists=True), desc="one image per echo; without them nothing is corrected")
    field_correction = traits.Enum("auto", "off", usedefault=True, desc="auto: where there is phase")
    field_axes = traits.List(
        traits.Range(0, 2), value=[0, 1, 2], usedefault=True, desc="voxel axes along which a voxel is a box"
    )


class FitR2StarOutputSpec(TraitedSpec):
    """The maps of the decay; of the field, where there are phases and the correction is not off."""

    r2star_map = File(exists=True, desc="R2*, 1/s")
    s0_map = File(exists=True, desc="signal at echo time 0, in the image's units")
    gradient_map = File(exists=True, desc="size of the main field's gradient, uT/m")
    warning_map = File(exists=True, desc="where the gradient biases R2*: `gradient_report.WARNINGS`")
    field_facts = traits.Dict(desc="for the sidecar: what was corrected, and how large gradients and biases are")


class FitR2Star(VersionedInterface):
    """Fit the decay over the echoes, corrected for gradients of the main field."""

    input_spec, output_spec = FitR2StarFieldInputSpec, FitR2StarOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.r2star.volumes import fit_r2star_files

        inputs = self.inputs
        names = {"r2star_map": "r2star", "s0_map": "s0", "gradient_map": "gradient", "warning_map": "warning"}
        paths = {key: self.output_path(runtime, f"{name}.nii.gz") for key, name in names.items()}
        self._results["field_facts"] = fit_r2star_files(
            inputs.magnitudes,
            inputs.echo_times,
            inputs.method,
            r2star_out=paths["r2star_map"],
            s0_out=paths["s0_map"],
            phases=inputs.phases if isdefined(inputs.phases) else None,
            field_correction=inputs.field_correction,
            field_axes=inputs.field_axes,
            gradient_out=paths["gradient_map"],
            warning_out=paths["warning_map"],
        )
        self._results.update({key: str(path) for key, path in paths.items() if path.is_file()})
        return runtime

"""Nodes along the cortex: sample a map at mid-cortex and below the white surface, per vertex and per area."""

from typing import Any

from nipype.interfaces.base import Directory, File, InputMultiObject, OutputMultiObject, TraitedSpec, traits

from harmoniq.interfaces.base import VersionedInputSpec, VersionedInterface, given


class SampleCortexInputSpec(VersionedInputSpec):
    """A map, a FreeSurfer subject, and how to sample."""

    in_map = File(exists=True, mandatory=True, desc="R1 or R2* map")
    metric = traits.Enum("R1", "R2star", mandatory=True)
    engine = traits.Str(mandatory=True, desc="what made the map and the surfaces")
    subject_dir = Directory(exists=True, mandatory=True, desc="FreeSurfer subject")
    surface_files = InputMultiObject(File(exists=True), desc="its files, so that a changed one is noticed")
    atlas = traits.Str("auto", usedefault=True, desc="PALS-B12: auto, or its folder")
    subjects_dir = traits.Str("", usedefault=True, desc="where fsaverage may lie")
    transform = File(exists=True, desc="from MP2RAGE space to the map's; identity when absent")
    cgm_depth = traits.Enum("projfrac", "midpoint", usedefault=True)
    cgm_fraction = traits.Float(0.5, usedefault=True)
    swm_distance = traits.Float(-0.5, usedefault=True, desc="mm")
    interpolation = traits.Enum("trilinear", "nearest", usedefault=True)
    plausible = traits.Tuple(traits.Float, traits.Float, mandatory=True, desc="1/s")


class SampleCortexOutputSpec(TraitedSpec):
    """Samples at the vertices, and the areas' rows of the regional table."""

    samples = OutputMultiObject(File(exists=True), desc="hemi-L cGM, hemi-L sWM, hemi-R cGM, hemi-R sWM")
    rows = File(exists=True, desc="JSON list of the table's rows")


class SampleCortex(VersionedInterface):
    """Sample a map along both hemispheres and average it per Brodmann area."""

    input_spec, output_spec = SampleCortexInputSpec, SampleCortexOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.regions.cortex import sample_cortex

        inputs = self.inputs
        samples, rows = sample_cortex(
            inputs.in_map,
            inputs.subject_dir,
            metric=inputs.metric,
            engine=inputs.engine,
            atlas=inputs.atlas,
            subjects_dir=inputs.subjects_dir or None,
            transform=given(inputs.transform),
            cgm=(inputs.cgm_depth, inputs.cgm_fraction),
            swm_distance=inputs.swm_distance,
            interpolation=inputs.interpolation,
            plausible=inputs.plausible,
            out_dir=self.output_path(runtime, ""),
        )
        self._results.update(samples=[str(path) for path in samples], rows=str(rows))
        return runtime

"""Nodes along the cortex: label the vertices, and sample a map at depths of the cortex, per vertex and per area."""

from pathlib import Path
from typing import Any

from nipype.interfaces.base import Directory, File, InputMultiObject, OutputMultiObject, TraitedSpec, isdefined, traits

from harmoniq.data.names import HEMISPHERES
from harmoniq.interfaces.base import VersionedInputSpec, VersionedInterface, given


class LabelCortexInputSpec(VersionedInputSpec):
    """A FreeSurfer subject and an atlas."""

    subject_dir = Directory(exists=True, mandatory=True, desc="FreeSurfer subject")
    surface_files = InputMultiObject(File(exists=True), desc="its files, so that a changed one is noticed")
    atlas = traits.Str("auto", usedefault=True, desc="PALS-B12 or another: as the setting surfaces.atlas")
    merged = traits.Bool(False, usedefault=True, desc="read the right BA33 as BA3")
    few = traits.Int(50, usedefault=True, desc="areas with fewer vertices are warned of")
    annotations = InputMultiObject(File(exists=True), desc="PALS-B12 brought to the subject by mri_surf2surf: lh, rh")


class LabelCortexOutputSpec(TraitedSpec):
    """Labels at the vertices, and what is known about them."""

    labels = OutputMultiObject(File(exists=True), desc="GIFTI, left and right")
    facts = File(exists=True, desc="JSON: atlas, regions, share of cortex without a region, notes")


class LabelCortex(VersionedInterface):
    """Give each vertex of a subject its area."""

    input_spec, output_spec = LabelCortexInputSpec, LabelCortexOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.regions.cortex_labels import label_cortex

        inputs = self.inputs
        files = [Path(path) for path in inputs.annotations] if isdefined(inputs.annotations) else []
        labels, facts = label_cortex(
            inputs.subject_dir,
            out_dir=self.output_path(runtime, ""),
            atlas=inputs.atlas,
            merged=inputs.merged,
            few=inputs.few,
            annotations=dict(zip(HEMISPHERES, files, strict=True)) if files else None,
        )
        self._results.update(labels=[str(path) for path in labels], facts=str(facts))
        return runtime


class SampleCortexInputSpec(VersionedInputSpec):
    """A map, a FreeSurfer subject, and how to sample."""

    in_map = File(exists=True, mandatory=True, desc="R1 or R2* map")
    metric = traits.Enum("R1", "R2star", mandatory=True)
    engine = traits.Str(mandatory=True, desc="what made the map and the surfaces")
    subject_dir = Directory(exists=True, mandatory=True, desc="FreeSurfer subject")
    surface_files = InputMultiObject(File(exists=True), desc="its files, so that a changed one is noticed")
    labels = InputMultiObject(File(exists=True), mandatory=True, desc="GIFTI, left and right")
    label_facts = File(exists=True, mandatory=True, desc="JSON beside the labels")
    transform = File(exists=True, desc="from MP2RAGE space to the map's; identity when absent")
    lesions = File(exists=True, desc="mask of what is left out, on the map's grid")
    cgm_depth = traits.Enum("projfrac", "midpoint", usedefault=True)
    cgm_fraction = traits.Float(0.5, usedefault=True)
    swm_distance = traits.Float(-0.5, usedefault=True, desc="mm")
    depths = traits.List(traits.Tuple(traits.Str, traits.Float), desc="further ones: kind and value")
    area_weighted = traits.Bool(False, usedefault=True)
    interpolation = traits.Enum("trilinear", "nearest", usedefault=True)
    plausible = traits.Tuple(traits.Float, traits.Float, mandatory=True, desc="1/s")


class SampleCortexOutputSpec(TraitedSpec):
    """Samples at the vertices, and the areas' rows of the regional table."""

    samples = OutputMultiObject(File(exists=True), desc="hemi-L cGM, hemi-L sWM, hemi-R cGM, hemi-R sWM")
    rows = File(exists=True, desc="JSON list of the table's rows")
    further = OutputMultiObject(File(exists=True), desc="samples at further depths: all of hemi-L, all of hemi-R")
    profile = File(exists=True, desc="the areas' means at all depths, where there are further ones")


class SampleCortex(VersionedInterface):
    """Sample a map along both hemispheres and average it per area."""

    input_spec, output_spec = SampleCortexInputSpec, SampleCortexOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.regions.cortex import sample_cortex

        inputs = self.inputs
        done = sample_cortex(
            inputs.in_map,
            inputs.subject_dir,
            metric=inputs.metric,
            engine=inputs.engine,
            transform=given(inputs.transform),
            labels=dict(zip(HEMISPHERES, map(Path, inputs.labels), strict=True)),
            label_facts=Path(inputs.label_facts),
            lesions=given(inputs.lesions),
            cgm=(inputs.cgm_depth, inputs.cgm_fraction),
            swm_distance=inputs.swm_distance,
            depths=list(inputs.depths or []),
            area_weighted=inputs.area_weighted,
            interpolation=inputs.interpolation,
            plausible=inputs.plausible,
            out_dir=self.output_path(runtime, ""),
        )
        self._results.update(
            samples=[str(path) for path in done.samples],
            rows=str(done.rows),
            further=[str(path) for path in done.further],
        )
        if done.profile is not None:
            self._results["profile"] = str(done.profile)
        return runtime


class ExportSurfacesInputSpec(VersionedInputSpec):
    """A FreeSurfer subject."""

    subject_dir = Directory(exists=True, mandatory=True, desc="FreeSurfer subject")
    surface_files = InputMultiObject(File(exists=True), desc="its files, so that a changed one is noticed")


class ExportSurfacesOutputSpec(TraitedSpec):
    """Its surfaces and thickness as GIFTI."""

    surfaces = OutputMultiObject(File(exists=True), desc="hemi-L white, pial, midthickness, then hemi-R")
    thickness = OutputMultiObject(File(exists=True), desc="hemi-L, hemi-R")


class ExportSurfaces(VersionedInterface):
    """Write a subject's surfaces in scanner space."""

    input_spec, output_spec = ExportSurfacesInputSpec, ExportSurfacesOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.regions.cortex_export import export_surfaces

        surfaces, thickness = export_surfaces(self.inputs.subject_dir, self.output_path(runtime, ""))
        self._results.update(surfaces=[str(path) for path in surfaces], thickness=[str(path) for path in thickness])
        return runtime


class MapFsaverageInputSpec(ExportSurfacesInputSpec):
    """Samples at a subject's vertices."""

    samples = InputMultiObject(File(exists=True), mandatory=True, desc="hemi-L cGM, sWM, hemi-R cGM, sWM")
    further = InputMultiObject(File(exists=True), desc="at further depths: all of hemi-L, all of hemi-R")
    level = traits.Range(5, 7, value=7, usedefault=True, desc="of fsaverage: 7 has 163,842 vertices")
    names = traits.List(traits.Str, mandatory=True, desc="cGM, sWM, and the further depths")


class MapFsaverageOutputSpec(TraitedSpec):
    """The samples at fsaverage's vertices."""

    shapes = OutputMultiObject(File(exists=True), desc="all of hemi-L, then all of hemi-R")
    dscalar = File(exists=True, desc="CIFTI, both hemispheres, a map per name")


class MapFsaverage(VersionedInterface):
    """Bring samples to fsaverage."""

    input_spec, output_spec = MapFsaverageInputSpec, MapFsaverageOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.regions.cortex_export import map_to_fsaverage

        inputs, by_side = self.inputs, {}
        for place, side in enumerate(HEMISPHERES):
            both = [list(map(Path, part)) for part in (inputs.samples, inputs.further or [])]
            by_side[side] = [path for part in both for path in part[place * len(part) // 2 :][: len(part) // 2]]
        shapes, dscalar = map_to_fsaverage(
            by_side, list(inputs.names), inputs.subject_dir, self.output_path(runtime, ""), level=inputs.level
        )
        self._results.update(shapes=[str(path) for path in shapes], dscalar=str(dscalar))
        return runtime

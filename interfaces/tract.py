"""Nodes along the bundles: sample a map and average the central part, and set two engines' profiles side by side."""

from pathlib import Path
from typing import Any

from nipype.interfaces.base import File, InputMultiObject, TraitedSpec, traits

from harmoniq.interfaces.base import VersionedInputSpec, VersionedInterface, given


class SampleBundlesInputSpec(VersionedInputSpec):
    """A map, the bundles' tractograms, and how to sample."""

    in_map = File(exists=True, mandatory=True, desc="R1 or R2* map")
    metric = traits.Enum("R1", "R2star", mandatory=True)
    engine = traits.Str(mandatory=True, desc="what made the map and the bundles")
    names = traits.List(traits.Str, mandatory=True, desc="bundles, in the contract's names")
    tractograms = InputMultiObject(File(exists=True), mandatory=True, desc="one per bundle")
    reference = File(exists=True, desc="MP2RAGE image, in whose field of view the bundles should lie")
    placement = File(exists=True, desc="from points of the bundles to MP2RAGE's; identity when absent")
    transform = File(exists=True, desc="from MP2RAGE space to the map's; identity when absent")
    lesions = File(exists=True, desc="mask of what is left out, on the map's grid")
    nodes = traits.Int(100, usedefault=True)
    central = traits.Float(0.7, usedefault=True)
    plausible = traits.Tuple(traits.Float, traits.Float, mandatory=True, desc="1/s")
    scilpy = traits.List(traits.Str, desc="a Scilpy's fields, where SCILPY makes the profiles")


class SampleBundlesOutputSpec(TraitedSpec):
    """Profiles per node, and the bundles' rows of the regional table."""

    profiles = File(exists=True)
    rows = File(exists=True)


class SampleBundles(VersionedInterface):
    """Sample a map along bundles (100 nodes, Gaussian weights) and average the central part."""

    input_spec, output_spec = SampleBundlesInputSpec, SampleBundlesOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.regions.bundles import sample_bundles
        from harmoniq.tract.scilpy import Scilpy

        inputs = self.inputs
        folder, version = inputs.scilpy or ("", "")
        profiles, rows = sample_bundles(
            inputs.in_map,
            dict(zip(inputs.names, inputs.tractograms, strict=True)),
            metric=inputs.metric,
            engine=inputs.engine,
            reference=given(inputs.reference),
            transform=given(inputs.transform),
            placement=given(inputs.placement),
            lesions=given(inputs.lesions),
            nodes=inputs.nodes,
            central=inputs.central,
            plausible=inputs.plausible,
            scilpy=Scilpy(Path(folder), version) if folder else None,
            out_dir=self.output_path(runtime, ""),
        )
        self._results.update(profiles=str(profiles), rows=str(rows))
        return runtime


class CompareProfilesInputSpec(VersionedInputSpec):
    """Profiles of two engines."""

    native = File(exists=True, mandatory=True)
    reference = File(exists=True, mandatory=True)
    metric = traits.Enum("R1", "R2star", mandatory=True)
    names = traits.Tuple(traits.Str, traits.Str, mandatory=True, desc="what the engines are called")
    title = traits.Str(mandatory=True)


class CompareProfilesOutputSpec(TraitedSpec):
    """By how much they differ."""

    figure = File(exists=True, desc="PNG: one over the other, a panel per bundle")
    table = File(exists=True, desc="TSV: a row per bundle")
    sidecar = File(exists=True, desc="JSON")


class CompareProfiles(VersionedInterface):
    """Set the profiles of two engines side by side."""

    input_spec, output_spec = CompareProfilesInputSpec, CompareProfilesOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.report.tract_engines import compare_profile_files

        inputs = self.inputs
        figure, table = (self.output_path(runtime, name) for name in ("engines.png", "engines.tsv"))
        compare_profile_files(
            Path(inputs.native), Path(inputs.reference), metric=inputs.metric, names=tuple(inputs.names),
            title=inputs.title, figure_out=figure, table_out=table,
        )  # fmt: skip
        self._results.update(figure=str(figure), table=str(table), sidecar=str(table.with_suffix(".json")))
        return runtime

"""The node that finds bundles in diffusion images, in a process of its own, and the one that puts them in place."""

from pathlib import Path
from typing import Any

from nipype.interfaces.base import File, InputMultiObject, SimpleInterface, TraitedSpec, traits

from harmoniq.interfaces.base import VersionedInputSpec, VersionedInterface, given


class TrackBundlesInputSpec(VersionedInputSpec):
    """Diffusion images, the R1 map, and how to track."""

    dwi = File(exists=True, mandatory=True)
    bval = File(exists=True, mandatory=True)
    bvec = File(exists=True, mandatory=True)
    r1_map = File(exists=True, mandatory=True)
    mask = File(exists=True, mandatory=True, desc="of the brain, on the R1 map's grid")
    reference = File(exists=True, mandatory=True, desc="MP2RAGE image that the diffusion images are registered to")
    templates = traits.Str(mandatory=True, desc="folder of AFQ's waypoint regions")
    steps = traits.List(traits.Str, mandatory=True, desc="preprocessing; empty for preprocessed images")
    bundles = traits.List(traits.Str, mandatory=True, desc="which to look for")
    n_seeds = traits.Int(mandatory=True)
    step_mm = traits.Float(mandatory=True)
    angle = traits.Float(mandatory=True)
    cutoff = traits.Float(mandatory=True)
    seed = traits.Int(0, usedefault=True)


class TrackBundlesOutputSpec(TraitedSpec):
    """The bundles that were recognized."""

    names = traits.List(traits.Str, desc="in the contract's names and order")
    tractograms = traits.List(File(exists=True), desc="one per bundle, in the R1 map's space")
    facts = traits.Dict(desc="what was done and found, for the sidecars")


class TrackBundles(VersionedInterface):
    """Preprocess, track, recognize and clean bundles, in a process that gives its memory back."""

    input_spec, output_spec = TrackBundlesInputSpec, TrackBundlesOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.diffusion.job import Job
        from harmoniq.diffusion.process import run_in_process

        inputs = self.inputs
        names = (
            "dwi", "bval", "bvec", "r1_map", "mask", "reference", "templates", "n_seeds", "step_mm", "angle", "cutoff",
            "seed",
        )  # fmt: skip
        job = Job(
            **{name: getattr(inputs, name) for name in names},
            # Traits' own lists can neither be copied nor written as JSON.
            steps=list(inputs.steps),
            bundles=list(inputs.bundles),
            out_dir=str(self.output_path(runtime, "")),
        )
        result = run_in_process(job)
        bundles = result.pop("bundles")
        self._results.update(names=list(bundles), tractograms=list(bundles.values()), facts=result)
        return runtime


class PutBundlesInputSpec(VersionedInputSpec):
    """Bundles, where they go, and what their sidecars say."""

    names = traits.List(traits.Str, mandatory=True)
    tractograms = InputMultiObject(File(exists=True), mandatory=True)
    stem = traits.Str(mandatory=True, desc="absolute path of the derivatives up to desc-")
    sidecar = traits.Dict()
    facts = traits.Dict()


class PutBundlesOutputSpec(TraitedSpec):
    """The derivatives."""

    out_files = traits.List(File())


class PutBundles(SimpleInterface):
    """Copy bundles to their places under pyAFQ's names; it runs every time, as every sink."""

    input_spec, output_spec = PutBundlesInputSpec, PutBundlesOutputSpec
    _always_run = True

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.data.files import copy_whole, write_json
        from harmoniq.tract.bundles import description

        written = []
        counts = self.inputs.facts.get("counts", {})
        shared = {key: value for key, value in self.inputs.facts.items() if key != "counts"}
        for name, source in zip(self.inputs.names, self.inputs.tractograms, strict=True):
            target = Path(f"{self.inputs.stem}_desc-{description(name)}_tractography.trk")
            copy_whole(source, target)
            content = {**self.inputs.sidecar, "Bundle": name, "Count": counts.get(name), "Facts": shared}
            write_json(target.with_suffix(".json"), content)
            written.append(str(target))
        self._results["out_files"] = written
        return runtime


class BundleFigureInputSpec(VersionedInputSpec):
    """The R1 map and the bundles."""

    r1_map = File(exists=True, mandatory=True)
    mask = File(exists=True, desc="of the brain: what lies outside is dark")
    names = traits.List(traits.Str, mandatory=True)
    tractograms = InputMultiObject(File(exists=True), mandatory=True)
    placement = File(exists=True, desc="from points of the bundles to MP2RAGE's; identity when absent")
    title = traits.Str(mandatory=True)


class BundleFigureOutputSpec(TraitedSpec):
    """A picture."""

    figure = File(exists=True, desc="PNG")


class BundleFigure(VersionedInterface):
    """Draw bundles over the R1 map in three views, without a display."""

    input_spec, output_spec = BundleFigureInputSpec, BundleFigureOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.report.pictures import draw_bundles

        inputs, out = self.inputs, self.output_path(runtime, "bundles.png")
        bundles = dict(zip(inputs.names, inputs.tractograms, strict=True))
        draw_bundles(
            inputs.r1_map, bundles, out,
            title=inputs.title, mask_path=given(inputs.mask), placement=given(inputs.placement),
        )  # fmt: skip
        self._results["figure"] = str(out)
        return runtime

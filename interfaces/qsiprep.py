"""Nodes of the reference engine of the bundles: run QSIPrep and QSIRecon, and bring what they find to MP2RAGE."""

from pathlib import Path
from typing import Any

from nipype.interfaces.base import File, InputMultiObject, TraitedSpec, traits

from harmoniq.interfaces.base import VersionedInputSpec, VersionedInterface, given


class RunQSIPrepInputSpec(VersionedInputSpec):
    """One session, and where the programs run."""

    bids_dir = traits.Str(mandatory=True, desc="raw dataset")
    dwi = InputMultiObject(File(exists=True), mandatory=True, desc="its diffusion images: a changed one is noticed")
    t1w = File(exists=True, mandatory=True, desc="uniform MP2RAGE image, background suppressed")
    participant = traits.Str(mandatory=True)
    session = traits.Str("", usedefault=True)
    out_dir = traits.Str(mandatory=True, desc="where its results stay")
    qsiprep = traits.Tuple(traits.Str, traits.Str, traits.Str, traits.Str, mandatory=True, desc="a Runtime's fields")
    qsirecon = traits.List(traits.Str, desc="a Runtime's fields, where QSIRecon is apart")
    license_file = File(exists=True, desc="of FreeSurfer")
    recon_spec = traits.Str(mandatory=True)
    resolution = traits.Float(mandatory=True, desc="mm")
    threads = traits.Int(1, usedefault=True)
    mem_mb = traits.Int(mandatory=True)


class RunQSIPrepOutputSpec(TraitedSpec):
    """The bundles, and what relates their space to the T1-weighted image's."""

    names = traits.List(traits.Str, desc="in the contract's names and order")
    tractograms = traits.List(File(exists=True), desc="one per bundle, in AC-PC space")
    acpc = traits.Bool()
    anatomy = File(exists=True)
    anatomy_transform = File(exists=True)
    inverse = traits.Bool()


class RunQSIPrep(VersionedInterface):
    """Stage a small dataset, run QSIPrep (and QSIRecon) on it, and find the bundles."""

    input_spec, output_spec = RunQSIPrepInputSpec, RunQSIPrepOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.qsiprep.command import Job
        from harmoniq.qsiprep.runtime import Runtime
        from harmoniq.qsiprep.session import process_session

        inputs = self.inputs
        job = Job(
            bids_dir=self.output_path(runtime, "bids"), out_dir=Path(inputs.out_dir),
            work_dir=self.output_path(runtime, "work"), participant=inputs.participant,
            session=inputs.session or None, resolution=inputs.resolution, threads=inputs.threads,
            omp_threads=inputs.threads, mem_mb=inputs.mem_mb, license_file=given(inputs.license_file),
            recon_spec=inputs.recon_spec,
        )  # fmt: skip
        second = Runtime(*inputs.qsirecon) if inputs.qsirecon else None
        bundles, space = process_session(job, Path(inputs.bids_dir), Path(inputs.t1w), Runtime(*inputs.qsiprep), second)
        self._results.update(
            names=list(bundles), tractograms=[str(path) for path in bundles.values()], acpc=space.acpc,
            inverse=space.inverse,
        )  # fmt: skip
        if space.anatomy is not None:
            self._results["anatomy"] = str(space.anatomy)
        if space.transform is not None:
            self._results["anatomy_transform"] = str(space.transform)
        return runtime


class PlaceBundlesInputSpec(VersionedInputSpec):
    """Bundles, what is known of their space, and MP2RAGE."""

    names = traits.List(traits.Str, mandatory=True)
    tractograms = InputMultiObject(File(exists=True), mandatory=True)
    acpc = traits.Bool(False, usedefault=True, desc="in QSIPrep's AC-PC space")
    anatomy = File(exists=True, desc="QSIPrep's T1-weighted image in that space")
    anatomy_transform = File(exists=True, desc="between that space and the T1-weighted image's own")
    inverse = traits.Bool(False, usedefault=True, desc="whether it maps the image's points to AC-PC")
    mp2rage = File(exists=True, mandatory=True)
    brain_mask = File(exists=True, mandatory=True)
    seed = traits.Int(0, usedefault=True)


class PlaceBundlesOutputSpec(TraitedSpec):
    """The transform, and what is to be said of it."""

    placement = File(exists=True, desc="ITK text: from points of the bundles to MP2RAGE's")
    rows = File(exists=True, desc="JSON with notes and facts, for the regional table's sidecar")
    facts = traits.Dict()


class PlaceBundles(VersionedInterface):
    """Relate the bundles' space to MP2RAGE's, by a transform that is checked, or by a registration."""

    input_spec, output_spec = PlaceBundlesInputSpec, PlaceBundlesOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.data.bundle_space import BundleSpace
        from harmoniq.data.files import write_json
        from harmoniq.qsiprep.place import place_bundles
        from harmoniq.registration.itk import write_itk

        inputs = self.inputs
        space = BundleSpace(inputs.acpc, given(inputs.anatomy), given(inputs.anatomy_transform), inputs.inverse)
        tractograms = dict(zip(inputs.names, inputs.tractograms, strict=True))
        found = place_bundles(space, tractograms, inputs.mp2rage, inputs.brain_mask, seed=inputs.seed)
        content = {"rows": [], "notes": list(found.notes), "bundles": found.facts}
        self._results.update(
            placement=str(write_itk(found.matrix, self.output_path(runtime, "placement.txt"))),
            rows=str(write_json(self.output_path(runtime, "rows.json"), content)),
            facts=found.facts,
        )
        return runtime

"""Nodes of the embedded surface engine on surfaces: each runs one stage, cat-surf in a process of its own."""

from pathlib import Path
from typing import Any

from nipype.interfaces.base import Directory, File, InputMultiObject, OutputMultiObject, TraitedSpec, traits

from harmoniq.interfaces.base import VersionedInputSpec, VersionedInterface
from harmoniq.interfaces.catsurf_volumes import FactsOutputSpec


class SurfaceStageInputSpec(VersionedInputSpec):
    """Files of one hemisphere; which are wanted depends on the stage."""

    hemisphere = traits.Enum("lh", "rh", mandatory=True)
    label = File(exists=True, desc="partial-volume label")
    central = File(exists=True, desc="central surface")
    layers = File(exists=True, desc="white and pial surface")
    sphere = File(exists=True, desc="sphere")
    faces = traits.Int(desc="the most faces of the central surface")


class SurfaceStageOutputSpec(FactsOutputSpec):
    """A mesh."""

    mesh = File(exists=True)


class _SurfaceStage(VersionedInterface):
    """A stage of one hemisphere with cat-surf: the same inputs by name, one mesh out."""

    input_spec, output_spec = SurfaceStageInputSpec, SurfaceStageOutputSpec
    stage = ""
    wants: tuple[str, ...] = ()

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.surface.reconstruction.process import run_stage

        given = {name: getattr(self.inputs, name.removesuffix("_file")) for name in self.wants}
        out = self.output_path(runtime, f"{self.inputs.hemisphere}_{self.stage}.npz")
        facts = run_stage(self.stage, Path(runtime.cwd), **given, out_file=out)
        self._results.update(mesh=str(out), facts=facts)
        return runtime


class CentralSurface(_SurfaceStage):
    """Thickness, isosurface, topology, deformation."""

    stage, wants = "central", ("label_file", "faces")


class WhiteAndPial(_SurfaceStage):
    """White and pial surface from the central one."""

    stage, wants = "layers", ("label_file", "central_file")


class MapToSphere(_SurfaceStage):
    """The surface as a sphere."""

    stage, wants = "sphere", ("layers_file",)


class RegisterSphere(_SurfaceStage):
    """The sphere aligned with fsaverage's."""

    stage, wants = "register", ("layers_file", "sphere_file", "hemisphere")


class WriteSubjectInputSpec(VersionedInputSpec):
    """All that the stages made; lists hold lh, rh."""

    subject = traits.Str(mandatory=True, desc="name of the folder")
    head = File(exists=True, mandatory=True)
    corrected = File(exists=True, mandatory=True)
    mask = File(exists=True, mandatory=True)
    aseg = File(exists=True, mandatory=True)
    labels = InputMultiObject(File(exists=True), mandatory=True)
    layers = InputMultiObject(File(exists=True), mandatory=True)
    spheres = InputMultiObject(File(exists=True), mandatory=True)
    registered = InputMultiObject(File(exists=True), mandatory=True)
    facts = traits.List(traits.Dict, desc="of the stages on the whole brain")
    facts_lh = traits.List(traits.Dict, desc="of the stages on the left")
    facts_rh = traits.List(traits.Dict, desc="of the stages on the right")


class WriteSubjectOutputSpec(FactsOutputSpec):
    """The subject."""

    subject_dir = Directory(exists=True)
    surface_files = OutputMultiObject(File(exists=True), desc="its files on which samples depend")
    quality = File(exists=True, desc="JSON")


class WriteSubject(VersionedInterface):
    """Write a FreeSurfer-readable subject, and check that it is complete."""

    input_spec, output_spec = WriteSubjectInputSpec, WriteSubjectOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.surface.reconstruction.subject_files import write_subject
        from harmoniq.surface.subject import FreeSurferSubject, surface_files

        given, folder = self.inputs, Path(runtime.cwd) / self.inputs.subject
        meshes: dict[str, Any] = {
            name: dict(zip(("lh", "rh"), map(Path, getattr(given, name)), strict=True))
            for name in ("labels", "layers", "spheres", "registered")
        }
        images: dict[str, Any] = {name: Path(getattr(given, name)) for name in ("head", "corrected", "mask", "aseg")}
        facts = {name: value for part in given.facts or [] for name, value in part.items()}
        for side in ("lh", "rh"):
            stages = getattr(given, f"facts_{side}") or []
            facts[side] = {name: value for part in stages for name, value in part.items()}
        quality = write_subject(folder, **images, **meshes, facts=facts)
        FreeSurferSubject.load(folder)
        self._results.update(
            subject_dir=str(folder), surface_files=surface_files(folder), facts=quality,
            quality=str(folder / "scripts" / "harmoniq-catsurf.json"),
        )  # fmt: skip
        return runtime


class SinkSubjectInputSpec(VersionedInputSpec):
    """A subject and its place."""

    subject_dir = Directory(exists=True, mandatory=True)
    surface_files = InputMultiObject(File(exists=True), desc="so that a changed one is noticed")
    out_dir = traits.Str(mandatory=True, desc="absolute path of the subject's folder among the results")


class SinkSubjectOutputSpec(TraitedSpec):
    """The copy."""

    out_dir = traits.Str()


class SinkSubject(VersionedInterface):
    """Copy a subject to its place in the results: only what differs; it runs every time."""

    input_spec, output_spec = SinkSubjectInputSpec, SinkSubjectOutputSpec
    _always_run = True

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.data.files import copy_whole

        source, target = Path(self.inputs.subject_dir), Path(self.inputs.out_dir)
        for file in sorted(path for path in source.rglob("*") if path.is_file()):
            copy_whole(file, target / file.relative_to(source))
        self._results["out_dir"] = str(target)
        return runtime

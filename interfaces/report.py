"""Nodes that draw what a person should look at: the maps, and the registration."""

from pathlib import Path
from typing import Any

from nipype.interfaces.base import Directory, File, InputMultiObject, TraitedSpec, isdefined, traits

from harmoniq.interfaces.base import VersionedInputSpec, VersionedInterface, given


class FigureOutputSpec(TraitedSpec):
    """A picture."""

    figure = File(exists=True, desc="PNG")


class MapFigureInputSpec(VersionedInputSpec):
    """A map and what it shows."""

    in_map = File(exists=True, mandatory=True)
    metric = traits.Enum("R1", "R2star", mandatory=True)
    title = traits.Str(mandatory=True)
    mask = File(exists=True, desc="of the brain, on any grid: what lies outside is dimmed")
    transform = File(
        exists=True, desc="ITK text, from points of the mask's space to the map's; none where they share one"
    )


class MapFigure(VersionedInterface):
    """Draw a map in three planes on a fixed scale."""

    input_spec, output_spec = MapFigureInputSpec, FigureOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.report.pictures import draw_map

        inputs, out = self.inputs, self.output_path(runtime, f"{self.inputs.metric}.png")
        draw_map(
            inputs.in_map, out, metric=inputs.metric, title=inputs.title,
            mask_path=given(inputs.mask), transform=given(inputs.transform),
        )  # fmt: skip
        self._results["figure"] = str(out)
        return runtime


class RegistrationFigureInputSpec(VersionedInputSpec):
    """Two images of one head and the transform between them."""

    fixed = File(exists=True, mandatory=True)
    moving = File(exists=True, mandatory=True)
    transform = File(exists=True, mandatory=True, desc="ITK text, from points of the fixed space to the moving one")
    mask = File(exists=True)
    title = traits.Str(mandatory=True)


class RegistrationFigureOutputSpec(FigureOutputSpec):
    """The edges, and both images as they are shown in turn."""

    fixed_frame = File(exists=True, desc="PNG of the fixed image")
    moving_frame = File(exists=True, desc="PNG of the moving image, the same slices at the same places")


class RegistrationFigure(VersionedInterface):
    """Draw the edges of the fixed image over the moving one, brought to its grid, and both alone."""

    input_spec, output_spec = RegistrationFigureInputSpec, RegistrationFigureOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.report.pictures import draw_registration

        inputs = self.inputs
        out = self.output_path(runtime, "registration.png")
        frames = (self.output_path(runtime, "fixed.png"), self.output_path(runtime, "moving.png"))
        draw_registration(
            inputs.fixed, inputs.moving, inputs.transform, out,
            title=inputs.title, mask_path=given(inputs.mask), frames=frames,
        )  # fmt: skip
        self._results.update(figure=str(out), fixed_frame=str(frames[0]), moving_frame=str(frames[1]))
        return runtime


class CompareEnginesInputSpec(VersionedInputSpec):
    """Maps of two engines, and where the brain is."""

    native = File(exists=True, mandatory=True)
    reference = File(exists=True, mandatory=True)
    metric = traits.Enum("R1", "R2star", mandatory=True)
    names = traits.Tuple(traits.Str, traits.Str, mandatory=True, desc="what the engines are called")
    title = traits.Str(mandatory=True)
    mask = File(exists=True, desc="of the brain, on any grid")
    r1_map = File(exists=True, desc="for the classes of tissue, on any grid; not needed for R1 itself")
    transform = File(exists=True, desc="ITK text, from points of their space to the maps'")


class CompareEnginesOutputSpec(TraitedSpec):
    """Where they differ, and how much."""

    difference = File(exists=True, desc="PNG: the difference in three planes")
    scatter = File(exists=True, desc="PNG: one over the other, and the difference over the mean")
    table = File(exists=True, desc="TSV")
    sidecar = File(exists=True, desc="JSON")


class CompareEngines(VersionedInterface):
    """Set the maps of two engines side by side."""

    input_spec, output_spec = CompareEnginesInputSpec, CompareEnginesOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.report.engine_comparison import compare_engine_files

        inputs = self.inputs
        names = {"difference": "difference.png", "scatter": "scatter.png", "table": "engines.tsv"}
        paths = {key: self.output_path(runtime, name) for key, name in names.items()}
        compare_engine_files(
            inputs.native, inputs.reference, metric=inputs.metric, names=tuple(inputs.names), title=inputs.title,
            mask_path=given(inputs.mask), r1_path=given(inputs.r1_map), transform=given(inputs.transform),
            **{f"{key}_out": path for key, path in paths.items()},
        )  # fmt: skip
        self._results.update({key: str(path) for key, path in paths.items()})
        self._results["sidecar"] = str(paths["table"].with_suffix(".json"))
        return runtime


class CortexFiguresInputSpec(VersionedInputSpec):
    """A session's cortex: surfaces, labels and samples."""

    r1_map = File(exists=True, mandatory=True)
    mask = File(exists=True, desc="of the brain, on the map's grid")
    subject_dir = Directory(exists=True, mandatory=True, desc="FreeSurfer subject")
    surface_files = InputMultiObject(File(exists=True), desc="its files, so that a changed one is noticed")
    labels = InputMultiObject(File(exists=True), mandatory=True, desc="GIFTI, left and right")
    label_facts = File(exists=True, mandatory=True, desc="JSON beside the labels")
    r1_samples = InputMultiObject(File(exists=True), mandatory=True, desc="hemi-L cGM, sWM, hemi-R cGM, sWM")
    r2star_samples = InputMultiObject(File(exists=True), desc="the same of R2*")
    cgm = traits.Tuple(traits.Str, traits.Float, mandatory=True, desc="kind and value of the depth")
    swm = traits.Tuple(traits.Str, traits.Float, mandatory=True)
    title = traits.Str(mandatory=True)


class CortexFiguresOutputSpec(TraitedSpec):
    """Pictures."""

    outlines = File(exists=True, desc="outlines of the surfaces on R1")
    plain = File(exists=True, desc="the same slices without them")
    r1 = File(exists=True, desc="R1 on the inflated and flat cortex")
    r2star = File(exists=True, desc="R2* there, where there is one")
    depths = File(exists=True, desc="thickness and depths of the samples")
    areas = File(exists=True, desc="vertices of each area")


class CortexFigures(VersionedInterface):
    """Draw a session's cortex."""

    input_spec, output_spec = CortexFiguresInputSpec, CortexFiguresOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.report.cortex_pictures import draw_areas, draw_cortex, draw_depths
        from harmoniq.report.outlines import draw_outlines

        inputs = self.inputs
        names = ("outlines", "plain", "r1", "r2star", "depths", "areas")
        out = {name: self.output_path(runtime, f"{name}.png") for name in names}
        labels, subject = [Path(path) for path in inputs.labels], inputs.subject_dir
        title = f"{inputs.title}: white and pial surfaces on R1"
        draw_outlines(inputs.r1_map, subject, out["outlines"], title=title, mask_path=given(inputs.mask))
        draw_outlines(inputs.r1_map, subject, out["plain"], title=title, mask_path=given(inputs.mask), lines=False)
        for name, metric, files in (("r1", "R1", inputs.r1_samples), ("r2star", "R2star", inputs.r2star_samples)):
            if isdefined(files):
                title = f"{inputs.title}: {metric.replace('star', '*')} along the cortex"
                draw_cortex([Path(path) for path in files], labels, subject, out[name], metric=metric, title=title)
        draw_depths(subject, labels, out["depths"], depths={"cGM": inputs.cgm, "sWM": inputs.swm})
        draw_areas(labels, Path(inputs.label_facts), out["areas"])
        self._results.update({name: str(path) for name, path in out.items() if path.is_file()})
        return runtime

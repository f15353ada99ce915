"""Nodes that draw what a person should look at: the maps, and the registration."""

from typing import Any

from nipype.interfaces.base import File, TraitedSpec, traits

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

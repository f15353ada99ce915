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

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


class MapFigure(VersionedInterface):
    """Draw a map in three planes on a fixed scale."""

    input_spec, output_spec = MapFigureInputSpec, FigureOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.report.pictures import draw_map

        out = self.output_path(runtime, f"{self.inputs.metric}.png")
        draw_map(self.inputs.in_map, out, metric=self.inputs.metric, title=self.inputs.title)
        self._results["figure"] = str(out)
        return runtime


class RegistrationFigureInputSpec(VersionedInputSpec):
    """Two images of one head and the transform between them."""

    fixed = File(exists=True, mandatory=True)
    moving = File(exists=True, mandatory=True)
    transform = File(exists=True, mandatory=True, desc="ITK text, from points of the fixed space to the moving one")
    mask = File(exists=True)
    title = traits.Str(mandatory=True)


class RegistrationFigure(VersionedInterface):
    """Draw the edges of the fixed image over the moving one, brought to its grid."""

    input_spec, output_spec = RegistrationFigureInputSpec, FigureOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.report.pictures import draw_registration

        inputs = self.inputs
        out = self.output_path(runtime, "registration.png")
        draw_registration(
            inputs.fixed, inputs.moving, inputs.transform, out, title=inputs.title, mask_path=given(inputs.mask)
        )
        self._results["figure"] = str(out)
        return runtime

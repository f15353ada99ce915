"""The node that sets the regional values along the surfaces of two engines side by side."""

from typing import Any

from nipype.interfaces.base import File, InputMultiObject, TraitedSpec

from harmoniq.interfaces.base import VersionedInputSpec, VersionedInterface


class CompareSurfacesInputSpec(VersionedInputSpec):
    """Rows of the regional table, along the surfaces of two engines."""

    embedded = InputMultiObject(File(exists=True), mandatory=True, desc="JSON with rows, a file per metric")
    existing = InputMultiObject(File(exists=True), mandatory=True, desc="the same along the existing subject's")


class CompareSurfacesOutputSpec(TraitedSpec):
    """The table and its sidecar."""

    table = File(exists=True)
    sidecar = File(exists=True)


class CompareSurfaces(VersionedInterface):
    """Compare the values along the embedded engine's surfaces with those along an existing subject's."""

    input_spec, output_spec = CompareSurfacesInputSpec, CompareSurfacesOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.regions.surface_comparison import write_surface_comparison

        out = self.output_path(runtime, "surfaces.tsv")
        write_surface_comparison(out, self.inputs.embedded, self.inputs.existing)
        self._results.update(table=str(out), sidecar=str(out.with_suffix(".json")))
        return runtime

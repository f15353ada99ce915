"""A node for maps that exist already."""

from pathlib import Path
from typing import Any

from nipype.interfaces.base import File, TraitedSpec, traits

from harmoniq.interfaces.base import VersionedInputSpec, VersionedInterface


class TakeMapInputSpec(VersionedInputSpec):
    """An existing map and its unit."""

    in_file = File(exists=True, mandatory=True)
    inverted = traits.Bool(False, usedefault=True, desc="whether it holds the time rather than the rate")
    factor = traits.Float(1.0, usedefault=True, desc="the rate in 1/s is the value times it, or it over the time")
    plausible = traits.Tuple(traits.Float, traits.Float, mandatory=True, desc="1/s")


class TakeMapOutputSpec(TraitedSpec):
    """The rate."""

    out_map = File(exists=True, desc="1/s")


class TakeMap(VersionedInterface):
    """Turn an existing map into the rate in 1/s, on its own grid."""

    input_spec, output_spec = TakeMapInputSpec, TakeMapOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.data.existing_maps import ExistingMap
        from harmoniq.data.rates import write_rate

        inputs, out = self.inputs, self.output_path(runtime, "rate.nii.gz")
        source = ExistingMap(Path(inputs.in_file), inputs.inverted, inputs.factor, "")
        write_rate(source, out, plausible=tuple(inputs.plausible))
        self._results["out_map"] = str(out)
        return runtime

"""The node that puts results under their BIDS names: only what differs is copied, whole or not at all."""

import re
from typing import Any

from nipype.interfaces.base import File, SimpleInterface, TraitedSpec, isdefined, traits

from harmoniq.data.files import copy_whole, write_json
from harmoniq.interfaces.base import VersionedInputSpec


class SinkInputSpec(VersionedInputSpec):
    """A file, where it goes, and what its sidecar says."""

    in_file = File(exists=True, desc="nothing is written when it is not set")
    out_file = traits.Str(mandatory=True, desc="absolute path of the derivative")
    sidecar = traits.Dict(desc="content of the JSON sidecar; none is written when empty")
    facts = traits.Dict(desc="what the node found out, for the sidecar")


class SinkOutputSpec(TraitedSpec):
    """The derivative."""

    out_file = File()


class Sink(SimpleInterface):
    """Copy a result to its place in the derivatives.

    It runs every time, so that a derivative that was deleted or edited is restored; equal files are left alone.
    """

    input_spec, output_spec = SinkInputSpec, SinkOutputSpec
    _always_run = True

    def _run_interface(self, runtime: Any) -> Any:
        if not isdefined(self.inputs.in_file):
            return runtime
        target = copy_whole(self.inputs.in_file, self.inputs.out_file)
        if self.inputs.sidecar:
            stem = re.sub(r"\.(nii\.gz|[a-z]+\.(gii|nii)|[^.]+)$", "", target.name)
            write_json(target.with_name(f"{stem}.json"), {**self.inputs.sidecar, **(self.inputs.facts or {})})
        self._results["out_file"] = str(target)
        return runtime

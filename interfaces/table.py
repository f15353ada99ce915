"""The node of the regional table: all rows of one session in one TSV."""

from typing import Any

from nipype.interfaces.base import File, InputMultiObject, TraitedSpec, traits

from harmoniq.interfaces.base import VersionedInputSpec, VersionedInterface


class RegionalTableInputSpec(VersionedInputSpec):
    """Rows of the cortex and the bundles, and what made them."""

    rows = InputMultiObject(File(exists=True), mandatory=True, desc="JSON lists of rows")
    participant_id = traits.Str(mandatory=True)
    session_id = traits.Str("", usedefault=True)
    engines = traits.Dict(mandatory=True, desc="engine of each metric, and of surfaces and bundles")
    lesions_R1 = traits.Dict(desc="what was left out of R1 for lesions")  # noqa: N815
    lesions_R2star = traits.Dict(desc="what was left out of R2* for lesions")  # noqa: N815
    notes = traits.List(traits.Str, desc="what has to be said about this session")
    parameters = traits.Dict(desc="of the acquisition, per sequence")


class RegionalTableOutputSpec(TraitedSpec):
    """The table and its sidecar."""

    table = File(exists=True)
    sidecar = File(exists=True)


class RegionalTable(VersionedInterface):
    """Write ``regions.tsv`` of one session."""

    input_spec, output_spec = RegionalTableInputSpec, RegionalTableOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.regions.session import write_session_table

        out = self.output_path(runtime, "regions.tsv")
        inputs = self.inputs
        write_session_table(
            out,
            inputs.rows,
            participant_id=inputs.participant_id,
            session_id=inputs.session_id or None,
            engines=inputs.engines,
            notes=list(inputs.notes or []),
            parameters=inputs.parameters or None,
            lesions={metric: facts for metric in ("R1", "R2star") if (facts := getattr(inputs, f"lesions_{metric}"))},
        )
        self._results.update(table=str(out), sidecar=str(out.with_suffix(".json")))
        return runtime

"""The node that needs all statistics at once: scorecard, alternatives, acquisition table, tables for manuscripts."""

from pathlib import Path
from typing import Any

from nipype.interfaces.base import Directory, File, InputMultiObject, TraitedSpec, traits

from harmoniq.interfaces.base import VersionedInputSpec, VersionedInterface


class GroupSummariesInputSpec(VersionedInputSpec):
    """The statistics' tables, the cohort, and what it came from."""

    files = InputMultiObject(File(exists=True), mandatory=True, desc="tables of the steps, with their sidecars")
    cohort = Directory(exists=True, mandatory=True)
    regions = InputMultiObject(File(exists=True), mandatory=True, desc="regional tables, for their sidecars")
    participants = File(exists=True, mandatory=True)
    columns = traits.Dict(desc="our names of the participants' columns to the file's")
    settings = traits.Dict(mandatory=True)
    options = traits.Dict(mandatory=True)
    published = traits.Str("builtin", usedefault=True)
    left_out = traits.Dict(desc="participants and sessions that are not analyzed, and why")
    alternatives = InputMultiObject(File(exists=True), desc="comparisons of the participant level's readings")


class GroupSummariesOutputSpec(TraitedSpec):
    """A folder of tables, and what has to be said."""

    folder = Directory(exists=True)
    notes = traits.List(traits.Str)


class GroupSummaries(VersionedInterface):
    """Write ``scorecard.tsv``, ``alternatives.tsv``, ``table2_acquisition.tsv`` and ``tables/``."""

    input_spec, output_spec = GroupSummariesInputSpec, GroupSummariesOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        import shutil

        from harmoniq.data.cohort_files import load_cohort
        from harmoniq.statistics.summaries import write_summaries

        folder = self.output_path(runtime, "summaries")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        cohort, values = load_cohort(self.inputs.cohort)
        notes = write_summaries(
            folder, cohort, values,
            tables=[Path(file) for file in self.inputs.files], regions=[Path(file) for file in self.inputs.regions],
            participants=Path(self.inputs.participants), columns=dict(self.inputs.columns or {}),
            options=dict(self.inputs.options), settings=dict(self.inputs.settings), published=self.inputs.published,
            alternatives=[Path(file) for file in self.inputs.alternatives or []],
            left_out=dict(self.inputs.left_out or {}),
        )  # fmt: skip
        self._results.update(folder=str(folder), notes=notes)
        return runtime

"""The node that averages the participants' profiles along the bundles, for groups of them."""

from pathlib import Path
from typing import Any

from nipype.interfaces.base import Directory, File, InputMultiObject, OutputMultiObject, TraitedSpec, traits

from harmoniq.interfaces.base import VersionedInputSpec, VersionedInterface


class GroupProfilesInputSpec(VersionedInputSpec):
    """Profiles of the sessions, and the cohort."""

    profiles = InputMultiObject(File(exists=True), desc="one per session and map; none is needed")
    profiles_of = traits.List(traits.Str, desc="whose each is")
    cohort = Directory(exists=True, mandatory=True)
    cohort_values = File(exists=True, desc="its values, so that a change is noticed")


class GroupProfilesOutputSpec(TraitedSpec):
    """The table with its sidecar, where there are profiles, and what has to be said."""

    files = OutputMultiObject(File(exists=True))
    notes = traits.List(traits.Str)


class GroupProfiles(VersionedInterface):
    """Write ``tract_profiles.tsv``: mean profiles by diagnosis and by age."""

    input_spec, output_spec = GroupProfilesInputSpec, GroupProfilesOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.data.cohort_files import load_cohort
        from harmoniq.data.tables import write_tsv
        from harmoniq.statistics.tract_profiles import TRACT_PROFILES_COLUMNS, group_profiles, read_profiles

        profiles, notes = read_profiles(
            dict(zip(map(Path, self.inputs.profiles or []), self.inputs.profiles_of or [], strict=True))
        )
        cohort, _ = load_cohort(self.inputs.cohort)
        table = group_profiles(profiles, cohort.participants, control_group=cohort.control_group)
        files: list[str] = []
        if not table.empty:
            path = self.output_path(runtime, "tract_profiles.tsv")
            write_tsv(table, path, columns=TRACT_PROFILES_COLUMNS, digits=7)
            files = [str(path), str(path.with_suffix(".json"))]
        self._results.update(files=files, notes=notes)
        return runtime

"""Nodes of the group level: the cohort, its harmonization, the statistics, the report."""

import shutil
from pathlib import Path
from typing import Any

from nipype.interfaces.base import Directory, File, InputMultiObject, OutputMultiObject, TraitedSpec, traits

from harmoniq.interfaces.base import VersionedInputSpec, VersionedInterface


class BuildCohortInputSpec(VersionedInputSpec):
    """Regional tables and participants."""

    regions = InputMultiObject(File(exists=True), mandatory=True, desc="one table, or one per session")
    participants = File(exists=True, mandatory=True)
    columns = traits.Dict(desc="our names of the participants' columns to the file's")
    control_group = traits.Str(mandatory=True)
    covariates = traits.List(traits.Str, desc="further columns of the participants that are kept")
    allow_mixed_engines = traits.Bool(False, usedefault=True)
    left_out = traits.List(traits.Str, desc="participants and sessions that are not analyzed, for their rating")


class BuildCohortOutputSpec(TraitedSpec):
    """The checked cohort."""

    cohort = Directory(exists=True)
    notes = traits.List(traits.Str)


class BuildCohort(VersionedInterface):
    """Join regional values and participants, and check them."""

    input_spec, output_spec = BuildCohortInputSpec, BuildCohortOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.data.cohort_files import save_cohort
        from harmoniq.regions.cohort import cohort_from_files

        inputs = self.inputs
        cohort, notes = cohort_from_files(
            inputs.regions,
            inputs.participants,
            columns=dict(inputs.columns or {}),
            control_group=inputs.control_group,
            covariates=list(inputs.covariates or []),
            allow_mixed=inputs.allow_mixed_engines,
            left_out=list(inputs.left_out or []),
        )
        out = self.output_path(runtime, "cohort")
        save_cohort(cohort, out)
        self._results.update(cohort=str(out), notes=notes)
        return runtime


class HarmonizeInputSpec(VersionedInputSpec):
    """A cohort and the methods."""

    cohort = Directory(exists=True, mandatory=True)
    cohort_values = File(exists=True, desc="its values, so that a change is noticed")
    methods = traits.List(traits.Str, mandatory=True)
    reference_site = traits.Str(mandatory=True)
    engine = traits.Str("native", usedefault=True)
    hbr_engine = traits.Str("native", usedefault=True)
    hbr_fit = traits.Str("best-fold", usedefault=True)
    zscore_sites = traits.List(traits.Str, value=["auto"], usedefault=True)
    threads = traits.Int(1, usedefault=True, nohash=True, desc="of hbr; no result depends on it")
    seed = traits.Int(0, usedefault=True)
    choices = traits.Dict(desc="of harmoniq.harmonization.batches.Choices")
    patient_group = traits.Str("", usedefault=True)


class HarmonizeOutputSpec(TraitedSpec):
    """The cohort with its values under every method."""

    cohort = Directory(exists=True)
    models = Directory(exists=True)
    files = OutputMultiObject(File(exists=True), desc="hbr_diagnostics.tsv and its sidecar, where hbr was run")
    notes = traits.List(traits.Str)


class Harmonize(VersionedInterface):
    """Harmonize a cohort by each method; the fitted models are saved."""

    input_spec, output_spec = HarmonizeInputSpec, HarmonizeOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.data.cohort_files import load_cohort, save_cohort
        from harmoniq.harmonization.base import HBR_Z
        from harmoniq.harmonization.harmonize import harmonize_cohort
        from harmoniq.harmonization.hbr.run import HbrRun

        inputs = self.inputs
        cohort, _ = load_cohort(inputs.cohort)
        out, models = self.output_path(runtime, "harmonized"), self.output_path(runtime, "models")
        models.mkdir(exist_ok=True)
        done = harmonize_cohort(
            cohort,
            inputs.methods,
            reference_site=inputs.reference_site,
            engine=inputs.engine,
            seed=inputs.seed,
            models_dir=models,
            choices=_choices(inputs.choices),
            patient_group=inputs.patient_group or None,
            hbr=HbrRun(inputs.hbr_engine, inputs.hbr_fit, tuple(inputs.zscore_sites), threads=inputs.threads),
        )
        scores = {} if done.zscores is None else {HBR_Z: done.zscores}
        save_cohort(cohort, out, {**done.values, **scores})
        files = self._write_diagnostics(runtime, done.hbr_diagnostics)
        self._results.update(cohort=str(out), models=str(models), files=files, notes=list(done.notes))
        return runtime

    def _write_diagnostics(self, runtime: Any, table: Any) -> list[str]:
        from harmoniq.data.tables import write_tsv
        from harmoniq.harmonization.hbr.run import HBR_DIAGNOSTICS_COLUMNS

        if table.empty:
            return []
        path = write_tsv(table, self.output_path(runtime, "hbr_diagnostics.tsv"), columns=HBR_DIAGNOSTICS_COLUMNS)
        return [str(path), str(path.with_suffix(".json"))]


def _choices(plain: Any) -> Any:
    """Return the choices of a harmonization from a dictionary; Nipype makes lists of tuples."""
    from harmoniq.harmonization.batches import Choices

    items: dict[str, Any] = plain or {}
    given: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in items.items()}
    return Choices(**given)


class GroupStepInputSpec(VersionedInputSpec):
    """One step of the statistics."""

    cohort = Directory(exists=True, mandatory=True)
    step = traits.Str(mandatory=True, desc="key of harmoniq.statistics.steps.STEPS")
    options = traits.Dict(mandatory=True)


class GroupStepOutputSpec(TraitedSpec):
    """Tables with their sidecars, and what has to be said."""

    files = OutputMultiObject(File(exists=True))
    notes = traits.List(traits.Str)


class GroupStep(VersionedInterface):
    """Run one step of the group level and write its tables."""

    input_spec, output_spec = GroupStepInputSpec, GroupStepOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.data.cohort_files import load_cohort
        from harmoniq.data.tables import write_tsv
        from harmoniq.statistics.steps import run_step

        cohort, values = load_cohort(self.inputs.cohort)
        options = dict(self.inputs.options)
        options["choices"] = _choices(options.get("choices"))
        tables, notes = run_step(self.inputs.step, cohort, values, options)
        files: list[str] = []
        for table in tables:
            path = self.output_path(runtime, f"{table.name}.tsv")
            write_tsv(table.frame, path, columns=table.columns, digits=table.digits)
            files += [str(path), str(path.with_suffix(".json"))]
        self._results.update(files=files, notes=notes)
        return runtime


class GroupReportInputSpec(VersionedInputSpec):
    """All tables, the models, and what the report says."""

    files = InputMultiObject(File(exists=True), mandatory=True)
    cohort = Directory(exists=True, mandatory=True)
    models = Directory(exists=True)
    summaries = Directory(exists=True, desc="scorecard, alternatives, acquisition table, tables for manuscripts")
    notes = traits.List(traits.Str)
    settings = traits.Dict(mandatory=True)
    versions = traits.Dict(mandatory=True)
    title = traits.Str("Group report", usedefault=True)
    command = traits.Str("", usedefault=True, desc="what makes the same results again")


class GroupReportOutputSpec(TraitedSpec):
    """A folder with everything in it."""

    folder = Directory(exists=True)


class GroupReport(VersionedInterface):
    """Put the tables together, draw the figures and write the report."""

    input_spec, output_spec = GroupReportInputSpec, GroupReportOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.data.cohort_files import load_cohort
        from harmoniq.report.group import write_group_report

        folder = self.output_path(runtime, "group")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for file in map(Path, self.inputs.files):
            shutil.copyfile(file, folder / file.name)
        if self.inputs.models:
            shutil.copytree(self.inputs.models, folder / "models")
        if self.inputs.summaries:
            shutil.copytree(self.inputs.summaries, folder, dirs_exist_ok=True)
        cohort, _ = load_cohort(self.inputs.cohort)
        write_group_report(
            folder,
            settings=dict(self.inputs.settings),
            notes=list(self.inputs.notes or []),
            versions=dict(self.inputs.versions),
            participants=cohort.participants,
            title=self.inputs.title,
            command=self.inputs.command,
        )
        self._results["folder"] = str(folder)
        return runtime

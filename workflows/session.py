"""One session of one participant: maps, samples along cortex and bundles, the regional table, and their places."""

import re
from collections.abc import Sequence
from pathlib import Path

from nipype.interfaces.utility import Merge
from nipype.pipeline.engine import Node, Workflow

from harmoniq.data.acquisitions import MP2RAGE, B1Map
from harmoniq.data.inputs import SessionInputs
from harmoniq.interfaces.table import RegionalTable
from harmoniq.settings.schema import Settings
from harmoniq.workflows.b1 import image_inputs, init_b1_wf
from harmoniq.workflows.comparison import add_comparisons
from harmoniq.workflows.engines import engine_names, field_axes
from harmoniq.workflows.existing_maps import init_existing_r1_wf, init_existing_r2star_wf
from harmoniq.workflows.lesions import add_lesions
from harmoniq.workflows.map_engines import MapEngines
from harmoniq.workflows.maps import init_coregistration_wf, init_r1_wf, init_r2star_wf
from harmoniq.workflows.outputs import derivative_path, sink
from harmoniq.workflows.qsiprep import add_placement
from harmoniq.workflows.session_cortex import add_cortex, add_cortex_figures, add_surfaces
from harmoniq.workflows.session_figures import add_map_figures
from harmoniq.workflows.session_tracts import add_bundle_figure, add_bundles, add_tracking
from harmoniq.workflows.sidecars import session_sidecars
from harmoniq.workflows.surface_comparison import add_surface_comparison


def session_name(inputs: SessionInputs) -> str:
    """Return the name of a session's workflow; labels may hold signs that Nipype's names may not.

    Parameters
    ----------
    inputs : SessionInputs
        What the session has.

    Returns
    -------
    str
        The name of a session's workflow; labels may hold signs that Nipype's names may not.
    """
    return re.sub(r"\W", "_", inputs.label) + "_wf"


def init_session_wf(
    *,
    inputs: SessionInputs,
    settings: Settings,
    engines: MapEngines,
    out_dir: Path,
    stages: Sequence[str],
    seed: int = 0,
    mem_gb: float = 1.0,
    fs_license_file: Path | None = None,
    threads: int = 1,
) -> Workflow:
    """Process one session for what it has.

    Parameters
    ----------
    inputs : SessionInputs
        Images, existing surfaces and bundles.
    settings : Settings
        Depths, ranges.
    engines : MapEngines
        Of the maps.
    out_dir : path
        Root of the derivatives.
    stages : sequence of str
        Of maps, surfaces, bundles, regions.
    seed : int
        Of the registration.
    mem_gb : float
        Memory of the largest node.
    fs_license_file, threads : path, int
        For tools of FreeSurfer's.

    Returns
    -------
    nipype.Workflow
        Its sinks write below ``out_dir/sub-X``.
    """
    workflow = Workflow(name=session_name(inputs))
    parts = SessionParts(workflow, inputs, settings, engines, out_dir, seed, mem_gb, threads)
    if inputs.r1_space is not None:
        parts.add_r1()
    if inputs.r2star_space is not None:
        parts.add_r2star()
    if inputs.r1_space is not None and inputs.r2star_space is not None:
        parts.add_coregistration(required=set(stages) != {"maps"})
    if inputs.r1_space is not None:
        surfaces_wf = add_surfaces(parts) if "surfaces" in stages else None
        tracking = add_tracking(parts) if "bundles" in stages else None
        with_bundles = "bundles" in stages and (bool(inputs.bundles) or tracking is not None)
        placing = add_placement(parts, tracking) if with_bundles else None
        if surfaces_wf is not None or with_bundles:
            add_lesions(parts, fs_license_file)
        for metric in parts.maps:
            if surfaces_wf is not None:
                add_cortex(parts, surfaces_wf, metric)
            if with_bundles:
                add_bundles(parts, tracking, metric, placing)
        if with_bundles:
            add_bundle_figure(parts, tracking, placing)
        if surfaces_wf is not None:
            add_cortex_figures(parts, surfaces_wf)
            add_surface_comparison(parts)
    if "regions" in stages and parts.rows:
        parts.add_table()
    add_map_figures(parts)
    add_comparisons(parts)
    return workflow


def set_input(target: Workflow | Node, field: str, value: str) -> None:
    """Set a node's input, or that of a workflow's node, as ``connect`` would name it.

    Parameters
    ----------
    target : Workflow or Node
        Where to write.
    field : str
        Name of the input.
    value : str
        Value.
    """
    *nodes, name = field.split(".")
    inputs = target.inputs
    for node in nodes:
        inputs = getattr(inputs, node)
    setattr(inputs, name, value)


class SessionParts:
    """Adds the parts of a session's workflow one by one and remembers what later parts connect to.

    Parameters
    ----------
    workflow : Workflow
        The session's workflow, to which parts are added.
    inputs : SessionInputs
        What the session has.
    settings : Settings
        The run's settings.
    engines : MapEngines
        Which engines make the maps.
    out_dir : Path
        Folder of the results.
    seed : int
        Of all that is random.
    mem_gb : float
        Memory that a fit takes, GB.
    threads : int, optional
        Threads of each process.
    """

    def __init__(
        self, workflow: Workflow, inputs: SessionInputs, settings: Settings, engines: MapEngines, out_dir: Path,
        seed: int, mem_gb: float, threads: int = 1,
    ) -> None:  # fmt: skip
        self.workflow, self.inputs, self.settings, self.out_dir = workflow, inputs, settings, out_dir
        self.map_engines, self.seed, self.mem_gb, self.threads = engines, seed, mem_gb, threads
        self.maps: dict[str, tuple[Workflow, str]] = {}
        self.rows: list[tuple[Workflow, str]] = []
        self.coregistration: Workflow | None = None
        self.registered = False
        self.cortex: dict[str, Workflow] = {}
        self.lesions: Workflow | None = None
        self.engines = engine_names(inputs, settings, engines)
        self.sidecars = session_sidecars(inputs, settings, self.engines)

    def path(self, suffix: str, extension: str, folder: str = "anat", **entities: str) -> Path:
        """Return the path of one of the session's derivatives.

        Parameters
        ----------
        suffix : str
            BIDS suffix.
        extension : str
            The file's extension.
        folder : str, optional
            Folder.
        **entities : str
            BIDS entities.

        Returns
        -------
        Path
            The path of one of the session's derivatives.
        """
        return derivative_path(
            self.out_dir, self.inputs.participant, self.inputs.session,
            folder=folder, suffix=suffix, extension=extension, **entities,
        )  # fmt: skip

    def give_reference(self, target: Workflow | Node, field: str) -> None:
        """Give the image that others are registered to: the second inversion, dark in air, or else the R1 map.

        Parameters
        ----------
        target : Workflow or Node
            Where to write.
        field : str
            Name of the input.
        """
        mp2rage = self.inputs.mp2rage
        if mp2rage is None:
            self.workflow.connect([(self.r1_wf, target, [("outputnode.r1_map", field)])])
        else:
            set_input(target, field, str(mp2rage.inv2 or mp2rage.uni))

    def give_moving(self, target: Workflow | Node, field: str) -> None:
        """Give the image that is registered to it: the first echo, or the R2* map.

        Parameters
        ----------
        target : Workflow or Node
            Where to write.
        field : str
            Name of the input.
        """
        megre = self.inputs.megre
        if megre is None:
            self.workflow.connect([(self.maps["R2star"][0], target, [("outputnode.r2star_map", field)])])
        else:
            set_input(target, field, str(megre.magnitudes[0]))

    def put(
        self, source: tuple, name: str, path: Path, sidecar: dict | None = None, *, facts: str | None = None
    ) -> None:
        """Send a node's output to its place; `facts` names another output, which goes into the sidecar.

        Parameters
        ----------
        source : tuple
            File or folder to read.
        name : str
            Name.
        path : Path
            File.
        sidecar : dict or None, optional
            What the sidecar says; None: none.
        facts : str or None, optional
            File with what is known of the session; None: none.
        """
        node = sink(f"ds_{name}", path, sidecar)
        fields = [(source[1], "in_file"), *([(facts, "facts")] if facts else [])]
        self.workflow.connect([(source[0], node, fields)])

    def add_r1(self) -> None:
        """Fit R1, or take the map that exists, and mask the brain."""
        mp2rage, existing = self.inputs.mp2rage, self.inputs.maps.get("R1")
        images: dict[str, str] = {} if mp2rage is None else image_inputs(mp2rage)
        if existing is not None:
            images = {name: path for name, path in images.items() if "phase" not in name}
            r1_wf = init_existing_r1_wf(source=existing, plausible=self.plausible("R1"), images=list(images))
        else:
            assert mp2rage is not None
            fields = [*images, *(["b1_map", "b1_scale"] if self.inputs.b1 is not None else [])]
            r1_wf = init_r1_wf(timing=mp2rage.timing, images=fields, engine=self.map_engines.r1, mem_gb=self.mem_gb)
            if self.inputs.b1 is not None:
                self._add_b1(self.inputs.b1, mp2rage, r1_wf)
        for name, path in images.items():
            setattr(r1_wf.inputs.inputnode, name, path)
        if mp2rage is not None:
            r1_wf.inputs.inputnode.reference = str(mp2rage.inv2 or mp2rage.uni)
        if self.inputs.freesurfer is not None and (mask := self.inputs.freesurfer / "mri" / "brainmask.mgz").is_file():
            r1_wf.inputs.inputnode.freesurfer_mask = str(mask)
        self.maps["R1"] = (r1_wf, "outputnode.r1_map")
        self.r1_wf = r1_wf
        self.put((r1_wf, "outputnode.r1_map"), "r1", self.path("R1map", ".nii.gz"), self.sidecars["R1"])
        if existing is None and self.map_engines.r1.toolbox is None:
            outside_path = self.path("mask", ".nii.gz", desc="R1outside")
            self.put((r1_wf, "outputnode.outside_mask"), "outside", outside_path, self.sidecars["outside"])
        if {"uni", "inv1", "inv2"} <= set(images):
            robust_path = self.path("UNIT1", ".nii.gz", desc="robust")
            self.put((r1_wf, "outputnode.robust_uni"), "robust", robust_path, self.sidecars["robust"])
        mask_path = self.path("mask", ".nii.gz", desc="brain")
        self.put((r1_wf, "outputnode.mask"), "mask", mask_path, self.sidecars["mask"])

    def _add_b1(self, b1: B1Map, mp2rage: MP2RAGE, r1_wf: Workflow) -> None:
        """Bring the transmit field to MP2RAGE, for the fit of R1."""
        b1_wf = init_b1_wf(b1=b1, mp2rage=mp2rage, seed=self.seed, mem_gb=self.mem_gb)
        self.give_reference(b1_wf, "inputnode.reference")
        r1_wf.inputs.inputnode.b1_scale = 1.0
        self.workflow.connect([(b1_wf, r1_wf, [("outputnode.b1_map", "inputnode.b1_map")])])
        path = self.path("TB1map", ".nii.gz", folder="fmap", space="UNIT1")
        self.put((b1_wf, "outputnode.b1_map"), "b1", path, self.sidecars["b1"], facts="outputnode.facts")

    def add_r2star(self) -> None:
        """Fit R2*, or take the map that exists."""
        if (existing := self.inputs.maps.get("R2star")) is not None:
            r2star_wf = init_existing_r2star_wf(source=existing, plausible=self.plausible("R2star"))
            self.maps["R2star"] = (r2star_wf, "outputnode.r2star_map")
            self.put(self.maps["R2star"], "r2star", self.path("R2starmap", ".nii.gz"), self.sidecars["R2star"])
            return
        megre = self.inputs.megre
        assert megre is not None
        engine, axes = self.map_engines.r2star, field_axes(self.inputs, self.settings, self.map_engines)
        r2star_wf = init_r2star_wf(
            echo_times=megre.echo_times, method=engine.method, engine=engine, field_axes=axes, mem_gb=self.mem_gb
        )
        r2star_wf.inputs.inputnode.magnitudes = [str(path) for path in megre.magnitudes]
        self.maps["R2star"] = (r2star_wf, "outputnode.r2star_map")
        facts = None if engine.toolbox is not None else "outputnode.field_facts"
        for name, suffix in (("r2star", "R2starmap"), ("s0", "S0map")):
            path, sidecar = self.path(suffix, ".nii.gz"), self.sidecars[suffix.removesuffix("map")]
            self.put((r2star_wf, f"outputnode.{name}_map"), name, path, sidecar, facts=facts)
        if axes is not None:
            r2star_wf.inputs.inputnode.phases = [str(path) for path in megre.phases]
            path = self.path("dseg", ".nii.gz", desc="R2starwarning")
            source = (r2star_wf, "outputnode.warning_map")
            self.put(source, "warning", path, self.sidecars["warning"], facts="outputnode.field_facts")

    def add_coregistration(self, *, required: bool) -> None:
        """Register ME-GRE to MP2RAGE; maps alone need no transform, and no brain.

        Parameters
        ----------
        required : bool
            Whether its absence is an error.
        """
        coregistration_wf = init_coregistration_wf(required=required, seed=self.seed, mem_gb=self.mem_gb)
        self.give_reference(coregistration_wf, "inputnode.fixed")
        self.give_moving(coregistration_wf, "inputnode.moving")
        self.workflow.connect([(self.r1_wf, coregistration_wf, [("outputnode.mask", "inputnode.mask")])])
        self.coregistration = coregistration_wf
        self.registered = required
        path = self.path("xfm", ".txt", from_="MEGRE", to="UNIT1", mode="image")
        source = (coregistration_wf, "outputnode.transform")
        self.put(source, "xfm", path, self.sidecars["xfm"], facts="outputnode.facts")

    def connect_map(self, metric: str, target: Workflow) -> None:
        """Give a map, and its transform, to what samples it.

        Parameters
        ----------
        metric : str
            R1 or R2star.
        target : Workflow
            Where to write.
        """
        source, field = self.maps[metric]
        self.workflow.connect([(source, target, [(field, "inputnode.in_map")])])
        if metric == "R2star" and self.coregistration is not None:
            edge = (self.coregistration, target, [("outputnode.transform", "inputnode.transform")])
            self.workflow.connect([edge])
        if self.lesions is not None:
            self.workflow.connect([(self.lesions, target, [(f"outputnode.{metric}_mask", "inputnode.lesions")])])

    def add_table(self) -> None:
        """Gather the rows of all samples in the regional table."""
        merge_rows = Node(Merge(len(self.rows)), name="merge_rows", run_without_submitting=True)
        for index, (source, field) in enumerate(self.rows, start=1):
            self.workflow.connect([(source, merge_rows, [(field, f"in{index}")])])
        regional_table = Node(
            RegionalTable(
                participant_id=f"sub-{self.inputs.participant}",
                session_id=f"ses-{self.inputs.session}" if self.inputs.session else "",
                engines=self.engines,
                notes=list(self.inputs.notes),
                parameters={name: dict(keys) for name, keys in self.inputs.parameters.items()},
            ),
            name="regional_table",
        )
        self.workflow.connect([(merge_rows, regional_table, [("out", "rows")])])
        if self.lesions is not None:
            fields = [(f"outputnode.{metric}_facts", f"lesions_{metric}") for metric in self.maps]
            self.workflow.connect([(self.lesions, regional_table, fields)])
        path = self.path("regions", ".tsv", folder="")
        self.put((regional_table, "table"), "regions", path)
        self.put((regional_table, "sidecar"), "regions_json", path.with_suffix(".json"))

    def figure_path(self, name: str) -> Path:
        """Return the path of a picture.

        Parameters
        ----------
        name : str
            Name.

        Returns
        -------
        Path
            The path of a picture.
        """
        return self.out_dir / f"sub-{self.inputs.participant}" / "figures" / f"{self.inputs.label}_desc-{name}.png"

    def plausible(self, metric: str) -> tuple[float, float]:
        """Return the range of a metric's values that count, 1/s.

        Parameters
        ----------
        metric : str
            R1 or R2star.

        Returns
        -------
        tuple (float, float)
            The range of a metric's values that count, 1/s.
        """
        return self.settings.r1.plausible if metric == "R1" else self.settings.r2star.plausible

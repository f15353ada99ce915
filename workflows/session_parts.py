"""What the parts of a session's workflow share: its inputs, its places, and what later parts connect to."""

from pathlib import Path

from nipype.pipeline.engine import Node, Workflow

from harmoniq.data.inputs import SessionInputs
from harmoniq.settings.schema import Settings
from harmoniq.workflows.engines import engine_names
from harmoniq.workflows.map_engines import MapEngines
from harmoniq.workflows.outputs import derivative_path, sink
from harmoniq.workflows.sidecars import session_sidecars


def set_input(target: Workflow | Node, field: str, value: str) -> None:
    """Set a node's input, or that of a workflow's node, as ``connect`` would name it.

    Parameters
    ----------
    target : Workflow or Node
        Whose input it is.
    field : str
        Of a node ``name``, of a workflow ``node.name``.
    value : str
        Text or path.
    """
    *nodes, name = field.split(".")
    inputs = target.inputs
    for node in nodes:
        inputs = getattr(inputs, node)
    setattr(inputs, name, value)


class SessionParts:
    """A session's workflow in the making: what its parts are made from, and what later parts connect to.

    Parameters
    ----------
    workflow : Workflow
        The session's workflow, to which parts are added.
    inputs : SessionInputs
        What the session has.
    settings : Settings
        Of the study, with the flags over it.
    engines : MapEngines
        What makes maps, surfaces and bundles that do not exist.
    out_dir : Path
        Folder of the results.
    seed : int
        Of all that is random.
    mem_gb : float
        Memory that a fit takes, GB.
    threads : int, optional
        Of FreeSurfer's programs and of QSIPrep.
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

    @property
    def r1_wf(self) -> Workflow:
        """The workflow that makes the R1 map, and the brain's mask in its space."""
        return self.maps["R1"][0]

    def path(self, suffix: str, extension: str, folder: str = "anat", **entities: str) -> Path:
        """Name one of the session's derivatives.

        Parameters
        ----------
        suffix : str
            BIDS suffix, such as ``R1map``.
        extension : str
            With its dot, such as ``.nii.gz``.
        folder : str, optional
            Such as ``anat``; empty: none.
        **entities : str
            BIDS entities, in the order in which they are written.

        Returns
        -------
        Path
            As `derivative_path`.
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
            What is given it.
        field : str
            Of a node ``name``, of a workflow ``node.name``.
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
            What is given it.
        field : str
            Of a node ``name``, of a workflow ``node.name``.
        """
        megre = self.inputs.megre
        if megre is None:
            self.workflow.connect([(self.maps["R2star"][0], target, [("outputnode.r2star_map", field)])])
        else:
            set_input(target, field, str(megre.magnitudes[0]))

    def put(
        self, source: tuple, name: str, path: Path, sidecar: dict | None = None, *, facts: str | None = None
    ) -> None:
        """Send a node's output to its place.

        Parameters
        ----------
        source : tuple (Node or Workflow, str)
            What puts the file out, and under which name.
        name : str
            Of the new node, after ``ds_``.
        path : Path
            Where the file goes.
        sidecar : dict or None, optional
            Content of the JSON beside it; None: none.
        facts : str or None, optional
            Another output of the source, a dictionary that goes into the sidecar; None: none.
        """
        node = sink(f"ds_{name}", path, sidecar)
        fields = [(source[1], "in_file"), *([(facts, "facts")] if facts else [])]
        self.workflow.connect([(source[0], node, fields)])

    def connect_map(self, metric: str, target: Workflow) -> None:
        """Give a map to what samples it, with its transform and its mask of lesions where there are any.

        Parameters
        ----------
        metric : str
            ``R1`` or ``R2star``.
        target : Workflow
            A workflow with `in_map`, ``transform`` and ``lesions`` among its inputs.
        """
        source, field = self.maps[metric]
        self.workflow.connect([(source, target, [(field, "inputnode.in_map")])])
        if metric == "R2star" and self.coregistration is not None:
            edge = (self.coregistration, target, [("outputnode.transform", "inputnode.transform")])
            self.workflow.connect([edge])
        if self.lesions is not None:
            self.workflow.connect([(self.lesions, target, [(f"outputnode.{metric}_mask", "inputnode.lesions")])])

    def figure_path(self, name: str) -> Path:
        """Name a picture of the session.

        Parameters
        ----------
        name : str
            What ``desc`` says.

        Returns
        -------
        Path
            In ``figures`` of the participant.
        """
        return self.out_dir / f"sub-{self.inputs.participant}" / "figures" / f"{self.inputs.label}_desc-{name}.png"

    def plausible(self, metric: str) -> tuple[float, float]:
        """Return the range of a metric's values that count.

        Parameters
        ----------
        metric : str
            ``R1`` or ``R2star``.

        Returns
        -------
        tuple (float, float)
            Lowest and highest, 1/s.
        """
        return self.settings.r1.plausible if metric == "R1" else self.settings.r2star.plausible

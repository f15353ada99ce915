"""Pictures of one session's maps, and of the registration between them."""

from nipype.pipeline.engine import Node, Workflow

from harmoniq.data.names import METRIC_WORDS
from harmoniq.interfaces.report import MapFigure, RegistrationFigure
from harmoniq.workflows.session_parts import SessionParts


def add_map_figures(parts: SessionParts) -> None:
    """Draw the maps and the registration.

    Parameters
    ----------
    parts : SessionParts
        The session's workflow with its maps and registration.
    """
    label, registration = parts.inputs.label, parts.coregistration if parts.registered else None
    for metric, (source, field) in parts.maps.items():
        name = f"figure_{metric.lower()}"
        figure = Node(MapFigure(metric=metric, title=f"{label}: {METRIC_WORDS[metric]}"), name=name, mem_gb=1.0)
        parts.workflow.connect([(source, figure, [(field, "in_map")])])
        if metric == "R1" or registration is not None:
            parts.workflow.connect([(parts.r1_wf, figure, [("outputnode.mask", "mask")])])
        if metric != "R1" and registration is not None:
            parts.workflow.connect([(registration, figure, [("outputnode.transform", "transform")])])
        parts.put((figure, "figure"), name, parts.figure_path(metric))
    if registration is not None:
        _add_registration_figure(parts, registration)


def _add_registration_figure(parts: SessionParts, coregistration_wf: Workflow) -> None:
    figure_registration = Node(
        RegistrationFigure(title=f"{parts.inputs.label}: edges of MP2RAGE over ME-GRE"),
        name="figure_registration", mem_gb=1.0,
    )  # fmt: skip
    parts.give_reference(figure_registration, "fixed")
    parts.give_moving(figure_registration, "moving")
    parts.workflow.connect([
        (coregistration_wf, figure_registration, [("outputnode.transform", "transform")]),
        (parts.r1_wf, figure_registration, [("outputnode.mask", "mask")]),
    ])  # fmt: skip
    parts.put((figure_registration, "figure"), "figure_registration", parts.figure_path("registration"))
    parts.put((figure_registration, "fixed_frame"), "figure_fixed", parts.figure_path("registrationMP2RAGE"))
    parts.put((figure_registration, "moving_frame"), "figure_moving", parts.figure_path("registrationMEGRE"))

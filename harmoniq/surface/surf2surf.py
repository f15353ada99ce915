"""PALS-B12 from fsaverage to a subject by FreeSurfer's ``mri_surf2surf``."""

from pathlib import Path

from harmoniq.data.errors import InputError
from harmoniq.surface.freesurfer import FreeSurfer, run_freesurfer
from harmoniq.surface.recon_all import prepare_fsaverage

ANNOTATION = "PALS_B12_Brodmann"


def annotation_command(subject: str, hemisphere: str, source: Path, target: Path) -> list[str]:
    """Make the command line that maps an annotation of fsaverage to a subject.

    Parameters
    ----------
    subject : str
        Its name in the subjects directory.
    hemisphere : {'lh', 'rh'}
        Whose annotation it is.
    source, target : path
        The annotations: fsaverage's, and the subject's to be written.

    Returns
    -------
    list of str
        The program's name and its arguments.
    """
    return [
        "mri_surf2surf", "--srcsubject", "fsaverage", "--trgsubject", subject, "--hemi", hemisphere,
        "--sval-annot", str(source), "--tval", str(target),
    ]  # fmt: skip


def map_annotation(freesurfer: FreeSurfer, subject_dir: Path, out_dir: Path) -> list[Path]:
    """Map fsaverage's PALS-B12 to a subject.

    The subject's own directory may be read-only and lack fsaverage: a subjects directory of links is made in `out_dir`.

    Parameters
    ----------
    freesurfer : FreeSurfer
        Whose fsaverage and program are taken.
    subject_dir : path
        The subject's folder; not written to.
    out_dir : path
        Gets the annotations, the directory of links, and the log.

    Returns
    -------
    list of Path
        ``lh.`` and ``rh.PALS_B12_Brodmann.annot`` in `out_dir`.

    Raises
    ------
    InputError
        When FreeSurfer's fsaverage has not the annotation, or the program refuses or fails.
    """
    subjects_dir = out_dir / "subjects"
    prepare_fsaverage(freesurfer, subjects_dir)
    link = subjects_dir / subject_dir.name
    if not link.exists():
        link.unlink(missing_ok=True)
        link.symlink_to(subject_dir, target_is_directory=True)
    files = []
    for hemisphere in ("lh", "rh"):
        source = freesurfer.fsaverage / "label" / f"{hemisphere}.{ANNOTATION}.annot"
        if not source.is_file():
            raise InputError("file not found", file=source, remedy="install FreeSurfer with its average subjects")
        target = out_dir / f"{hemisphere}.{ANNOTATION}.annot"
        command = annotation_command(subject_dir.name, hemisphere, source, target)
        run_freesurfer(command, freesurfer, subjects_dir=subjects_dir, log=out_dir / "mri_surf2surf.log")
        files.append(target)
    return files

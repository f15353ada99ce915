"""What a worker does before its first node."""

from nipype.pipeline.plugins.multiproc import process_initializer

from harmoniq.jobs.signals import end_with_parent


def begin_worker(folder: str) -> None:
    """Go to the run's folder, and end when its main process does.

    Parameters
    ----------
    folder : str
        Where the run was started.
    """
    end_with_parent()
    process_initializer(folder)

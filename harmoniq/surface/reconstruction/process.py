"""Run one stage of the reconstruction in a process of its own, one thread each, and say in a sentence why it failed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harmoniq.data.errors import InputError
from harmoniq.data.files import write_json

#: More threads would round sums in another order from run to run.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")
_MODULE = "harmoniq.surface.reconstruction.worker"
_TAIL = 400


def run_stage(stage: str, folder: Path, **parameters: Any) -> dict[str, Any]:
    """Run a stage of `harmoniq.surface.reconstruction.worker` in a process of its own.

    Parameters
    ----------
    stage : str
        One of `harmoniq.surface.reconstruction.worker.STAGES`.
    folder : path
        Where it works, and where its log ``STAGE.log`` goes.
    **parameters
        Of the stage; paths and numbers.

    Returns
    -------
    dict of str to object
        What the stage returned.

    Raises
    ------
    InputError
        When what the image holds stopped the stage: the worker's own sentence.
    RuntimeError
        When the process died or failed otherwise; with the end of its log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    job, result = folder / f"{stage}.job.json", folder / f"{stage}.result.json"
    result.unlink(missing_ok=True)
    write_json(job, {"stage": stage, "result": str(result), "parameters": _plain(parameters)})
    command = [sys.executable, "-P", "-m", _MODULE, str(job)]
    code = run_logged(command, folder / f"{stage}.log", folder)
    answer = json.loads(result.read_text()) if result.is_file() else {}
    if "problem" in answer:
        raise InputError(answer["problem"], remedy=answer.get("remedy"))
    if code != 0 or "facts" not in answer:
        raise RuntimeError(failure(stage, code, folder / f"{stage}.log"))
    facts: dict[str, Any] = answer["facts"]
    return facts


def run_logged(command: list[str], log: Path, folder: Path) -> int:
    """Run a command with one thread, its output in a log.

    Parameters
    ----------
    command : list of str
        Program and arguments; no shell reads them.
    log : path
        Takes both of its streams; overwritten.
    folder : path
        In which it runs.

    Returns
    -------
    int
        Its exit code; negative for the signal that ended it.
    """
    environment = {**os.environ, **dict.fromkeys(_ONE_THREAD, "1"), "PYTHONHASHSEED": "0"}
    with log.open("wb") as stream:
        done = subprocess.run(
            command, stdout=stream, stderr=subprocess.STDOUT, cwd=folder, env=environment, check=False
        )
    return done.returncode


def failure(stage: str, code: int, log: Path) -> str:
    """Say why a process failed.

    Parameters
    ----------
    stage : str
        What it is called in the sentence.
    code : int
        Exit code; negative for the signal that ended it.
    log : path
        What it wrote.

    Returns
    -------
    str
        Names the signal, or the end of the log, and the log.
    """
    if code < 0:
        name = signal.Signals(-code).name
        hint = " (out of memory? give the run more with --mem)" if name == "SIGKILL" else ""
        return f"{stage} was ended by {name}{hint}; log: {log}"
    text = " ".join(log.read_text(errors="replace").split())[-_TAIL:]
    return f"{stage} failed with exit code {code}: {text or 'no output'}; log: {log}"


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in parameters.items()}

"""What every worker needs, imported once by the process from which the workers are forked."""

import logging
import os

import numpy
import pandas
from nipype.pipeline.engine import Node
from nipype.pipeline.plugins import multiproc

from harmoniq.interfaces import maps, registration, sinks, surface, table, tract

__all__ = ["Node", "maps", "multiproc", "numpy", "pandas", "registration", "sinks", "surface", "table", "tract"]

# Workers do not get the main process's logging: they would print each node at its start and end.
for _name in ("nipype.workflow", "nipype.interface", "nipype.utils"):
    logging.getLogger(_name).setLevel(int(os.environ.get("HARMONIQ_LOG_LEVEL", logging.CRITICAL)))

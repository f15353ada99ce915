"""What every worker needs, imported once by the process from which the workers are forked."""

import numpy
import pandas
from harmoniq.interfaces import maps, registration, sinks, surface, table, tract
from nipype.pipeline.engine import Node
from nipype.pipeline.plugins import multiproc

__all__ = ["Node", "maps", "multiproc", "numpy", "pandas", "registration", "sinks", "surface", "table", "tract"]

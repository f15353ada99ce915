"""harmoniq: quantitative MRI across scanners, from raw BIDS to harmonised R1 and R2* and their statistics.

The package is a set of pure functions on arrays (``harmoniq.mp2rage``, ``harmoniq.r2star``,
``harmoniq.surface``, ``harmoniq.tract``, ``harmoniq.harmonization``, ``harmoniq.statistics``), thin Nipype nodes
around them (``harmoniq.interfaces``), factories that connect the nodes (``harmoniq.workflows``), and a command
line (``harmoniq.cli``). Importing the package itself loads none of these.
"""

__version__ = "0.1.0"

"""R1 from MP2RAGE: the signal model, its inversion by lookup table, scaling and background suppression.

Pure functions on arrays; each module is imported by its full name, so that importing the package costs nothing.
"""

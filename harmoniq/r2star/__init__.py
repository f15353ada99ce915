"""R2* from multi-echo gradient echoes: the decay and six ways to fit it.

Pure functions on arrays; each module is imported by its full name, so that importing the package costs nothing.
"""

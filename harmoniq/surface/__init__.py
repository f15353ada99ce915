"""Cortical surfaces: FreeSurfer subjects, points at a depth, samples of a map at them, Brodmann areas of PALS-B12.

The geometry and the sampling are FreeSurfer's (``mri_vol2surf``), done in the map's own space.
"""

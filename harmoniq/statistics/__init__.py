"""The statistics of the group level: site effects, age models, group differences and their summaries.

Every function takes a `harmoniq.data.cohort.Cohort` and the values by method (``raw``, ``combat``, ``gam``, ``hbr``;
arrays of the cohort's shape, NaN where a value is missing) and returns tidy tables whose columns are described by a
constant of the same module. Nothing is read from or written to disk.
"""

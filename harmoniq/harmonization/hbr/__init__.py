"""Hierarchical Bayesian regression: its model, the fast sampler, PCNtoolkit as the reference, and the harmonizer."""

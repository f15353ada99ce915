"""Harmonization of regional values over sites: raw, ComBat, ComBat-GAM and hierarchical Bayes under one contract."""

"""Harmonization of regional values over sites: raw, ComBat and ComBat-GAM under one contract."""

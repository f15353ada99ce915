"""Lesion masks: found in derivatives, brought to a map's grid, dilated, and taken out of the map."""

"""Inputs and files: what a dataset holds, checked, and how everything is read and written."""

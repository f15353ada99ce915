"""Nipype nodes: files in, a call of the science, files out."""

"""Figures and self-contained HTML reports from tables: no network, no state, files in and files out."""

"""QSIPrep and QSIRecon, the reference engine of the bundles: command lines by version, containers, staging, results."""

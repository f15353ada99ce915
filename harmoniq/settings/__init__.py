"""Settings of a run: one frozen, validated object, made from TOML files and command-line flags.

Nothing here is global, and nothing is read at import: the command line makes the object, and hands its parts on as
narrow keyword arguments.
"""

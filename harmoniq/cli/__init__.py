"""The command line: options in, settings and workflows made, a summary and an exit code out."""

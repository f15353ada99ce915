"""Factories that connect nodes into workflows, and what runs them; nothing else."""

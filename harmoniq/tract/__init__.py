"""White-matter bundles: their names, where pipelines leave them, and profiles of a map along them."""

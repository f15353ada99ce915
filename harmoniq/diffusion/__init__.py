"""Bundles from diffusion images: preprocessing, tissue, tracking by DIPY, recognition and cleaning by pyAFQ."""

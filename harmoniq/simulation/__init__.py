"""A digital reference cohort: anatomy, truth, signals and raw BIDS with known answers."""

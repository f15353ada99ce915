"""The regional table: averages per Brodmann area and bundle, written per participant, collected for the group."""

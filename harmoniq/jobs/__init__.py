"""Bookkeeping of participants: who is pending, running, done or failed, and why; scripts for a cluster."""

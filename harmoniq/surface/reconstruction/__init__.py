"""Cortical surfaces without FreeSurfer: the embedded engine on cat-surf (CAT12's library) and ANTs.

cat-surf is GPL-2.0-or-later and an optional extra. It is called in a process of its own (``worker``), like ANTs, whose
threads would otherwise change the last digits of results; nothing of it is imported where harmoniq runs.
"""

"""Rigid registration between images of one session, ITK transform files and a rough brain mask.

Each module is imported by its full name; SimpleITK is only loaded when a function that needs it runs.
"""

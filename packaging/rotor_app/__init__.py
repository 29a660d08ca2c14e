"""The one top-level name of the installed program: `core` and `tui` lie below it in the wheel.

Other distributions ship a top-level `core` too. Installing one beside ours would overwrite our files, and removing it
would delete them.
"""

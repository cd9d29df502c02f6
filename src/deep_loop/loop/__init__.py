"""The application: one unit of work, the study that repeats it, the outer tier. Sees only core and ports."""

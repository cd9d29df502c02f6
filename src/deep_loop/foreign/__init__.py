"""Logs of other systems, read without knowing which system it was: pure, no input or output."""

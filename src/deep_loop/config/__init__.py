"""`deep-loop.toml`, read into typed settings.

A key that is not known, a value of the wrong kind and a regular expression that does not compile are errors of one
line that name the key, its table and what to do.
"""

from deep_loop.config.agents import ANALYSTS, PROPOSERS, is_proposer
from deep_loop.config.loading import find, load, parse
from deep_loop.config.manual import reference
from deep_loop.config.settings import FILE, Settings

__all__ = ["ANALYSTS", "FILE", "PROPOSERS", "Settings", "find", "is_proposer", "load", "parse", "reference"]

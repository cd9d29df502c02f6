"""The Markdown files beside this module, with `$variables` that are strict."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from string import Template


def fill(name: str, /, **values: str) -> str:
    """The text of `<name>.md` with its variables replaced, without white space around it.

    Raises ValueError unless exactly the file's variables are given. What is put in is never looked at again, so
    that braces and dollar signs in it mean nothing.
    """
    template = _load(name)
    wanted = set(template.get_identifiers())
    if wanted != values.keys():
        missing, unused = sorted(wanted - values.keys()), sorted(values.keys() - wanted)
        raise ValueError(f"{name}.md: missing {', '.join(missing) or 'none'}; unused {', '.join(unused) or 'none'}")
    return template.substitute(values).strip()


@lru_cache(maxsize=64)
def _load(name: str) -> Template:
    return Template(resources.files(__package__).joinpath(f"{name}.md").read_text("utf-8"))

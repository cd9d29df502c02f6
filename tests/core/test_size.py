"""How much code a program has."""

from __future__ import annotations

from deep_loop.core.size import size

PROGRAM = '"""What it does."""\nRATE = 0.1\n\n\ndef f(x):\n    """Twice."""\n    y = 2 * x  # a comment\n    return y\n'


def test_comments_docstrings_and_layout_do_not_count() -> None:
    """Only code does."""
    bare = "RATE = 0.1\ndef f(x):\n    y = (2 *\n        x)\n    return y\n"
    assert size({"train.py": PROGRAM}) == size({"train.py": bare})


def test_simpler_means_fewer_lines_and_fewer_nodes() -> None:
    """Another constant is not simpler, nor is the same code on fewer lines."""
    shorter = PROGRAM.replace("    y = 2 * x  # a comment\n    return y", "    return 2 * x")
    dense = PROGRAM.replace("    y = 2 * x  # a comment\n    return y", "    return (lambda y: y + 0)(2 * x)")
    assert size({"train.py": shorter}).simpler_than(size({"train.py": PROGRAM}))
    assert not size({"train.py": PROGRAM.replace("0.1", "2")}).simpler_than(size({"train.py": PROGRAM}))
    assert not size({"train.py": dense}).simpler_than(size({"train.py": PROGRAM}))
    assert size({"notes.txt": "a\n\nb c\n"}) == size({"notes.txt": "a\nb c"})

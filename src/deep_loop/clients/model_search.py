"""Finds a regular expression in files: a program of its own, which the `model` proposer starts and can kill.

A model's pattern may take forever (`(a+)+$`), and Python holds its lock meanwhile: it would stop the whole harness.
It reads `{"pattern", "files", "most", "width"}` from standard input, and prints `{"hits": [[file, line, text], …]}` or
`{"error"}`. The standard library alone: it is started without packages, keys or environment.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path


def main() -> None:
    """One search, at most `most` lines, each of at most `width` characters."""
    asked = json.load(sys.stdin)
    try:
        pattern = re.compile(asked["pattern"])
    except (re.error, RecursionError, OverflowError) as error:
        print(json.dumps({"error": str(error)}))
        return
    hits: list[tuple[str, int, str]] = []
    for file in asked["files"]:
        try:
            text = Path(file).read_bytes().decode()
        except (OSError, UnicodeDecodeError):
            continue
        for number, row in enumerate(text.splitlines(), 1):
            if pattern.search(row):
                hits.append((file, number, row[: asked["width"]]))
                if len(hits) >= asked["most"]:
                    break
        if len(hits) >= asked["most"]:
            break
    print(json.dumps({"hits": hits}))


if __name__ == "__main__":
    main()

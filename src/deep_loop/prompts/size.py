"""How many tokens a text is, roughly."""

from __future__ import annotations

import math

# "For Claude, a token approximately represents 3.5 English characters" (Anthropic's glossary); OpenAI says 4. Tables of
# numbers have fewer characters to a token, about 2.5, and other scripts about one: hence bytes. Wrong by a third at
# times, which a budget far below any context window forgives.
BYTES_PER_TOKEN = 3.5


def tokens(text: str) -> int:
    """An estimate that needs no tokenizer, and is the same for every model."""
    length = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return math.ceil(length / BYTES_PER_TOKEN)


def head(text: str, limit: int) -> str:
    """As many whole lines of its beginning as `limit` tokens hold, with a line that says how much is left out."""
    if tokens(text) <= limit:
        return text
    kept = text.encode("utf-8", "surrogatepass")[: int(limit * BYTES_PER_TOKEN)].decode("utf-8", "ignore")
    whole = kept.rpartition("\n")[0] or kept
    return f"{whole}\n[… {len(text) - len(whole)} more characters are left out here]"

#!/usr/bin/env python3
"""Hand over to deep-loop: `python meta_analyze.py --workspace DIR --write-hypotheses PATH`."""

from orchestrate import hand_over

if __name__ == "__main__":
    hand_over("meta-analyze")

#!/usr/bin/env python3
"""Hand over to deep-loop: `python notify.py --event breakthrough --val 0.9891 --experiments 34`."""

from orchestrate import hand_over

if __name__ == "__main__":
    hand_over("notify")

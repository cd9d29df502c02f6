"""Settings and flags in, a study out. With the modules beside it, alone in naming concrete classes.

options     what is asked for
task        settings as the loop knows them
lab         the ports of one study                <- read first
studies     what a study would be, and one ready to run
requests    what is asked of a study that is there: a suggestion, a brief, an analysis, an estimate
"""

from deep_loop.adapters.workspace.lock import Owner, busy, owner
from deep_loop.wiring.lab import branch_of, uid_of
from deep_loop.wiring.options import Plan, RunOptions
from deep_loop.wiring.requests import brief, estimate, meta, reproduce, request, suggest
from deep_loop.wiring.studies import plan, study

__all__ = [
    "Owner",
    "Plan",
    "RunOptions",
    "branch_of",
    "brief",
    "busy",
    "estimate",
    "meta",
    "owner",
    "plan",
    "reproduce",
    "request",
    "study",
    "suggest",
    "uid_of",
]

"""What a person or a program sees of a study: read models that every interface shares.

They are made from the ledger, opened for reading only, and from the logs; making one changes nothing.

    choose      which study a person means
    is_imported  whether one was read from another system's log; `measured_by`, `refuse`
    look        look at one: `overview`, `history`, `strategies`, `hypotheses`, `experiment`
    values      what is seen
"""

from deep_loop.views.imported import is_imported, measured_by, refuse
from deep_loop.views.lens import Lens, choose, look
from deep_loop.views.values import (
    Agent,
    Best,
    Detail,
    Estimate,
    Overview,
    Prediction,
    Queue,
    Queued,
    Row,
    Run,
    Running,
    Spent,
)

__all__ = [
    "Agent",
    "Best",
    "Detail",
    "Estimate",
    "Lens",
    "Overview",
    "Prediction",
    "Queue",
    "Queued",
    "Row",
    "Run",
    "Running",
    "Spent",
    "choose",
    "is_imported",
    "look",
    "measured_by",
    "refuse",
]

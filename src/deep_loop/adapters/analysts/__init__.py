"""Analysts: the outer tier's thinkers. Each implements `ports.Analyst`.

statistics      the analyst that needs no model; the rooms below are its parts, in the order of its thought
evidence          the dossier as trials with gains and errors
estimates         proportions and gains with intervals, shrunken where little is known
scales            a constant's numbers on a scale of equally bold steps
profiles          which values of a constant were tried, and how good each was
importance        which constants decide about the metric
bench             all of these side by side: what ideas are drawn from
steps, pairs, neglected      the three sources of ideas
ideas             the ideas ranked and chosen
draft             the strategy's typed fields
account           the same in words: what worked, what did not, what changes
words             numbers and lists as sentences write them

investigator    a model with tools, sub-tasks and a notebook; its docstring lists its rooms
model           one request to a model
reader          the client of an agent that reads a folder: Claude Code, and openplanter
casefile          the evidence as a folder; tables and query its database
finish            a model's revision made whole and looked over
means             what those that ask a model's API are lent
"""

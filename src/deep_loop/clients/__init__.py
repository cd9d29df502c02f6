"""What proposers and analysts share: the command-line clients of coding agents, and the APIs of models.

client.py          one call of a client is one job: from what it is told to what it said     <- read first
claude_code.py     the ways of Claude Code; those of the others are with the proposers
events.py          lines of JSON that a client prints
failures.py        why a call failed, and when to ask again; secrets
looks.py           what has changed in a folder
programs.py        where the programs are, and what they need to see

model_client.py    the providers, their addresses and keys
model_patience.py  asks again, and counts what is used
model_faults.py    what went wrong, and whose fault it is
model_transcript.py  what was said: the log, and the session that a later call goes on with
model_calls.py     ends what goes on in other threads
reading.py         files that a model may list, read and search; model_search.py finds things for it
"""

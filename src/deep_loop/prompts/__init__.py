"""What an agent is told, as text, and how its reply is read.

brief.py         a `ports.Brief` as Markdown, within a budget of tokens     <- read first
instructions.py  sections that say what is asked
evidence.py      sections that say what is known; rows.py and figures.py write their lines and numbers
account.py       what a history comes to: results, tallies, constants, crashes, near misses
fence.py         other people's words (history, logs, files) as data that cannot pass for ours
size.py          how many tokens a text is
template.py      the texts: *.md beside this file, with strict `$variables`
reply.py         the agent's statement of its hypothesis, from its last message
"""

from deep_loop.prompts.brief import TOKENS as TOKENS
from deep_loop.prompts.brief import Way as Way
from deep_loop.prompts.brief import render as render
from deep_loop.prompts.brief import returned as returned
from deep_loop.prompts.reply import SCHEMA as SCHEMA
from deep_loop.prompts.reply import declined as declined
from deep_loop.prompts.reply import read as read

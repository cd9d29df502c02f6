"""What an agent is told, as text, and how its reply is read.

    brief.py      a `ports.Brief` as Markdown, within a budget of tokens
    fence.py      other people's words (history, logs, files) as data that cannot pass for ours
    reply.py      the agent's statement of its hypothesis, from its last message
    *.md          the texts, with variables in {braces}
"""

from deep_loop.prompts.brief import TOKENS as TOKENS
from deep_loop.prompts.brief import render as render
from deep_loop.prompts.brief import returned as returned
from deep_loop.prompts.reply import SCHEMA as SCHEMA
from deep_loop.prompts.reply import read as read

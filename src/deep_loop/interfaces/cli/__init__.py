"""The command line. Importing it costs nothing: the rest is imported when a command runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    This is the process's edge: here, and nowhere else, an error that deep-loop raised on purpose
    becomes one line, a blank line and `hint: …` on standard error, and so does a failure of the machine
    (`machine.py`). Everything else is a bug and shows its traceback.
    """
    # Looking for plugins of pydantic reads the metadata of every package installed; settings need none of them.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

    import click

    from deep_loop.errors import DeepLoopError
    from deep_loop.interfaces.cli.group import INTERRUPTED, USAGE, root

    try:
        code = root.main(arguments, prog_name="deep-loop", standalone_mode=False)
    except DeepLoopError as error:
        return _told(str(error), error.hint, error.exit_code)
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "deep-loop"
        return _told(error.format_message(), getattr(error, "hint", f"see `{path} --help`"), USAGE)
    except click.exceptions.Abort:
        return INTERRUPTED
    except OSError as error:
        from deep_loop.interfaces.cli.machine import explain

        if (explained := explain(error)) is None:
            raise
        return _told(str(explained), explained.hint, explained.exit_code)
    return code if isinstance(code, int) else 0


def _told(message: str, hint: str, code: int) -> int:
    print(f"{message}\n\nhint: {hint}", file=sys.stderr)
    return code

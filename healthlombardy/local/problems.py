"""What ends a local command in words instead of a traceback."""

import errno
import sys


class Problem(Exception):
    """Carry the sentence that says what is wrong and what to do."""


class StopRequested(Exception):
    """Say that somebody pressed Ctrl-C or asked the process to end."""


def sentence_for(error: OSError) -> str:
    """Return what to do about an error of the operating system."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"The disk is full{where}. Free some space, or set DATA_DIR to a folder on another disk."
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return f"This user may not write here{where}. Set DATA_DIR to a folder of your own, or mend its permissions."
    return f"The system refused: {error.strerror or error}{where}. Mend the folder, or set DATA_DIR to another."


def say(line: str) -> None:
    """Write one line to the terminal at once."""
    print(line, file=sys.stderr, flush=True)

"""Entry of script/run, script/manage and script/test: python -m healthlombardy.local COMMAND."""

import sys
from collections.abc import Sequence

from healthlombardy.local.manage import manage
from healthlombardy.local.problems import Problem, StopRequested, say, sentence_for
from healthlombardy.local.run import run
from healthlombardy.local.verification import verify

USAGE = "Use script/run, script/manage COMMAND or script/test."


def main(arguments: Sequence[str]) -> int:
    """Do what is asked; end in a sentence when it cannot be done."""
    try:
        match arguments:
            case ["run"]:
                return run()
            case ["manage", *rest]:
                return manage(rest)
            case ["test", *rest]:
                return verify(rest)
            case _:
                raise Problem(USAGE)
    except Problem as problem:
        say(str(problem))
    except OSError as error:
        say(sentence_for(error))
    except (KeyboardInterrupt, StopRequested):
        say("Stopped.")
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

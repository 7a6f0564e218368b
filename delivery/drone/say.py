"""Words and exit codes. Sentences for people go to standard error; what another program may take goes to standard output."""

import argparse
import sys

DONE = 0
FAILED = 1
PUT_BACK = 3
STRANDED = 4

CODES = """exit codes:
  0  done, or it was done already
  1  failed; nothing that runs was changed
  2  the command line is wrong
  3  failed; the version before runs again
  4  failed, and the version before could not be put back: look now
"""


class Failure(Exception):
    """Something that a person must know: what is so, what was not done, what to do."""

    def __init__(self, sentence, code=FAILED):
        super().__init__(sentence)
        self.code = code


class Unclear(Failure):
    """What could not be found out. It says nothing against what runs, so nothing is taken back for it."""


def say(sentence):
    """One sentence for people."""
    print(sentence, file=sys.stderr, flush=True)


def give(value):
    """What this program is called for, for the next one."""
    print(value, flush=True)


def arguments(text):
    """A parser whose --help has the program's own text and the exit codes."""
    return argparse.ArgumentParser(
        description=text, epilog=CODES, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )


def run(main):
    """Runs a program: a failure is its sentence and its code, never a stack."""
    try:
        sys.exit(main() or DONE)
    except Failure as failure:
        say(f"{sys.argv[0].rsplit('/', 1)[-1]}: {failure}")
        sys.exit(failure.code)
    except Exception as error:
        # what AWS refuses is told in AWS's words; anything else is a mistake in here, and keeps its stack
        if not type(error).__module__.startswith("botocore"):
            raise
        say(f"{sys.argv[0].rsplit('/', 1)[-1]}: AWS: {error}")
        sys.exit(FAILED)
    except KeyboardInterrupt:
        say("Interrupted; run it again, it goes on from where things are.")
        sys.exit(FAILED)

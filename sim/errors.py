"""What a person did that we cannot act on, said in one sentence."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Bad input. The message is one sentence naming the key, the value and what is allowed.

    The command line prints it and exits with status 2; nothing else is ever shown to the user.
    """


def did_you_mean(word: str, known: Iterable[str], limit: int = 12) -> str:
    """The tail of a sentence about an unknown word: the nearest known ones, or all of them.

    >>> did_you_mean("memry", ["memory", "launch"])
    'did you mean memory?'
    >>> did_you_mean("zzz", ["memory", "launch"])
    'allowed: launch, memory'
    """
    names = sorted(known)
    close = get_close_matches(word, names, n=2, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(close)}?"
    shown = ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
    return f"allowed: {shown}" if names else "none is known"

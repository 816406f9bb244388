"""`vectorize`: a C file with the factors that its loops should be compiled with."""

import sys
from argparse import Namespace

from sim.config import assign, split_setting
from sim.errors import UserError
from sim.registry import find_tool


def vectorize(given: Namespace) -> int:
    """Print what is advised per loop; write the annotated file to `--out`, or to standard output."""
    annotate = find_tool("vectorize")
    settings: dict[str, object] = {}
    for text in given.set:
        assign(settings, *split_setting(text))
    try:
        source = given.file.read_bytes().decode("utf-8")
    except OSError as error:
        raise UserError(f"{given.file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"{given.file} is not UTF-8 text") from None
    annotated, advice, remarks = annotate(source, str(given.file), settings)
    for line in (*advice, *remarks):
        print(line, file=sys.stderr)
    if given.out:
        given.out.write_bytes(annotated.encode())
    else:
        sys.stdout.write(annotated)
    return 0

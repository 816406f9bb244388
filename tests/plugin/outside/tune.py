"""A decision problem of a package's own: which block size and how many buffers copy a file to tape fastest?"""

from sim.judge.problem import ByPlan, Instance, Plan, Planned, Problem, Rule, Split
from sim.rng import Stream

BLOCKS = tuple(2**k * 1024 for k in range(6, 14))  # bytes
BUFFERS = (1, 2, 4, 8)
#: What is known of a file: its size in bytes, and how often the disk it comes from stalls, per second.
FILES = {"train": ((1e9, 1.0), (1e9, 9.0), (64e9, 3.0)), "held_out": ((8e9, 6.0), (256e9, 2.0))}


def seconds(size: float, stalls: float, plan: Plan) -> float:
    """Transfer, a start per block, and the rewinds of a drive that has run dry: fewer with more in the buffers."""
    block, buffers = BLOCKS[plan[0]], BUFFERS[plan[1]]
    held = block * buffers / 400e6
    return size / 400e6 + size / block * 5e-5 + 2.0 * stalls / (1.0 + 500.0 * held) + held


def files(split: Split) -> list[Instance]:
    """The files of a split."""
    return [_file(split, number, *known) for number, known in enumerate(FILES.get(split, ()))]


def _file(split: Split, number: int, size: float, stalls: float) -> Planned:
    def value(plan: Plan, workload: Stream) -> float:
        return seconds(size, stalls, plan)

    return Planned(f"{split} {number}", f"{split} files", (size, stalls), (len(BLOCKS), len(BUFFERS)), value)


def shipped(instance: Instance) -> Rule:
    """What the tool does unless it is told otherwise."""
    return ByPlan((0, 0))


PROBLEM = Problem(
    name="tape_tuning",
    question="Which block size and how many buffers copy a file to tape fastest?",
    arms=(len(BLOCKS), len(BUFFERS)),
    horizon=2,
    better="lower",
    instances=files,
    budget=12,
    default=shipped,
    unit="time",
)

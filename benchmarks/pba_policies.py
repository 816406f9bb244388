"""How fast is augmenting by a policy, and a search without training? Ratios on one thread, everything in one process.

The thread's CPU time is compared, so that neighbours who take the core away for a while do not count.

The rival is the straightforward loop over images with Pillow, well kept: an image is made from its array, goes through
the policy's entries in random order until as many have fired as were drawn, and becomes an array again, holes filled
with the mean colour. Cutout pastes a box, where the authors' code sets pixel by pixel. Half of the images are noise and
half photographs (patches of scikit-learn's), since some operations take longer on one or the other.

Claims, checked at the end: augmenting 32 x 32 colour images by drawn policies >= 20x the loop; a search of 16 trials
and 30 intervals that trains nothing well under 0.1 s.
"""

import random
import sys
from pathlib import Path
from statistics import median
from time import thread_time

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from hardware_models.network.cluster import Cluster
from scenarios.pba.augmenting import augment
from scenarios.pba.choosing import COUNTS, by_policy
from scenarios.pba.operations import LEVELS, OPERATIONS, Chosen
from scenarios.pba.policy import Policy
from scenarios.pba.search import Plan, Unlearned, search

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from pillow_operations import OPERATIONS as PILLOW

IMAGES, REPEATS, POLICIES = 256, 9, 8
#: A batch of ours takes so little that a clock needs several.
TIMES = 10
MEAN = (125.0, 123.0, 114.0)
SPEED_BAR, SEARCH_BAR = 20.0, 0.1


def images():
    """Bytes of shape (IMAGES, 3, 32, 32), noise and patches of photographs in turn."""
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(0)
    made = rng.integers(0, 256, (IMAGES, 3, 32, 32), np.uint8)
    photos = load_sample_images().images
    for place in range(0, IMAGES, 2):
        photo = photos[place // 2 % 2]
        top, left = rng.integers(0, photo.shape[0] - 32), rng.integers(0, photo.shape[1] - 32)
        made[place] = photo[top : top + 32, left : left + 32].transpose(2, 0, 1)
    return made


def by_pillow(arrays, entries):
    """The loop; arrays (32, 32, 3), entries (operation, probability, level)."""
    return [_one_by_pillow(array, list(entries)) for array in arrays]


def _one_by_pillow(array, entries):
    count = random.choices((0, 1, 2), COUNTS)[0]
    if not count:
        return array
    picture = Image.fromarray(array).convert("RGBA")
    random.shuffle(entries)
    for name, probability, level in entries:
        if random.random() < probability:
            sign = 1 if random.random() < 0.5 else -1
            centre = (int(random.random() * 32), int(random.random() * 32))
            picture = PILLOW[name](picture, level, sign, centre)
            count -= 1
            if not count:
                break
    made = np.asarray(picture)
    return np.where(made[..., 3:] == 0, np.array(MEAN, np.uint8), made[..., :3])


def timed(call, *given):
    """CPU seconds of one call."""
    begin = thread_time()
    call(*given)
    return thread_time() - begin


def policies():
    """(us per image of ours, of the loop, ratio): medians over repeats that alternate, policies drawn."""
    planes, rng = images(), np.random.default_rng(1)
    arrays = [np.ascontiguousarray(one.transpose(1, 2, 0)) for one in planes]
    drawn = [Policy.drawn(rng) for _ in range(POLICIES)]
    names = [OPERATIONS[place] for place in drawn[0].operations]

    def by_ours(policy):
        for _ in range(TIMES):
            augment(planes, by_policy(policy, IMAGES, (32, 32), rng), MEAN)

    by_ours(drawn[0])  # compile
    ours, theirs = [], []
    for policy in drawn * REPEATS:
        entries = list(zip(names, policy.probabilities.tolist(), policy.levels.tolist(), strict=True))
        ours.append(timed(by_ours, policy) / TIMES)
        theirs.append(timed(by_pillow, arrays, entries))
    ratios = [loop / batch for batch, loop in zip(ours, theirs, strict=True)]
    return median(ours) / IMAGES * 1e6, median(theirs) / IMAGES * 1e6, median(ratios)


def operations():
    """Rows of (operation, us per image of ours, of Pillow with the image already made)."""
    planes = images()
    pictures = [Image.fromarray(np.ascontiguousarray(one.transpose(1, 2, 0))).convert("RGBA") for one in planes]

    def one_by_one(pillow, level):
        return [pillow(picture, level, 1, (16, 16)) for picture in pictures]

    def several(chosen):
        for _ in range(TIMES):
            augment(planes, chosen, MEAN)

    levels = (3, 7, LEVELS - 1)
    for name in OPERATIONS:
        chosen = [Chosen.alike(IMAGES, name, level, centre=(16, 16)) for level in levels]
        ours = median(timed(several, one) / TIMES for _ in range(REPEATS) for one in chosen)
        theirs = median(timed(one_by_one, PILLOW[name], level) for level in levels)
        yield name, ours / IMAGES * 1e6, theirs / IMAGES * 1e6


def no_op_search():
    """Seconds of a search of 16 trials and 30 intervals on 4 GPUs, synchronous or not: the slower median."""

    def once(synchronous):
        rng = np.random.default_rng(0)
        cluster = Cluster(4, share=0.25)
        return timed(lambda: search(Plan(16, 30, 1, synchronous), cluster, lambda *_: 1.0, Unlearned(rng), rng))

    once(True)
    return max(median(once(synchronous) for _ in range(9)) for synchronous in (True, False))


def main():
    """Prints the tables; 1 if a claim does not hold."""
    table = Table(title="us per 32 x 32 colour image, one thread", caption="single operations: Pillow's image is made")
    for column in ("what", "ours", "Pillow", "ratio"):
        table.add_column(column, justify="left" if column == "what" else "right")
    ours, theirs, ratio = policies()
    table.add_row("a drawn policy, end to end", f"{ours:.2f}", f"{theirs:.1f}", f"{ratio:.1f}")
    for name, batch, loop in operations():
        table.add_row(name, f"{batch:.2f}", f"{loop:.1f}", f"{loop / batch:.1f}")
    seconds = no_op_search()
    Console(width=100).print(table)
    Console().print(f"a search of 16 x 30 intervals without training: {seconds * 1e3:.0f} ms")
    return 0 if ratio >= SPEED_BAR and seconds < SEARCH_BAR else 1


if __name__ == "__main__":
    sys.exit(main())

"""Random data-plane programs, for tests that must hold for all of them."""

import random

from small_programs import fields, program

from hardware_models.tofino.expression import HI, LO, NEW_HI, NEW_LO, ActionParam, Hash, largest, smallest
from hardware_models.tofino.program import EGRESS_PORT, Action, Drop, Entry, If, Set, Table
from hardware_models.tofino.stateful import Counter, Register, always, when


class RandomProgram:
    """`program` from a seed: sets, tables, hashes, registers, counters and drops in nested conditions."""

    def __init__(self, seed):
        self.draw = random.Random(seed)
        self.header, self.scratch = fields()
        self.made = 0
        h, m = self.header, self.scratch
        self.words = [h.d, h.e, m.x, m.y, m.z, m.u]
        self.small = [h.a, h.b, h.c, m.n]
        ingress = [Set(EGRESS_PORT, 1), *self.block(self.draw.randrange(4, 12), 0)]
        egress = self.block(self.draw.randrange(0, 4), 1)
        self.program = program(h, m, ingress, egress, name=f"random {seed}")

    def block(self, count, depth):
        return [self.statement(depth) for _ in range(count)]

    def statement(self, depth):
        kinds = [self.set, self.set, self.set, self.hash, self.access, self.access, self.table, self.count]
        kinds += [self.branch] * 3 if depth < 3 else []
        kinds += [self.drop] if depth else []
        return self.draw.choice(kinds)(depth)

    def name(self, stem):
        self.made += 1
        return f"{stem}{self.made}"

    def operand(self):
        return self.draw.choice((*self.words, *self.small, self.draw.randrange(1, 300)))

    def set(self, depth):
        target, left = self.draw.choice(self.words), self.draw.choice((*self.words, *self.small))
        right = self.operand()
        sums = (left, left + right, left - right, left & right, left | right, left ^ right)
        value = self.draw.choice((*sums, largest(left, right), smallest(left, right), left << 3, left >> 2))
        return Set(target, value)

    def hash(self, depth):
        return Set(self.scratch.n, Hash((self.draw.choice(self.words), self.draw.choice(self.small)), 10))

    def access(self, depth):
        one, other = self.draw.sample(self.words, 2)
        if self.draw.random() < 0.5:
            register = Register(self.name("pair"), 64, 32, 32)
            clauses = (when((one >= LO) | (other == HI), lo=one, hi=other, output=NEW_HI),)
        else:
            register = Register(self.name("single"), 64)
            clauses = self.draw.choice(
                (
                    (always(lo=LO + 1, output=LO),),
                    (when(one > LO, lo=one), when(~(one > LO), lo=LO - 1), always(output=NEW_LO)),
                    (always(lo=LO ^ one, output=LO),),
                )
            )
        index = self.draw.choice((Hash((self.draw.choice(self.words),), 6), *self.small))
        return register.action("act", *clauses).run(index, self.draw.choice((None, *self.words)))

    def table(self, depth):
        key = self.draw.choice(self.small)
        kind = self.draw.choice(("exact", "ternary", "lpm"))
        param = ActionParam("value", 32)
        act = Action(self.name("act"), Set(self.draw.choice(self.words), param), params=(param,))
        entries = tuple(Entry((self.key(kind, key.width),), act, (self.draw.randrange(2**32),)) for _ in range(8))
        return Table(self.name("table"), ((key, kind),), (act,), 16, entries=entries)

    def key(self, kind, width):
        value = self.draw.randrange(8)
        if kind == "exact":
            return value
        return value, self.draw.randrange(8) if kind == "ternary" else self.draw.randrange(width - 3, width + 1)

    def count(self, depth):
        return Counter(self.name("count"), 300).count(self.draw.choice(self.small))

    def drop(self, depth):
        return If(self.draw.choice(self.small) == self.draw.randrange(8), [Drop(self.name("reason "))])

    def branch(self, depth):
        one, other = self.draw.sample(self.small, 2)
        tests = (one == self.draw.randrange(8), one < self.draw.randrange(1, 9), ~(other >= self.draw.randrange(1, 9)))
        test = self.draw.choice((*tests, tests[0] | tests[2], tests[1] & tests[2]))
        then = self.block(self.draw.randrange(1, 4), depth + 1)
        return If(test, then, self.block(self.draw.randrange(0, 3), depth + 1))

    def packets(self, count):
        """Packets with small numbers in their fields, so that conditions and keys meet them."""
        sizes = (1, 1, 2, 4, 4, 8, 8)
        return [
            b"".join(
                self.draw.choice((self.draw.randrange(8), self.draw.randrange(256))).to_bytes(n, "big") for n in sizes
            )
            for _ in range(count)
        ]

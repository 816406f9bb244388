"""Twenty loops whose iterations need earlier ones' results, at distances from 1 to 16 and in several types."""

from scenarios.neurovectorizer.kernel import Kernel

_TYPES = (("float", "* 0.5f + b[i]"), ("double", "* 0.25 + b[i]"), ("int", "+ b[i]"), ("short", "+ b[i]"))


def suite(n: int = 1000) -> tuple[Kernel, ...]:
    """Distances 1, 2, 4, 8 and 16 in four types."""
    return tuple(
        Kernel(
            f"void carried_{kind}_{apart}({kind} *restrict a, const {kind} *restrict b, int n) {{\n  LOOP\n"
            f"  for (int i = 0; i < n; i++) a[i + {apart}] = a[i] {rest};\n}}\n",
            n, f"distance {apart}",
        )
        for apart in (1, 2, 4, 8, 16)
        for kind, rest in _TYPES
    )  # fmt: skip

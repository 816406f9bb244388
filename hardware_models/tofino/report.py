"""What a placement takes, as data and as the text table that the compiler prints."""

from dataclasses import asdict, fields

from hardware_models.tofino.placement import Placement
from hardware_models.tofino.resources import Use, limits

#: Columns of the text table: heading, resource.
COLUMNS = (
    ("tables", "logical"),
    ("gateways", "gateways"),
    ("SRAM", "sram"),
    ("TCAM", "tcam"),
    ("map RAM", "map_rams"),
    ("stateful", "stateful"),
    ("stats", "statistics"),
    ("exact B", "exact_bytes"),
    ("tern. B", "ternary_bytes"),
    ("hashes", "hash_groups"),
    ("slices", "hash_slices"),
)


def rows(placement: Placement) -> list[dict[str, int | str]]:
    """One row per stage: `stage`, what ingress and egress wait for there, every resource, `units` that stand there."""
    latency = placement.latency
    return [
        {"stage": stage, "ingress": latency.ingress_waits[stage], "egress": latency.egress_waits[stage]}
        | asdict(use)
        | {"units": "; ".join(part.unit.name for part in placement.parts[stage] if part.unit.condition is None)}
        for stage, use in enumerate(placement.uses)
    ]


def report(placement: Placement) -> str:
    """The resources of every stage that is used, the chip's share of each, header vector and latency."""
    card, latency = placement.card, placement.latency
    lines = [
        f"{placement.program.name} on {card.card}: {placement.stages} of {card.stages} stages",
        "",
        _line("stage", [head for head, _ in COLUMNS])
        + "  waits for"
        + (" (in/out)" if placement.program.egress else ""),
    ]
    for stage, use in enumerate(placement.uses[: placement.stages]):
        waits = f"{latency.ingress_waits[stage]}"
        if placement.program.egress:
            waits += f" / {latency.egress_waits[stage]}"
        lines.append(_line(str(stage), [_cell(use, name) for _, name in COLUMNS]) + f"  {waits}")
    whole = [getattr(limits(card), name) * card.stages for _, name in COLUMNS]
    taken = [getattr(placement.totals, name) for _, name in COLUMNS]
    shares = [used / most if most else 0.0 for used, most in zip(taken, whole, strict=True)]
    lines += [
        _line("total", [_cell(placement.totals, name) for _, name in COLUMNS]),
        _line("share", [f"{100 * share:.1f}%" for share in shares]),
        "",
        _containers(placement),
        f"latency: ingress {latency.ingress} cycles = {latency.ingress_time * 1e9:.0f} ns, "
        f"egress {latency.egress} cycles = {latency.egress_time * 1e9:.0f} ns, "
        f"port to port {latency.port_to_port * 1e9:.0f} ns" + (", deparser throttled" if latency.throttled else ""),
        f"rate: {card.clock / 1e9:.2f} G packets/s per pipe, {card.pipes} pipes",
    ]
    return "\n".join(lines)


def _line(first: str, cells: list[str]) -> str:
    return f"{first:>5}" + "".join(f"{cell:>9}" for cell in cells)


def _cell(use: Use, name: str) -> str:
    assert name in {one.name for one in fields(Use)}
    return str(getattr(use, name) or "-")


def _containers(placement: Placement) -> str:
    used, have = placement.containers, placement.card.phv
    return (
        f"header vector: {used.taken_8} of {have.containers_8} containers of 8 bits, {used.taken_16} of "
        f"{have.containers_16} of 16, {used.taken_32} of {have.containers_32} of 32; {used.bits} bits used"
    )

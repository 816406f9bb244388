"""What no timing shows: the ports of each class, by family of cores, and what a class that was not timed is like.

All of it is an estimate, written down from memory of the vendors' guides and not checked against them; where a count
of ports disagrees with a measured rate, the rate decides and the first so many ports of the list are kept.
"""

from dataclasses import dataclass

from hardware_models.simd.operations import CLASSES


@dataclass(frozen=True)
class Family:
    """Preferred ports per class, most likely first, and the figures of window and front end."""

    ports: dict[str, str]
    issue_width: int
    retire_width: int
    fetch_width: int
    taken_branches: float
    window: int
    scheduler: int
    registers: int
    source: str
    relearned: int = 0


def _ports(groups: dict[str, str]) -> dict[str, str]:
    found = {name: ports for names, ports in groups.items() for name in names.split()}
    return {name: found[name] for name in CLASSES}


_AMD = _ports(
    {
        "alu cmov nop move": "0 1 2 3 4 5", "cmov_two": "3 4",
        "lea": "1 2 3 0", "shift_int": "1 2 4", "mul_int": "0 1 2", "div_int": "2", "branch": "3 4 5",
        "load": "6 7 8 9", "vec_load": "6 7", "store vec_store": "8 9",
        "fp_add hadd": "14 15", "fp_mul fp_fma int_dot": "12 13", "fp_cmp fp_minmax int_cmp": "12 13 14 15",
        "fp_div32 fp_div64 fp_sqrt32 fp_sqrt64": "13",
        "int_add int_minmax logic blend shuffle": "12 13 14 15", "shift extend permute permute2 narrow": "13 14 12 15",
        "int_mul16 int_mul32 int_mul64": "12 15", "convert convert_wide": "14 15 12 13",
        "mask": "12 13", "mask_move to_vec": "13", "from_vec": "14 13", "compress": "13 14",
        "gather_lane scatter_lane": "16", "other": "12 13 14 15",
    }
)  # fmt: skip
_INTEL = _ports(
    {
        "alu cmov cmov_two nop move": "0 1 5 6 10",
        "lea": "0 1 5 6 10", "shift_int": "0 6", "mul_int": "1", "div_int": "1", "branch": "6 0",
        "load vec_load": "2 3 11", "store vec_store": "4 9",
        "fp_add": "5 1 0", "hadd": "1 5", "fp_mul fp_fma int_dot": "0 1 5", "fp_cmp int_cmp": "5 0 1",
        "fp_minmax": "0 1 5", "fp_div32 fp_div64 fp_sqrt32 fp_sqrt64": "0",
        "int_add int_minmax logic blend": "0 5 1", "shuffle": "5 1", "extend permute permute2 narrow": "5 1",
        "shift int_mul16 int_mul32 int_mul64": "0 1", "convert convert_wide": "0 1 5", "compress": "5",
        "mask": "0 5", "mask_move": "5 0", "to_vec": "5", "from_vec": "0",
        "gather_lane scatter_lane": "16", "other": "0 1 5",
    }
)  # fmt: skip

FAMILIES: dict[str, Family] = {
    "zen5": Family(
        _AMD, 7, 6, 12, 1.0, 448, 64, 32, "effective: fitted on loops of the set `tuning` and of training families", 100
    ),
    "zen4": Family(_AMD, 6, 8, 8, 1.0, 320, 150, 32, "from memory of AMD's guide for family 19h"),
    "zen": Family(_AMD, 5, 8, 6, 1.0, 224, 120, 16, "from memory of AMD's guide for family 17h"),
    "golden": Family(_INTEL, 6, 8, 8, 1.0, 512, 200, 32, "from memory of descriptions of Golden Cove"),
    "sunny": Family(_INTEL, 5, 8, 6, 1.0, 352, 160, 32, "from memory of descriptions of Sunny Cove"),
    "skylake": Family(_INTEL, 4, 4, 6, 1.0, 224, 97, 32, "from memory of descriptions of Skylake"),
}
_BY_CPU = {"znver5": "zen5", "znver4": "zen4", "znver3": "zen", "znver2": "zen", "znver1": "zen",
           "sapphirerapids": "golden", "emeraldrapids": "golden", "graniterapids": "golden", "alderlake": "golden",
           "raptorlake": "golden", "rocketlake": "sunny", "icelake-server": "sunny", "icelake-client": "sunny",
           "tigerlake": "sunny"}  # fmt: skip


def family_of(cpu: str) -> Family:
    """The family of a core by clang's name of it; Skylake's for one that is not known."""
    return FAMILIES[_BY_CPU.get(cpu, "zen" if cpu.startswith("znver") else "skylake")]


#: Classes that no probe times -> the class they are taken to be like.
LIKE = {"move": "alu", "div_int": "fp_div64", "other": "int_add", "scatter_lane": "gather_lane", "permute": "shuffle",
        "permute2": "permute", "narrow": "shuffle", "blend": "logic",
        "compress": "permute", "int_mul64": "int_mul32", "int_dot": "int_mul16", "mask": "logic", "mask_move": "to_vec",
        "gather_lane": "load"}  # fmt: skip

"""Small assembly loops that show what one class of instructions costs on the machine at hand.

Each probe repeats one instruction: with its own result as operand for the latency, with independent results for the
rate. Cycles are counted by a chain of dependent additions that is timed in between, so no counter is needed.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from hardware_models.simd import clang

#: Class -> (text of independent instructions, text of a chain). {d} destination, {v} vector register prefix; the
#: chain's register is number 0. An empty chain is a class without a latency of its own.
_VECTOR: dict[str, tuple[str, str]] = {
    "fp_add": ("vaddps {v}{d}, {v}14, {v}15", "vaddps {v}0, {v}0, {v}15"),
    "fp_mul": ("vmulps {v}{d}, {v}14, {v}15", "vmulps {v}0, {v}0, {v}15"),
    "fp_fma": ("vfmadd231ps {v}{d}, {v}14, {v}15", "vfmadd213ps {v}0, {v}14, {v}15"),
    "fp_div32": ("vdivps {v}{d}, {v}14, {v}15", "vdivps {v}0, {v}0, {v}15"),
    "fp_div64": ("vdivpd {v}{d}, {v}14, {v}15", "vdivpd {v}0, {v}0, {v}15"),
    "fp_sqrt32": ("vsqrtps {v}{d}, {v}14", "vsqrtps {v}0, {v}0"),
    "fp_sqrt64": ("vsqrtpd {v}{d}, {v}14", "vsqrtpd {v}0, {v}0"),
    "fp_minmax": ("vmaxps {v}{d}, {v}14, {v}15", "vmaxps {v}0, {v}0, {v}15"),
    "int_add": ("vpaddd {v}{d}, {v}14, {v}15", "vpaddd {v}0, {v}0, {v}15"),
    "int_minmax": ("vpmaxsd {v}{d}, {v}14, {v}15", "vpmaxsd {v}0, {v}0, {v}15"),
    "int_mul16": ("vpmullw {v}{d}, {v}14, {v}15", "vpmullw {v}0, {v}0, {v}15"),
    "int_mul32": ("vpmulld {v}{d}, {v}14, {v}15", "vpmulld {v}0, {v}0, {v}15"),
    "shift": ("vpsrld {v}{d}, {v}14, 3", "vpsrld {v}0, {v}0, 1"),
    "logic": ("vpand {v}{d}, {v}14, {v}15", "vpand {v}0, {v}0, {v}15"),
    "shuffle": ("vshufps {v}{d}, {v}14, {v}15, 27", "vshufps {v}0, {v}0, {v}0, 27"),
    "extend": ("vpmovsxwd {v}{d}, {h}14", "vpmovsxwd {v}0, {h}0"),
    "convert": ("vcvtdq2ps {v}{d}, {v}14", "vcvtdq2ps {v}0, {v}0"),
    "convert_wide": ("vcvtpd2ps {h}{d}, {v}14", "vcvtpd2ps {h}0, {v}0"),
    "fp_cmp": ("vcmpltps {v}{d}, {v}14, {v}15", "vcmpltps {v}0, {v}0, {v}15"),
    "int_cmp": ("vpcmpgtd {v}{d}, {v}14, {v}15", "vpcmpgtd {v}0, {v}0, {v}15"),
}
#: Comparisons of 512 bits write a mask register.
_TO_MASK: dict[str, tuple[str, str]] = {
    "fp_cmp": ("vcmpltps k{k}, {v}14, {v}15", ""),
    "int_cmp": ("vpcmpgtd k{k}, {v}14, {v}15", ""),
}
#: The same for what needs 256 bits, or 512-bit extensions.
_CROSSING: dict[str, tuple[str, str]] = {"permute": ("vpermpd {v}{d}, {v}14, 27", "vpermpd {v}0, {v}0, 27")}
_EXTENDED: dict[str, tuple[str, str]] = {
    "logic": ("vpandd {v}{d}, {v}14, {v}15", "vpandd {v}0, {v}0, {v}15"),
    "int_mul64": ("vpmullq {v}{d}, {v}14, {v}15", "vpmullq {v}0, {v}0, {v}15"),
    "int_dot": ("{{evex}} vpdpwssd {v}{d}, {v}14, {v}15", "vpdpwssd {v}0, {v}14, {v}15"),
    "permute2": ("vpermt2ps {v}{d}, {v}14, {v}15", "vpermt2ps {v}0, {v}14, {v}15"),
    "narrow": ("vpmovdw {h}{d}, {v}14", "vpmovdw {h}0, {v}0"),
    "mask_move": ("vpmovm2d {v}{d}, k1", ""),
    "blend": ("vblendmps {v}{d} {{k1}}, {v}14, {v}15", "vblendmps {v}0 {{k1}}, {v}0, {v}15"),
    "compress": ("vcompressps {v}{d} {{k1}}, {v}14", "vcompressps {v}0 {{k1}}, {v}0"),
    "gather_lane": ("kxnorw k1, k0, k0\n vgatherdps {v}{d} {{k1}}, [rsi + 4*{v}13]", ""),
}
_SCALAR: dict[str, tuple[str, str]] = {
    "nop": ("nop", ""),
    "alu": ("add {r}, 7", "add r8, 7"),
    "lea": ("lea {r}, [rsi + 4*rdi + 8]", "lea r8, [r8 + 4*rdi + 8]"),
    "cmov": ("cmove {r}, rsi", "cmove r8, rsi"),
    "cmov_two": ("cmovg {r}, rsi", "cmp r8, rsi\n cmovg r8, rsi"),
    "near_store": ("mov [rdx + {near}], r8", ""),
    "shift_int": ("shl {r}, 3", "shl r8, 3"),
    "mul_int": ("imul {r}, rsi", "imul r8, rsi"),
    "load": ("mov {r}, [rsi + {off}]", "mov rsi, [rsi]"),
    "store": ("mov [rdx + {off}], r8", ""),
    "branch": ("jmp 7f\n .balign 4\n 7:", ""),
    "mask": ("korw k{k}, k6, k7", "korw k1, k1, k7"),
    "to_vec": ("vmovd xmm{d}, edi", ""),
    "from_vec": ("vmovd {e}, xmm14", ""),
    "mask_move": ("kmovw k{k}, edi", ""),
    "hadd": ("vhaddps xmm{d}, xmm14, xmm15", "vhaddps xmm0, xmm0, xmm15"),
}
_PLACES: dict[str, str] = {"vec_load": "vmovups {v}{d}, [rsi + {off}]", "vec_store": "vmovups [rdx + {off}], {v}14",
                           "split_load": "vmovups {v}{d}, [rsi + {off} + 40]",
                           "split_store": "vmovups [rdx + {off} + 40], {v}14",
                           "near_store": "vmovups [rdx + {near16}], {v}14",
                           "two_loads_store": "vmovups {v}{d}, [rsi + {off}]\n vmovups {v}13, [rsi + {off} + 1024]\n"
                                              " vmovups [rdx + {off}], {v}14"}  # fmt: skip
#: Round trips whose halves cannot be told apart, and the store that a load waits for.
_TRIPS: dict[str, str] = {
    "trip_general": "vmovd xmm0, r8d\n vmovd r8d, xmm0",
    "trip_forward": "mov [rdx], r8\n mov r8, [rdx]",
    "trip_forward_vector": "vmovups [rdx], {v}0\n vmovups {v}0, [rdx]",
    "trip_mask": "vpcmpgtd k1, xmm0, xmm15\n vpmovm2d xmm0, k1",
    "trip_int_add": "vpaddd {v}0, {v}0, [rsi]",
    "trip_int_minmax": "vpmaxsd {v}0, {v}0, [rsi]",
    "trip_fp_add": "vaddps {v}0, {v}0, [rsi]",
    "trip_gather": "kxnorw k1, k0, k0\n vgatherdps ymm1 {{k1}}, [rsi + 4*ymm0]\n vpand ymm0, ymm1, ymm12",
}
#: Passes of inner loops whose ends may or may not be foreseen.
LOOPS = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512)
#: Chains in a loop that does something else besides, which on some cores run faster than bare ones.
_INNER = {"int_add": "vpaddd {v}0, {v}0, [rdx]", "fp_add": "vaddps {v}0, {v}0, [rdx]"}
_COUNT = 24
_GENERAL = ("rax", "r8", "r9", "r10", "r11", "rbx", "r12", "r13")


@dataclass(frozen=True, slots=True)
class Probe:
    """One loop: `instructions` of interest in its body."""

    name: str
    body: str
    instructions: int


def _filled(text: str, k: int, prefix: str) -> str:
    half = {"xmm": "xmm", "ymm": "xmm", "zmm": "ymm"}[prefix or "xmm"]
    general = _GENERAL[k % len(_GENERAL)]
    narrow = general + "d" if general[1].isdigit() else "e" + general[1:]
    return text.format(
        v=prefix,
        h=half,
        d=k % 12,
        k=2 + k % 5,
        r=general,
        e=narrow,
        off=64 * (k % 16),
        near=8 * (k % 24),
        near16=32 * (k % 24),
    )


def probes(wide: bool) -> list[Probe]:
    """All probes; those of 512 bits and of mask registers only if `wide`."""
    found = list[Probe]()

    def add(name: str, text: str, prefix: str = "") -> None:
        found.append(Probe(name, "\n ".join(_filled(text, k, prefix) for k in range(_COUNT)), _COUNT))

    prefixes = {128: "xmm", 256: "ymm"} | ({512: "zmm"} if wide else {})
    for bits, prefix in prefixes.items():
        table = _VECTOR | (_CROSSING if bits > 128 else {}) | (_EXTENDED if wide else {})
        table |= _TO_MASK if bits > 256 else {}
        for name, (many, chain) in table.items():
            add(f"rate {name} {bits}", many, prefix)
            if chain and bits == 256:
                add(f"latency {name} 256", chain, prefix)
        for name, text in _PLACES.items():
            add(f"rate {name} {bits}", text, prefix)
    for name, (many, chain) in _SCALAR.items():
        if wide or not name.startswith("mask"):
            add(f"rate {name} 0", many)
            if chain:
                add(f"latency {name} 0", chain)
    for passes in LOOPS:
        found.append(Probe(f"loop {passes}", f"mov eax, {passes}\n 2: vmovups [rdx], ymm14\n dec eax\n jnz 2b", 1))
    for name, text in _INNER.items():
        body = f"mov eax, 60\n 2: {_filled(text, 0, 'ymm')}\n add r8, 64\n dec eax\n jnz 2b"
        found.append(Probe(f"inner {name}", body, 60))
    for name, text in _TRIPS.items():
        if wide or name not in ("trip_mask", "trip_gather"):
            add(f"latency {name} 0", text, "ymm")
    return found


def _assembly(all_probes: list[Probe]) -> str:
    lines = [".intel_syntax noprefix", ".text"]
    for number, probe in enumerate(all_probes):
        lines += [
            f".globl probe_{number}", ".balign 64", f"probe_{number}:", "push rbx", "push r12", "push r13",
            "mov ecx, edi", "mov edi, 2", "mov r8, rsi", "vxorps xmm0, xmm0, xmm0", "vxorps xmm12, xmm12, xmm12",
            f"vmovups {'zmm' if '512' in probe.name else 'ymm'}13, [rsi + 2048]",
            *([] if "trip_gather" in probe.name else ["vmovups ymm0, [rsi + 1024]"]),
            "vmovups ymm14, [rsi + 1024]", "vmovups ymm15, [rsi + 1024]", ".balign 64", "1:", " " + probe.body,
            "dec ecx", "jnz 1b", "vzeroupper", "pop r13", "pop r12", "pop rbx", "ret",
        ]  # fmt: skip
    lines.append('.section .note.GNU-stack,"",@progbits\n')
    return "\n".join(lines)


def run(all_probes: list[Probe], folder: Path, rounds: int) -> tuple[list[list[float]], list[float]]:
    """Cycles per instruction of each probe in each round, and the seconds of a cycle in each round."""
    number = len(all_probes)
    source = (Path(__file__).parent / "probes.c").read_text(encoding="ascii")
    declared = "\n".join(f"void probe_{k}(int, void *, void *);" for k in range(number))
    table = ", ".join(f"probe_{k}" for k in range(number))
    (folder / "probes.s").write_text(_assembly(all_probes), encoding="ascii")
    (folder / "main.c").write_text(
        source.replace("DECLARATIONS", declared).replace("TABLE", table).replace("ROUNDS", str(rounds)),
        encoding="ascii",
    )
    program = folder / "probes"
    clang.run(
        [clang.need("clang"), "-O2", "-march=native", "probes.s", "main.c", "-o", str(program), "-lm"], 60, folder
    )
    answer = json.loads(clang.run([str(program)], 300.0))
    return [[c / p.instructions for c in row] for row, p in zip(answer["cycles"], all_probes, strict=True)], answer[
        "cycle"
    ]

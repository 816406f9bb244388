"""Classes of instructions that cost alike, and which x86 instruction belongs to which.

A class is what a card has figures for: latency, rate at up to 256 and at 512 bits, issue slots, and the ports it may
go to. `load` and `store` are what a memory operand adds to an instruction of any class.

>>> classify("vfmadd231ps"), classify("vpaddd"), classify("vpermt2ps"), classify("cmp")
('fp_fma', 'int_add', 'permute2', 'alu')
"""

import re
from functools import cache
from typing import Literal, get_args

OpClass = Literal[
    "nop", "alu", "lea", "cmov", "cmov_two", "shift_int", "mul_int", "div_int", "branch", "move", "load", "vec_load",
    "store", "vec_store", "fp_add", "fp_mul", "fp_fma", "fp_div32", "fp_div64", "fp_sqrt32", "fp_sqrt64", "fp_cmp",
    "fp_minmax", "hadd", "int_add", "int_minmax", "int_cmp", "int_mul16", "int_mul32", "int_mul64", "int_dot",
    "shift", "logic", "blend", "shuffle", "permute", "permute2", "extend", "narrow", "convert", "convert_wide",
    "mask", "mask_move", "to_vec", "from_vec", "gather_lane", "scatter_lane", "compress", "other",
]  # fmt: skip
CLASSES: tuple[OpClass, ...] = get_args(OpClass)
INDEX: dict[str, int] = {name: index for index, name in enumerate(CLASSES)}

#: First match wins; mnemonics without their leading "v".
_PATTERNS: tuple[tuple[str, OpClass], ...] = (
    (r"mov", "move"),
    (r"nop|endbr64|zeroupper|int3|prefetch\w*|ud2", "nop"),
    (r"j\w+|ret|call", "branch"),
    (r"cmov(g|ge|l|le|a|be|ng|nl|na)", "cmov_two"),  # of two flags
    (r"cmov\w+|set\w+", "cmov"),
    (r"add(sub)?[sp][sdh]|sub[sp][sdh]", "fp_add"),
    (r"mul[sp][sdh]", "fp_mul"),
    (r"fn?m(add|sub)\w*", "fp_fma"),
    (r"div[sp]s", "fp_div32"), (r"div[sp]d", "fp_div64"),
    (r"sqrt[sp]s", "fp_sqrt32"), (r"sqrt[sp]d", "fp_sqrt64"),
    (r"cmp\w*[sp][sd]|u?comis[sd]|fpclass\w+", "fp_cmp"),
    (r"(min|max)[sp][sd]|range[sp][sd]|round[sp][sd]|rndscale[sp][sd]", "fp_minmax"),
    (r"h(add|sub)p[sd]|ph(add|sub)\w+", "hadd"),
    (r"(mov(ap|up|dq)[sd]?\w*|lddqu|movnt\w+)", "move"),
    (r"mov(ss|sd)", "blend"),
    (r"mov(d|q)", "to_vec"),
    (r"pmov(m2[bwdq]|[bwdq]2m)", "mask_move"),
    (r"pmov[sz]x\w+", "extend"),
    (r"pmov(s|us)?(wb|dw|db|qd|qw|qb)", "narrow"),
    (r"pmovmskb|movmskp[sd]|pextr\w|extractps", "from_vec"),
    (r"pinsr\w", "to_vec"),
    (r"mov\w+|cdqe|cdq|cqo|cwde|bswap|xchg", "alu"),
    (r"lea", "lea"),
    (r"(imul|mulx?)", "mul_int"),
    (r"i?div", "div_int"),
    (r"(sh[lr]x?|sarx?|sal|ro[lr]x?|bextr|bzhi|tzcnt|lzcnt|popcnt|bs[fr]|pdep|pext|sh[lr]d)", "shift_int"),
    (r"(add|sub|inc|dec|neg|not|and|andn|or|xor|cmp|test|adc|sbb|bls\w+|bt\w?|push|pop|lahf|sahf|leave)", "alu"),
    (r"k(mov|test|ortest)[bwdq]", "mask_move"),
    (r"k\w+", "mask"),
    (r"padd\w+|psub\w+|pabs\w|pavg\w|psign\w|psadbw", "int_add"),
    (r"p(min|max)\w+", "int_minmax"),
    (r"pcmp\w+|ptest\w*|testp[sd]", "int_cmp"),
    (r"pdp\w+", "int_dot"),
    (r"pmulld", "int_mul32"), (r"pmullq", "int_mul64"), (r"pmul\w+|pmadd\w+", "int_mul16"),
    (r"ps(ll|rl|ra)(dq)", "shuffle"),
    (r"ps(ll|rl|ra)\w+|pro[lr]\w+|pshld\w+|pshrd\w+", "shift"),
    (r"p?(and|andn|or|xor)(p[sd]|[dq])?|pternlog\w", "logic"),
    (r"p?blend\w+", "blend"),
    (r"perm[it]2\w+|permb|permw", "permute2"),
    (r"perm(p[sd]|q|d)|perm2\w+|extract\w+|insert[fi]\w+|shuf[fi]\w+|align[dq]|p?broadcast\w+", "permute"),
    (r"perm\w+", "shuffle"),
    (r"p?shuf\w+|p?unpck\w+|palignr|insertps|pack\w+|dbpsadbw", "shuffle"),
    (r"cvt(t?ps2u?dq|u?dq2ps|t?pd2u?qq|u?qq2pd)", "convert"),
    (r"cvt\w+", "convert_wide"),
    (r"p?gather\w+", "gather_lane"),
    (r"p?scatter\w+", "scatter_lane"),
    (r"p?(compress|expand)\w+", "compress"),
)  # fmt: skip
_COMPILED = tuple((re.compile(pattern), name) for pattern, name in _PATTERNS)


@cache
def classify(mnemonic: str) -> OpClass:
    """The class of a mnemonic; "other" for one that is not known."""
    bare = mnemonic
    if mnemonic.startswith("v") and mnemonic not in ("verr", "verw"):
        bare = mnemonic[1:]
    elif mnemonic.startswith("p") and mnemonic in ("push", "pop"):
        return "alu"
    if re.fullmatch(r"(mulps|mulpd|mulss|mulsd)", bare):
        return "fp_mul"
    return next((name for pattern, name in _COMPILED if pattern.fullmatch(bare)), "other")

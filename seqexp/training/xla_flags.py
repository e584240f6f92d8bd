"""What XLA is told besides its own choices: settings that make the programs of small recurrent models faster.

Loops over a few dozen values are not unrolled: the steps of an LSTM take a tenth less time, and compiling a sixth.
Vectors are as wide as the processor has them: LLVM takes half of 512 bits, for processors of 2017 that ran slower with
all of them. Products are computed on one thread: small ones then in code of XLA's own, with a tenth to a fifth less
time, and large ones were no slower on two cores. Its tiles of 11 by 9 are no faster than those of 8 by 8, and more to
compile. Tiles and width are told only to versions of TensorFlow with which they were tried.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from importlib import metadata

VARIABLE = "XLA_FLAGS"
_EXTRA = "--xla_backend_extra_options="
_NO_UNROLLING, _SMALL_TILES = "xla_cpu_disable_loop_unrolling", "xla_llvm_ir_gemm_tile_size=8:8:1*vectwidth"
_PLAIN_PRODUCTS = "--xla_cpu_multi_thread_eigen=false"
_WIDE_VECTORS = "--xla_cpu_prefer_vector_width=512"
_TRIED = ("2.21.",)  # where a version of TensorFlow does not know a flag or what it is set to, it ends the process


def xla_flags() -> str:
    """Return the ``XLA_FLAGS`` that TensorFlow is to start with: what a person has set comes last, and wins."""
    extra, ours = [_NO_UNROLLING], [_PLAIN_PRODUCTS]
    if tensorflow_version().startswith(_TRIED):
        extra.append(_SMALL_TILES)
        ours.append(_WIDE_VECTORS)
    ours.insert(0, _EXTRA + ",".join(extra))
    return " ".join([*ours, os.environ.get(VARIABLE, "")]).strip()


@cache
def tensorflow_version() -> str:
    """Return the version of TensorFlow, without importing it; empty where it is installed under another name."""
    for name in ("tensorflow", "tensorflow-cpu"):
        with suppress(metadata.PackageNotFoundError):
            return metadata.version(name)
    return ""

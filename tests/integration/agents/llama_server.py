"""A real llama.cpp server with a model of its own making, too small to know anything: says random words.

Run as a program it serves until it is killed, and prints its address: llama.py FOLDER [endless]
"""

import sys
import time
from pathlib import Path
from typing import Final

import gguf
import numpy as np
import xllamacpp

WIDTH: Final = 64
CONTEXT: Final = 1 << 16
WORDS: Final = [
    f"\u2581{a}{b}" for a in "bdfgklmnprst" for b in ("a", "e", "i", "o", "u", "an", "el", "is")
]
SPECIAL: Final = ["<unk>", "<s>", "</s>"]
BYTES: Final = [f"<0x{number:02X}>" for number in range(256)]
TEMPLATE: Final = "{% for m in messages %}{{ m.content }} {% endfor %}"
NEVER: Final = -100.0


def write_model(path: Path, *, is_endless: bool) -> None:
    """Writes a model whose next word depends on the last one alone; an endless one never ends."""
    tokens = SPECIAL + BYTES + WORDS
    kinds = [2, 3, 3] + [6] * len(BYTES) + [1] * len(WORDS)
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(1)
    writer.add_head_count_kv(1)
    writer.add_rope_dimension_count(WIDTH)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(TEMPLATE)
    dice = np.random.default_rng(7)

    def put(name: str, values: np.ndarray) -> None:
        writer.add_tensor(name, values.astype(np.float32))

    # The first number of each embedding is 1, and no layer adds anything: the first column of the output
    # says how likely each token is, whatever came before.
    embedded = dice.normal(0, 0.1, (len(tokens), WIDTH))
    embedded[:, 0] = 1
    said = dice.normal(0, 0.3, (len(tokens), WIDTH))
    said[:, 0] = 0
    said[: len(SPECIAL) + len(BYTES), 0] = NEVER
    said[2, 0] = NEVER if is_endless else 0.1
    put("token_embd.weight", embedded)
    put("output.weight", said)
    put("output_norm.weight", np.ones(WIDTH))
    for name in ("attn_norm", "ffn_norm"):
        put(f"blk.0.{name}.weight", np.ones(WIDTH))
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        put(f"blk.0.{name}.weight", np.zeros((WIDTH, WIDTH)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def serve(path: Path) -> None:
    """Serves it on a free port, and prints where."""
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.port = 0
    params.n_ctx = CONTEXT
    params.n_parallel = 1
    params.warmup = False
    params.endpoint_metrics = True
    params.cpuparams.n_threads = 1
    server = xllamacpp.Server(params)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    while True:
        time.sleep(60)


if __name__ == "__main__":
    model = Path(sys.argv[1]) / "model.gguf"
    write_model(model, is_endless="endless" in sys.argv)
    serve(model)

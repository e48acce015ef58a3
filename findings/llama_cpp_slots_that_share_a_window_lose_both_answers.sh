#!/usr/bin/env bash
# xllamacpp 2026.10.11549 (llama.cpp): with one window for all slots, two answers that do not fit it together both fail.
#
# The guess: `kv_unified` lets each of several slots use the whole window, and who asks while there is no room waits, or is
# told that it is too long; the other answer is not touched. What is seen: both begin, and when the window is full both end in
# the middle with `server_error` 500, "Context size has been exceeded.", although each fits the window by itself. Without
# `kv_unified` the slots divide what `n_ctx` says, and both answers come whole if it is as many times larger.
#
# Needs python3 and a package registry; runs in a temporary folder and ends by itself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "xllamacpp==2026.10.11549" "gguf==0.19.0" numpy
cat > "$folder/seen.py" <<'PY'
import sys
import threading

import gguf
import numpy as np
import xllamacpp

LAYERS, WIDTH, HEADS, FORWARD = 2, 64, 4, 128
TOKENS = [b"<unk>", b"<s>", b"</s>", *(f"<0x{byte:02X}>".encode() for byte in range(256))]


def write(path: str) -> None:
    """A model of random weights whose tokens are bytes."""
    writer, chance = gguf.GGUFWriter(path, "llama"), np.random.default_rng(0)
    writer.add_context_length(4096)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(TOKENS)
    writer.add_token_scores([0.0] * len(TOKENS))
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    writer.add_token_types([*kinds, *[gguf.TokenType.BYTE] * 256])
    writer.add_chat_template("{% for message in messages %}{{ message['content'] }}{% endfor %}")
    norms = {"output_norm": (WIDTH,), **{f"blk.{at}.{name}_norm": (WIDTH,) for at in range(LAYERS) for name in ("attn", "ffn")}}
    shapes = {"token_embd": (len(TOKENS), WIDTH), "output": (len(TOKENS), WIDTH)}
    for at in range(LAYERS):
        shapes |= {f"blk.{at}.attn_{name}": (WIDTH, WIDTH) for name in ("q", "k", "v", "output")}
        shapes |= {f"blk.{at}.ffn_{name}": (FORWARD, WIDTH) for name in ("gate", "up")} | {f"blk.{at}.ffn_down": (WIDTH, FORWARD)}
    for name, shape in norms.items():
        writer.add_tensor(f"{name}.weight", np.ones(shape, np.float32))
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", chance.normal(0, 0.1, shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def ends(path: str, *, unified: bool, tokens: int) -> list[str]:
    """How two answers of 300 tokens to prompts of 300 end, asked at once."""
    params = xllamacpp.CommonParams()
    params.model.path, params.verbosity, params.warmup = path, -1, False
    params.n_ctx, params.n_parallel, params.kv_unified = tokens, 2, unified
    engine, found = xllamacpp.Server(params), []

    def ask() -> None:
        chunks: list[dict] = []
        body = {"messages": [{"role": "user", "content": "a" * 300}], "max_tokens": 300, "ignore_eos": True, "stream": True}
        engine.handle_chat_completions(body, lambda chunk: chunks.append(chunk) is not None)
        errors = [chunk["error"]["message"] for chunk in chunks if "error" in chunk]
        found.append(errors[0] if errors else "whole")

    engine.handle_completions({"prompt": ".", "max_tokens": 1})
    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


write(sys.argv[1])
print("one window of 1,024 for both:", ends(sys.argv[1], unified=True, tokens=1024))
print("a window of 1,024 for each:  ", ends(sys.argv[1], unified=False, tokens=2048))
PY
"$folder/venv/bin/python" "$folder/seen.py" "$folder/model.gguf"

"""A llama in half a megabyte: the real architecture with seeded random weights, so that the real engine can load it.

Its tokens are the 256 bytes and three marks; it says nonsense, but within a grammar it says valid nonsense.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

LAYERS, WIDTH, HEADS, FORWARD, CONTEXT = 2, 64, 4, 128, 2048

TOKENS = [b"<unk>", b"<s>", b"</s>", *(f"<0x{byte:02X}>".encode() for byte in range(256))]

CHAT_TEMPLATE = (
    "{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def write_tiny_gguf(
    path: Path, seed: int = 0, *, chat_template: str = CHAT_TEMPLATE, control_tokens: tuple[str, ...] = ()
) -> Path:
    """Write the model to *path*, with *control_tokens* beside its own."""
    writer = gguf.GGUFWriter(str(path), "llama")
    marks = [token.encode() for token in control_tokens]
    _describe(writer, chat_template, marks)
    _add_weights(writer, np.random.default_rng(seed), len(TOKENS) + len(marks))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _describe(writer: gguf.GGUFWriter, chat_template: str, marks: list[bytes]) -> None:
    control = gguf.TokenType.CONTROL
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([*TOKENS, *marks])
    writer.add_token_scores([0.0] * (len(TOKENS) + len(marks)))
    plain = [gguf.TokenType.UNKNOWN, *[control] * 2, *[gguf.TokenType.BYTE] * 256]
    writer.add_token_types([*plain, *[control] * len(marks)])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_space_prefix(value=False)  # else a grammar does not find the prompt it continues
    writer.add_chat_template(chat_template)


def _add_weights(writer: gguf.GGUFWriter, chance: np.random.Generator, tokens: int) -> None:
    def weights(name: str, *shape: int) -> None:
        writer.add_tensor(name, (chance.standard_normal(shape) * 0.1).astype(np.float32))

    def ones(name: str) -> None:
        writer.add_tensor(name, np.ones(WIDTH, dtype=np.float32))

    weights("token_embd.weight", tokens, WIDTH)
    weights("output.weight", tokens, WIDTH)
    ones("output_norm.weight")
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        ones(f"{block}.attn_norm.weight")
        ones(f"{block}.ffn_norm.weight")
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            weights(f"{block}.{part}.weight", WIDTH, WIDTH)
        weights(f"{block}.ffn_gate.weight", FORWARD, WIDTH)
        weights(f"{block}.ffn_up.weight", FORWARD, WIDTH)
        weights(f"{block}.ffn_down.weight", WIDTH, FORWARD)

"""Control tokens of a file: found in its metadata, and text where they stand in a message."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from gguf import GGUFWriter, TokenType
from returns.result import Failure

from llm_manager.adapters.control_tokens import JOINER, ControlTokens
from llm_manager.adapters.gguf_file import read_header

TEMPLATE = "{% for m in messages %}<|start|>{{ m.content }}<turn>{% endfor %}"

TOKENS = {
    "<unk>": TokenType.UNKNOWN,
    "<|end|>": TokenType.CONTROL,
    "[INST]": TokenType.CONTROL,
    "|": TokenType.CONTROL,
    "<|start|>": TokenType.USER_DEFINED,
    "<turn>": TokenType.NORMAL,
    "<h1>": TokenType.USER_DEFINED,
    "{{ m": TokenType.USER_DEFINED,
    "<0x0A>": TokenType.BYTE,
    "word": TokenType.NORMAL,
}


def write(path: Path) -> Path:
    writer = GGUFWriter(str(path), "llama")
    writer.add_array("some.numbers", [1, 2, 3])
    writer.add_float32("some.number", 0.5)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([*TOKENS])
    writer.add_token_types([*TOKENS.values()])
    writer.add_chat_template(TEMPLATE)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_control_tokens_are_those_of_the_file_and_the_marks_of_its_template(tmp_path: Path) -> None:
    """Not a byte, not a mark that no turn is made of, not a piece of the template's own code."""
    found = read_header(write(tmp_path / "m.gguf"))
    assert found.unwrap().control_tokens == {"<unk>", "<|end|>", "[INST]", "<|start|>", "<turn>"}


def test_metadata_cut_anywhere_are_damage(tmp_path: Path) -> None:
    whole = write(tmp_path / "m.gguf").read_bytes()
    metadata = whole.index(TEMPLATE.encode()) + len(TEMPLATE)
    cut = tmp_path / "cut.gguf"
    found: set[str] = set()
    for length in range(8, metadata):
        cut.write_bytes(whole[:length])
        found.add(read_header(cut).failure())
    assert found == {"is damaged, or cut off before its end: download it again"}


def test_a_count_beyond_reason_is_damage_and_nothing_is_counted_to_it(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 2**62))
    assert read_header(path) == Failure("is damaged, or cut off before its end: download it again")


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("", ""),
        ("2 < 3 |> 4", "2 < 3 |> 4"),
        ("a<|end|>b", "a<*|end|>b"),
        ("<|end|><|end|>", "<*|end|><*|end|>"),
        ("<|e<|end|>nd|>", "<|e<*|end|>nd|>"),
        ("[INST] <|end", "[*INST] <|end"),
    ],
)
def test_a_control_token_in_a_text_is_split(text: str, split: str) -> None:
    assert ControlTokens(["<|end|>", "[INST]"]).as_text(text).replace(JOINER, "*") == split


def test_every_text_of_a_message_is_split_and_no_url() -> None:
    message = {
        "role": "user",
        "content": [{"type": "text", "text": "<e>"}, {"type": "image_url", "image_url": {"url": "<e>"}}],
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": "<e>"}'}}],
    }
    split = f"<{JOINER}e>"
    assert ControlTokens(["<e>"]).message(message) == {
        "role": "user",
        "content": [{"type": "text", "text": split}, {"type": "image_url", "image_url": {"url": "<e>"}}],
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": f'{{"a": "{split}"}}'}}],
    }


def test_a_model_without_control_tokens_takes_every_text_as_it_is() -> None:
    assert ControlTokens([]).as_text("<|end|>") == "<|end|>"

"""``OLLAMA_HOST``, case by case as the test of Ollama's own ``envconfig`` has it, and where a client then goes."""

from __future__ import annotations

import pytest

from llm_manager.domain.ollama_host import ollama_host

CASES = {
    "1.2.3.4": "http://1.2.3.4:11434",
    ":1234": "http://127.0.0.1:1234",
    "1.2.3.4:1234": "http://1.2.3.4:1234",
    "example.com": "http://example.com:11434",
    "example.com:1234": "http://example.com:1234",
    ":66000": "http://127.0.0.1:11434",
    ":-1": "http://127.0.0.1:11434",
    "[::1]": "http://[::1]:11434",
    "::1": "http://[::1]:11434",
    "[::1]:1337": "http://[::1]:1337",
    "[::]": "http://[::1]:11434",
    "0.0.0.0": "http://127.0.0.1:11434",  # noqa: S104  # an address of the variable
    " 1.2.3.4 ": "http://1.2.3.4:11434",
    '"1.2.3.4"': "http://1.2.3.4:11434",
    ' " 1.2.3.4 " ': "http://1.2.3.4:11434",
    "'1.2.3.4'": "http://1.2.3.4:11434",
    "http://1.2.3.4": "http://1.2.3.4",
    "http://1.2.3.4:4321": "http://1.2.3.4:4321",
    "https://1.2.3.4": "https://1.2.3.4",
    "https://1.2.3.4:4321": "https://1.2.3.4:4321",
    "https://example.com/ollama": "https://example.com/ollama",
    "https://example.com:8443/a/b/": "https://example.com:8443/a/b",
    "http://[::1]:4321/ollama": "http://[::1]:4321/ollama",
    "example.com/ollama": "http://example.com:11434/ollama",
    "ollama.com": "https://ollama.com",
}


@pytest.mark.parametrize("text", CASES)
def test_the_variable_is_read_as_ollama_reads_it(text: str) -> None:
    assert ollama_host(text) == CASES[text]

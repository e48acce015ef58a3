#!/usr/bin/env bash
# litellm 1.110.2: a Router with a fallback sleeps out the Retry-After of its first model, once a retry, before it asks
# the second one.
#
# The guess: `fallbacks=[{"first": ["second"]}]` and a first model that answers 429 with `Retry-After: 3` mean that the
# second model, which is well, answers at once. What is seen with `num_retries=2`: the first model gets three requests,
# three seconds apart, and the answer of the second comes after more than six. With `num_retries=0` it comes at once: the
# fallback does not wait, the retries before it do. With a Retry-After of a minute the same call takes two.
#
# Needs python3 and a package registry; runs in a temporary folder, on loopback, and ends by itself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "litellm==1.110.2"
cat > "$folder/seen.py" <<'PY'
import asyncio
import json
import os
import time

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import litellm

litellm.suppress_debug_info = True
ANSWER = {
    "id": "c", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "fine"}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}
asked: list[str] = []


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            sizes = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            model = json.loads(await reader.readexactly(sizes[0]))["model"]
            asked.append(model)
            body = json.dumps(ANSWER if model == "well" else {"error": {"message": "slow down"}}).encode()
            first = b"HTTP/1.1 200 OK\r\n" if model == "well" else b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 3\r\n"
            writer.write(first + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
        writer.close()


async def took_s(url: str, retries: int) -> float:
    def model(name: str, sent: str) -> dict[str, object]:
        return {"model_name": name, "litellm_params": {"model": f"openai/{sent}", "api_base": url, "api_key": "none"}}

    router = litellm.Router(
        model_list=[model("first", "limited"), model("second", "well")],
        fallbacks=[{"first": ["second"]}],
        num_retries=retries,
    )
    asked.clear()
    began = time.monotonic()
    answer = await router.acompletion(model="first", messages=[{"role": "user", "content": "hi"}])
    assert answer.choices[0].message.content == "fine"
    return time.monotonic() - began


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    await took_s(url, 0)  # the first call imports what it needs
    for retries in (0, 2):
        seconds = await took_s(url, retries)
        print(f"num_retries={retries}: {asked.count('limited')} requests to the first model, answered after {seconds:.1f} s")
        if retries:
            assert asked.count("limited") == 1 + retries, asked
            assert seconds > 3 * retries, "it no longer waits before it falls back"
        else:
            assert seconds < 3, "it waits even without retries"
    server.close()


asyncio.run(asyncio.wait_for(main(), 120))
PY
echo "litellm $("$folder/venv/bin/python" -c 'from importlib.metadata import version; print(version("litellm"))')"
"$folder/venv/bin/python" -W ignore "$folder/seen.py"

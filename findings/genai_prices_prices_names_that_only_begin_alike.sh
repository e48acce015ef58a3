#!/usr/bin/env bash
# genai-prices 0.2.3: some models are found by the beginning of a name, so a model that does not exist has a price.
#
# The guess: `calc_price` raises LookupError for a model that its table does not hold, as it does for
# `gpt-4o-made-up`; whoever gets a price has the price of that model. What is seen: how a name is matched is a rule of each
# row. `gpt-5-nano-...` and `gemini-3.8-flash-...` match whatever follows, and `...-made-up` is priced as the model whose
# name it begins with. A cheaper or dearer sister that a vendor brings out under a longer name has the wrong price until
# the table has a row for it. `PriceCalculation.model.id` tells which row it was: compare it with the name that was asked.
#
# Needs python3 and a package registry; runs in a temporary folder and asks nothing of the network beyond that.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "genai-prices==0.2.3"
cat > "$folder/seen.py" <<'PY'
from genai_prices import Usage, __version__, calc_price

print(f"genai-prices {__version__}")
EXPECTED = {
    ("openai", "gpt-4o-made-up"): None,
    ("openai", "gpt-5-nano-made-up"): "gpt-5-nano",
    ("google", "gemini-3.8-flash-made-up"): "gemini-3.8-flash",
    ("anthropic", "claude-sonnet-5-99"): None,
}
for (provider, name), expected in EXPECTED.items():
    try:
        found = calc_price(Usage(input_tokens=1_000_000), name, provider_id=provider)
    except LookupError:
        row, said = None, "LookupError"
    else:
        row, said = found.model.id, f"{found.total_price} USD for a million tokens, as {found.model.id}"
    print(f"{name}: {said}")
    assert row == expected, f"{name} is now {row}"
PY
"$folder/venv/bin/python" "$folder/seen.py"

"""Write a user interface component, and watch it come: its code appears while the model writes it.

    python examples/ui_component.py --demo                                           # no account
    python examples/ui_component.py "a star rating, read-only" --framework svelte --out Rating.svelte

The idea: what the screen shows is a fold over the events of the stream. ``shown`` is pure (the code on the screen and
an event in, the code on it now and what to print for that out), so it is tested without a stream, and it alone knows
what to do when a model breaks off and another begins anew. The file is written at the end, from the value that was
held to its schema: half a component never gets there.

The exit code is 0 for a whole component, 1 for none, 2 when the arguments or settings are wrong, and 130 when it was
stopped. Nothing here runs the code. Read it before you do.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import assert_never

import anyio
from returns.result import Failure, Success

from llm_manager import (
    ConfigurationError,
    Context,
    FinalValue,
    InvalidRequest,
    Layer,
    LLMError,
    Op,
    Outcome,
    PartialValue,
    SchemaEvent,
    StreamFailed,
    collect,
    describe,
    effect,
    live,
    provide,
    run,
    stream_with_schema,
    to_json,
)
from llm_manager.templates import COMPONENT_GENERATION, ComponentGeneration, ComponentInput, Prop
from llm_manager.testing import Pieces, scripted

FRAMEWORKS = ("react", "vue", "svelte", "angular", "solid", "web-components", "html")


def shown(code: str, event: SchemaEvent[ComponentGeneration]) -> tuple[str, str]:
    """What is on the screen after *event*, and the text to print for it, when *code* was on it before.

    >>> shown("<butt", PartialValue({"name": "Like", "code": "<button>"}))
    ('<button>', 'on>')
    >>> shown("<but", PartialValue({"code": "<a"}))[1]  # another model took over, and begins anew
    '\\n\\n--- from the start ---\\n\\n<a'
    """
    match event:
        case PartialValue({"code": str(grown)}) | FinalValue(ComponentGeneration(code=grown)):
            if grown.startswith(code):
                return grown, grown[len(code) :]
            return grown, f"\n\n--- from the start ---\n\n{grown}"
        case PartialValue() | StreamFailed():  # its code has not begun, or ends here
            return code, ""
        case _:
            assert_never(event)


def drawn(wanted: ComponentInput, draw: Callable[[str], object]) -> Op[ComponentGeneration]:
    """The component that is *wanted*; *draw* is handed its code, piece by piece, while it comes."""

    async def drawing(context: Context) -> Outcome[ComponentGeneration, LLMError]:
        asked = COMPONENT_GENERATION.request(wanted)
        if isinstance(asked, Failure):
            return asked
        opened = await run(stream_with_schema(asked.unwrap(), ComponentGeneration), context)
        if isinstance(opened, Failure):
            return opened
        code = ""
        async with opened.unwrap() as stream:  # left early, by Ctrl-C say, it closes the connection at once
            async for event in stream:
                code, more = shown(code, event)
                draw(more)
            return await collect(stream)

    return effect(drawing)


def about(component: ComponentGeneration) -> str:
    """What somebody should know who uses *component*."""
    needs = ", ".join(each.package for each in component.dependencies) or "nothing"
    lines = [f"{component.name}: {component.description}", f"needs: {needs}"]
    lines.extend(f"prop: {prop.name}: {prop.type}, {prop.description}" for prop in component.props)
    lines.extend(f"decided: {each}" for each in component.assumptions)
    lines.extend(f"accessibility: {each}" for each in component.accessibility)
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """The edge: arguments in, the component on the screen and in a file, and an exit code out."""
    options = _parser().parse_args(argv)
    description: str | None = options.description or (_DEMO_WISH if options.demo else None)
    out: Path | None = options.out
    if description is None:
        return _failed("say what you want, or --demo", 2)
    if out is not None and out.exists():
        return _failed(f"{out} is there already, and is not written over", 2)
    wanted = ComponentInput(description=description, framework=options.framework, requirements=tuple(options.must))
    layer: Layer[Context, LLMError, None] = demo() if options.demo else live()
    try:
        outcome = anyio.run(provide(drawn(wanted, draw_on_screen), layer))
    except KeyboardInterrupt:
        return _failed("stopped", 130)
    match outcome:
        case Success(component):
            print(f"\n\n{harmless(about(component))}")
            return 0 if out is None else write(out, component)
        case Failure(InvalidRequest() | ConfigurationError() as error):
            return _failed(describe(error), 2)
        case Failure(error):
            return _failed(describe(error), 1)


def write(out: Path, component: ComponentGeneration) -> int:
    """Write the code, and its style sheet beside it, and say so."""
    files = {out: component.code, out.with_suffix(".css"): component.styles}
    for path, text in files.items():
        if text is not None:
            try:
                path.write_text(text, encoding="utf-8")
            except OSError as bad:
                return _failed(f"{bad.filename}: {bad.strerror}", 1)
            print(f"written: {path}")
    return 0


def draw_on_screen(text: str) -> None:
    """Show *text* at once."""
    print(harmless(text), end="", flush=True)


def harmless(text: str) -> str:
    r"""*text*, which a model wrote, without what would steer a terminal.

    >>> harmless("<b>\x1b[2J</b>\n")
    '<b>[2J</b>\n'
    """
    return "".join(each for each in text if each.isprintable() or each in "\n\t")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Write a user interface component, and watch it come.")
    parser.add_argument("description", nargs="?", help="what it is for and how it behaves")
    parser.add_argument("--framework", choices=FRAMEWORKS, default="react", help="what it is written for (react)")
    parser.add_argument("--must", action="append", default=[], metavar="TEXT", help="a requirement; give it repeatedly")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where its code goes; a style sheet goes beside it")
    parser.add_argument("--demo", action="store_true", help="a model that reads a script")
    return parser


def _failed(said: str, code: int) -> int:
    print(f"ui_component: {said}", file=sys.stderr)
    return code


_DEMO_WISH = "a button that says whether it is pressed"
_BUTTON = ComponentGeneration(
    assumptions=("Whoever uses it keeps the state.",),
    name="Toggle",
    description="A button that is pressed or not.",
    framework="react",
    language="typescript",
    props=(Prop(name="pressed", type="boolean", required=True, default=None, description="Is it pressed?"),),
    dependencies=(),
    code="""\
export function Toggle({ pressed, onChange, children }: ToggleProps) {
  return (
    <button type="button" aria-pressed={pressed} onClick={() => onChange(!pressed)}>
      {children}
    </button>
  );
}
""",
    styles=None,
    accessibility=("A native button; aria-pressed says its state.",),
    usage_example="<Toggle pressed={bold} onChange={setBold}>Bold</Toggle>",
)


def demo() -> Layer[Context, LLMError, None]:
    """The layer in which nobody is asked: the answer comes in pieces, as from a model."""
    text = to_json(_BUTTON)
    return scripted({"gpt": [Pieces([text[at : at + 16] for at in range(0, len(text), 16)])]})


if __name__ == "__main__":
    sys.exit(main())

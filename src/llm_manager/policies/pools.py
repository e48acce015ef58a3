"""Pools: several models under one name, of which each call draws one by its weight.

The drawn order is the order of asking: who was not drawn first stays as a fallback. Which models can be asked, and the
most that they can cost, does not depend on the draw, so a plan holds for every one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from llm_manager.domain.settings import ModelSettings

_NOTHING = ModelSettings()


def members_of(models: Mapping[str, ModelSettings], name: str) -> tuple[str, ...]:
    """The names that the pool *name* stands for, the most likely first; *name* itself where it is none."""
    members = models.get(name, _NOTHING).pool
    return tuple(sorted(members, key=lambda member: -weight_of(models, member))) if members else (name,)


def weight_of(models: Mapping[str, ModelSettings], member: str) -> float:
    """The weight of *member* in a draw, 1 where none is given."""
    weight = models.get(member, _NOTHING).weight
    return 1.0 if weight is None else weight


def drawn(weights: Sequence[float], chance: Callable[[], float]) -> tuple[int, ...]:
    """The indexes of *weights* in an order drawn by them, each draw among those that are left.

    What weighs nothing comes last, as it is written. *chance* gives a number in [0, 1) a draw.

    >>> draws = iter([0.9, 0.0])
    >>> drawn([3.0, 1.0, 0.0, 1.0], lambda: next(draws))
    (3, 0, 1, 2)
    """
    order: list[int] = []
    left = [index for index, weight in enumerate(weights) if weight > 0]
    while len(left) > 1:
        point = chance() * sum(weights[index] for index in left)
        chosen = left[-1]  # where rounding leaves nothing else
        for index in left:
            point -= weights[index]
            if point < 0:
                chosen = index
                break
        left.remove(chosen)
        order.append(chosen)
    return (*order, *left, *(index for index, weight in enumerate(weights) if weight <= 0))

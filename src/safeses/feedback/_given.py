"""
What a receiver is given, checked before anything is made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from safeses._parts import Parts
from safeses.errors import ConfigurationError

if TYPE_CHECKING:
    from safeses.feedback._policy import BouncePolicy
    from safeses.feedback._reaction import Reaction


def parts_of(given: object) -> Callable[[], Parts]:
    if isinstance(given, Parts):
        parts = given
        return lambda: parts
    if isinstance(given, type) or not hasattr(given, "feedback_parts"):
        raise ConfigurationError(
            f"{type(given).__name__} is neither a Client nor Parts",
            "give the client that sends the mail",
        )
    client: Any = given
    # A test may put other parts in place for a while.
    return lambda: client.feedback_parts


def reactions_of(
    given: Collection[Reaction] | None, policy: BouncePolicy | None
) -> tuple[Reaction, ...]:
    if given is None:
        from safeses.feedback._policy import BouncePolicy
        from safeses.feedback._reactions import default_reactions

        if not (policy is None or isinstance(policy, BouncePolicy)):
            raise ConfigurationError(
                f"policy= is {type(policy).__name__}",
                "give a BouncePolicy, or leave it out",
            )
        return tuple(default_reactions(policy))
    if policy is not None:
        raise ConfigurationError(
            "policy= is for the default reactions",
            "give it to the reactions that you choose",
        )
    if not isinstance(given, Collection):
        raise ConfigurationError(
            f"reactions= is {type(given).__name__}", "give a list of them"
        )
    reactions = tuple(given)
    names = [_name_of(reaction) for reaction in reactions]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(
                f"two reactions are named {name!r}",
                "give each a name of its own, by which it is marked",
            )
    return reactions


def _name_of(reaction: object) -> str:
    name = getattr(reaction, "name", None)
    if not (isinstance(name, str) and name):
        raise ConfigurationError(
            "a reaction has no name", "give it one that stays"
        )
    if isinstance(reaction, type) or not _has(reaction, "plan"):
        raise ConfigurationError(
            f"{name!r} is no reaction", "give an instance that has plan()"
        )
    return name


def check_verifier(given: object) -> None:
    if isinstance(given, type) or not _has(given, "verify", "confirm"):
        raise ConfigurationError(
            f"verifier= is {type(given).__name__}",
            "give an SNSVerifier, or what has its two methods",
        )


def check_flag(name: str, value: object) -> None:
    # A text such as "false" is true, which may be the unsafe side.
    if not isinstance(value, bool):
        raise ConfigurationError(
            f"{name}= is {type(value).__name__}", "use True or False"
        )


def check_size(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError(
            f"{name}={value!r} is not a size in bytes",
            "use a whole number above 0, or leave it out",
        )


def _has(given: object, *methods: str) -> bool:
    """Whether *given* has all the methods."""
    return all(callable(getattr(given, name, None)) for name in methods)


def check_names(name: str, value: object) -> None:
    if (
        isinstance(value, (str, bytes))
        or not isinstance(value, Collection)
        or not all(isinstance(item, str) and item for item in value)
    ):
        raise ConfigurationError(
            f"{name} is not a list of strings",
            f'write {name}=["..."], even for one',
        )

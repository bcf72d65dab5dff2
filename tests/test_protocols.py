from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest

from safeses import Client, ConfigurationError, Limits
from safeses._protocols import keeps
from safeses._state import memory_state
from safeses.sqlite import SqliteState
from safeses.suppression import MemorySuppressionStore, SuppressionLayers
from safeses.testing import FakeClock
from safeses.typing import Budget, State, SuppressionStore

if TYPE_CHECKING:
    from pathlib import Path


@attrs.define
class Wrapper:
    """Passes everything on to another object."""

    wrapped: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapped, name)


@pytest.mark.parametrize(
    "given, protocol, expected",
    [
        (MemorySuppressionStore(), SuppressionStore, True),
        (Wrapper(MemorySuppressionStore()), SuppressionStore, True),
        (MemorySuppressionStore, SuppressionStore, False),
        (Wrapper(object()), SuppressionStore, False),
        (MemorySuppressionStore(), Budget, False),
        (memory_state(FakeClock()), State, True),
        (None, State, False),
    ],
)
def test_keeps(given: object, protocol: type, *, expected: bool) -> None:
    """An object keeps a protocol if it has its members, from wherever."""
    assert expected is keeps(given, protocol)


def test_wrapped_parts(tmp_path: Path) -> None:
    """Parts inside wrappers are taken, on every Python."""
    store = Wrapper(MemorySuppressionStore())
    state = SqliteState.open(tmp_path / "mail.db", suppressions=store)
    layers = SuppressionLayers(store)
    with Client(
        region="eu-west-1",
        state=Wrapper(memory_state(FakeClock())),
        limits=Limits(per_second=1),
    ) as ses:
        held = ses.suppressions.count()
    state.close()

    assert (store, (store,), 0) == (state.suppressions, layers.layers, held)


def test_strangers(tmp_path: Path) -> None:
    """What lacks a member is refused, inside a wrapper as well."""
    with pytest.raises(ConfigurationError) as caught:
        SqliteState.open(tmp_path / "mail.db", suppressions=Wrapper(object()))

    assert "Wrapper is not a suppression store" in str(caught.value)

"""Who is found in a suppression store, under which spelling and stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from safeses._suppressed import Suppression
from safeses.errors import ConfigurationError
from safeses.testing._contracts._suppression_fixtures import (
    ANN,
    BOB,
    MOST,
    StoreFixtures,
)
from safeses.testing._contracts._suppression_history import spellings

if TYPE_CHECKING:
    from safeses.typing import SuppressionStore

LONG: Final = 100_000
# What SQL, shells and regular expressions read as more than itself.
PATTERNS: Final = ("a_b", "a%b", "a*b", "a?b", "a.b", "%", "*")


class FindingContract(StoreFixtures):
    """What `find` answers; see `SuppressionStoreContract`."""

    def test_no_addresses(self, store: SuppressionStore) -> None:
        """Asked about nobody, it answers nothing and removes nothing."""
        store.add([Suppression(address=ANN)])

        answers = (
            store.add([]),
            store.find([]),
            store.remove([]),
            store.count(),
        )

        assert ([], {}, 0, 1) == answers

    def test_tuples(self, store: SuppressionStore) -> None:
        """Any sequence will do: a send asks with a tuple."""
        added = store.add((Suppression(address=ANN),))

        answers = (list(store.find((ANN, BOB))), store.remove((ANN, BOB)))

        assert ([True], ([ANN], 1)) == (added, answers)

    def test_mail_of_a_set(self, store: SuppressionStore) -> None:
        """A send tells the configuration set and the tenant as well."""
        store.add([Suppression(address=ANN)])

        found = store.find(
            [ANN, BOB], stream="news", configuration_set="set", tenant="shop"
        )

        assert [ANN] == list(found)

    def test_many(self, store: SuppressionStore) -> None:
        """Five hundred addresses are one question, and one change."""
        everybody = [f"p{n}@a.example" for n in range(MOST)]
        entries = [Suppression(address=a) for a in everybody]
        store.add(entries[::2])

        answers = (
            list(store.find(everybody)),
            sum(store.add(entries)),
            len(store.find(everybody)),
            store.remove(everybody),
        )

        assert (everybody[::2], MOST // 2, MOST, MOST) == (
            sorted(answers[0], key=everybody.index),
            *answers[1:],
        )

    def test_found_once_added(self, store: SuppressionStore) -> None:
        """No answer outlives what makes it wrong, however it was asked."""
        everybody = [f"p{n}@a.example" for n in range(MOST)]
        asked = [f"P <{address.upper()}>" for address in everybody]
        asked[::2] = everybody[::2]
        counts = [len(store.find(asked, stream="news"))]
        store.add([Suppression(address=a, stream="news") for a in everybody])
        counts.append(len(store.find(asked, stream="news")))
        store.remove(everybody)
        counts.append(len(store.find(asked, stream="news")))

        assert [0, MOST, 0] == counts

    def test_no_patterns(self, store: SuppressionStore) -> None:
        """No character of an address stands for another one."""
        store.add([Suppression(address="axb@a.example")])
        others = [f"{pattern}@a.example" for pattern in PATTERNS]

        answers = (store.find(others), store.remove(others), store.count())

        assert ({}, 0, 1) == answers

    @pytest.mark.parametrize("chars", [80, 144, 254])
    def test_long_addresses(self, store: SuppressionStore, chars: int) -> None:
        """Of long addresses every character counts, up to the 254 of SES."""
        local = "x" * 62
        labels = ".".join(["y" * 50] * 5)[: chars - 76]
        ann, bob = (f"{local}@{labels}{x}.example.com" for x in "ab")
        store.add([Suppression(address=ann)])

        found = store.find([ann, bob])

        assert ([ann], 0) == (list(found), store.remove([bob]))

    @pytest.mark.parametrize("written", spellings(ANN))
    @pytest.mark.parametrize("asked", spellings(ANN))
    def test_spellings(
        self, store: SuppressionStore, written: str, asked: str
    ) -> None:
        """Names and upper case make no difference; answers keep them."""
        store.add([Suppression(address=written)])

        found = store.find([asked])

        assert [asked] == list(found)

    @pytest.mark.parametrize(
        "written, asked",
        [
            ("ann@bücher.example", "Ann@xn--bcher-kva.example"),
            ("ann@XN--BCHER-KVA.example", "ann@BÜCHER.example"),
        ],
    )
    def test_domains(
        self, store: SuppressionStore, written: str, asked: str
    ) -> None:
        """A domain is the same in its own script and as its A-label."""
        store.add([Suppression(address=written)])

        found = store.find([asked])

        assert [asked] == list(found)

    def test_every_spelling_is_answered(self, store: SuppressionStore) -> None:
        """Two spellings of one address in one question are two answers."""
        store.add([Suppression(address=ANN)])
        asked = [ANN, "Ann <ANN@a.example>"]

        found = store.find(asked)

        assert asked == sorted(found, key=asked.index)

    def test_keeps_no_name(self, store: SuppressionStore) -> None:
        """The name of a person is not kept."""
        store.add([Suppression(address=f"Ann <{ANN}>")])

        address = store.find([ANN])[ANN].address

        assert address == ANN or (not self.can_list and address == "")

    @pytest.mark.parametrize(
        "nobody",
        ["", "zoe", "@a.example", "jürgen@a.example", "x" * LONG],
        ids=["empty", "no-at", "no-local", "local-not-ascii", "long"],
    )
    def test_no_address(self, store: SuppressionStore, nobody: str) -> None:
        """What is no address is refused, with all of its call, or unknown."""
        with pytest.raises(ConfigurationError) as refusal:
            store.add([Suppression(address=BOB), Suppression(address=nobody)])
        shown = nobody[:50] or "nothing"

        assert ({}, 0, False) == (
            store.find([nobody, BOB]),
            store.remove([nobody]),
            shown in str(refusal.value),
        )

    def test_a_stream(self, store: SuppressionStore) -> None:
        """An entry for a stream stops that stream and nothing else."""
        store.add([Suppression(address=ANN, stream="news")])

        found = [
            len(store.find([ANN], stream=stream))
            for stream in ("news", "bills", "")
        ]

        assert [1, 0, 0] == found

    def test_all_mail(self, store: SuppressionStore) -> None:
        """An entry for all mail stops every stream, and is the one given."""
        store.add(
            [
                Suppression(address=ANN, reason="unsubscribe", stream="news"),
                Suppression(address=ANN, reason="bounce"),
            ]
        )

        reasons = [
            store.find([ANN], stream=stream)[ANN].reason
            for stream in ("news", "bills", "")
        ]

        assert ["bounce"] * 3 == reasons

    def test_streams_keep_their_case(self, store: SuppressionStore) -> None:
        """``News`` and ``news`` are two streams."""
        store.add([Suppression(address=ANN, stream="News")])

        answers = (
            store.find([ANN], stream="news"),
            store.remove([ANN], stream="news"),
            store.add([Suppression(address=ANN, stream="news")]),
            store.count(),
        )

        assert ({}, 0, [True], 2) == answers

"""SES's own list as a store: what is asked, believed, added and removed."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from safeses import (
    AccessDeniedError,
    Client,
    ConfigurationError,
    RateLimitedError,
    RejectedError,
    StoreError,
    UnreachableError,
)
from safeses._lookups._api import PacedApi
from safeses._state import memory_state
from safeses._suppressed import Suppression
from safeses._transport import DirectTransport
from safeses.suppression import AccountSuppressionList
from safeses.testing import FakeClock, SimulatedSES
from safeses.typing import SuppressionStore

if TYPE_CHECKING:
    from collections.abc import Mapping

ANN, BEN = "ann@a.example", "ben@b.example"
BOTH = ["BOUNCE", "COMPLAINT"]
AT = dt.datetime(2026, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=2)))


def simulated(
    *, sandbox: bool = False, **settings: Any
) -> tuple[SimulatedSES, AccountSuppressionList, FakeClock]:
    """Return an SES that allows one call a second, and its list."""
    clock = FakeClock()
    ses = SimulatedSES(clock=clock, api_rate=1, sandbox=sandbox)
    api = PacedApi(
        DirectTransport(ses.client()), memory_state(clock), "a/r", clock
    )
    settings.setdefault("max_wait_s", 60.0)
    return ses, AccountSuppressionList(api, clock=clock, **settings), clock


def reasons(found: Mapping[str, Suppression]) -> dict[str, str]:
    """Return the reasons by address."""
    return {address: entry.reason for address, entry in found.items()}


@attrs.define
class ScriptedApi:
    """Answers by operation; a list is answered one by one."""

    answers: dict[str, Any]
    asked: list[tuple[str, dict[str, Any]]] = attrs.field(factory=list)
    scope: str = "a/r"

    def call(
        self,
        operation: str,
        /,
        *,
        max_wait_s: float = 5,
        within_s: float | None = None,
        **params: Any,
    ) -> Mapping[str, Any]:
        """Answer as scripted; what is not scripted is not there."""
        assert max_wait_s >= 0 or within_s is not None
        self.asked.append((operation, params))
        answer = self.answers.get(operation)
        if isinstance(answer, list):
            answer = answer.pop(0)
        if callable(answer):
            answer = answer(**params)
        if answer is None:
            raise RejectedError("NotFoundException", 404)
        if isinstance(answer, BaseException):
            raise answer
        return dict(answer)


def entry(address: str, reason: str = "BOUNCE") -> dict[str, Any]:
    """Return an entry as SES shows it."""
    return {"EmailAddress": address, "Reason": reason, "LastUpdateTime": AT}


def scripted(
    account: list[str] | None = None, **answers: Any
) -> tuple[AccountSuppressionList, ScriptedApi]:
    """Return a list of a scripted SES, which knows Ann if nobody else."""
    attributes = {} if account is None else {"SuppressedReasons": account}
    answers.setdefault("get_account", _account(attributes))
    answers.setdefault(
        "get_suppressed_destination", {"SuppressedDestination": entry(ANN)}
    )
    api = ScriptedApi(answers)
    return AccountSuppressionList(api, clock=FakeClock()), api


def _account(attributes: dict[str, Any]) -> dict[str, Any]:
    return {"SendQuota": {}, "SuppressionAttributes": attributes}


class TestFind:
    """Whom SES would not mail."""

    def test_protocol(self) -> None:
        """It is a store like others."""
        _, store, _ = simulated()

        assert isinstance(store, SuppressionStore)

    def test_found(self) -> None:
        """An entry says why, since when and who says so."""
        ses, store, clock = simulated()
        ses.suppress(ANN, "COMPLAINT")
        since = dt.datetime.fromtimestamp(clock.time(), dt.timezone.utc)
        found = store.find([ANN, BEN])

        assert {
            ANN: Suppression(
                address=ANN,
                reason="complaint",
                source="ses-account",
                since=since,
            )
        } == found

    def test_time_zone(self) -> None:
        """Whatever time zone botocore gives, it is UTC here."""
        store, _ = scripted(BOTH)
        since = store.find([ANN])[ANN].since

        assert (AT, dt.timezone.utc) == (since, since and since.tzinfo)

    @pytest.mark.parametrize(
        "stored, asked, is_found",
        [
            ("Ann@A.example", "Ann@A.example", True),
            ("Ann@A.example", "Dr. Ann <Ann@A.example>", True),
            ("ann@a.example", "Ann@A.example", True),
            ("x@xn--bcher-kva.example", "x@bücher.example", True),
            ("ANN@a.example", "ann@a.example", False),  # SES bounces it
        ],
    )
    def test_case(self, stored: str, asked: str, *, is_found: bool) -> None:
        """Both the case that was written and the lower one are tried."""
        ses, store, _ = simulated()
        ses.suppress(stored)
        found = store.find([asked])

        assert is_found == (asked in found)

    def test_nobody(self) -> None:
        """Without an address that SES could mail nothing is asked."""
        ses, store, _ = simulated()
        found = (
            store.find([]),
            store.find(["", "no address", "jürgen@a.example"]),
        )

        assert (({}, {}), 0) == (found, ses.requests.total())

    def test_remembered(self) -> None:
        """Who is there is believed for an hour, who is not for minutes."""
        ses, store, clock = simulated()
        ses.suppress(ANN)
        counts = []
        for pause_s in (0, 1, 299, 3000, 400):
            clock.advance(pause_s)
            store.find([ANN, BEN])
            counts.append(ses.requests["GetSuppressedDestination"])

        assert [2, 2, 3, 4, 6] == counts

    def test_found_in_every_spelling(self) -> None:
        """Who is there is there in another spelling, without a call."""
        ses, store, _ = simulated()
        ses.suppress(ANN)
        store.find(["Ann@a.example"])
        before = ses.requests.total()
        found = store.find(["ann@A.example", "Ann <ANN@a.example>"])

        assert (2, before) == (len(found), ses.requests.total())

    def test_absent_in_this_spelling(self) -> None:
        """Who is not there may be there in a spelling that was not asked."""
        ses, store, _ = simulated()
        ses.suppress("Ann@a.example")
        found = [
            list(store.find([who]))
            for who in (ANN, "Ann@a.example", "ANN@a.example")
        ]

        assert ([[], ["Ann@a.example"], ["ANN@a.example"]], 2) == (
            found,
            ses.requests["GetSuppressedDestination"],
        )

    def test_absent_until_when(self) -> None:
        """Asking for another spelling does not prolong what is believed."""
        ses, store, clock = simulated()
        store.find([ANN])
        clock.advance(200)
        store.find(["Ann@a.example"])
        ses.suppress(ANN)
        clock.advance(200)

        assert [ANN] == list(store.find([ANN]))

    def test_quotes(self) -> None:
        """Quotes that are not needed hide nobody, now or later."""
        ses, store, _ = simulated()
        ses.suppress(ANN)
        quoted = '"ann"@a.example'

        assert ([quoted], [ANN]) == (
            list(store.find([quoted])),
            list(store.find([ANN])),
        )

    def test_cache_is_bounded(self) -> None:
        """Of four addresses two are remembered, if no more are allowed."""
        ses, store, _ = simulated(max_cached=2)
        for _ in range(2):
            store.find([f"r{n}@a.example" for n in range(4)])

        assert 6 == ses.requests["GetSuppressedDestination"]

    def test_single_flight(self) -> None:
        """Threads that want the same address ask once, and all know."""
        ses, store, clock = simulated()
        ses.suppress(ANN)
        found = clock.run(*[lambda: reasons(store.find([ANN]))] * 5)

        assert ([{ANN: "bounce"}] * 5, 2) == (found, ses.requests.total())

    def test_stream(self) -> None:
        """Entries of SES stop every stream."""
        store, _ = scripted(BOTH)

        assert [ANN] == list(store.find([ANN], stream="news"))


class TestSettings:
    """To be on the list is not yet to be stopped."""

    @pytest.mark.parametrize(
        "account, of_set, stops",
        [
            (BOTH, None, True),
            (["BOUNCE"], None, True),
            (["COMPLAINT"], None, False),
            ([], None, False),
            (None, None, False),
            (BOTH, {}, True),
            (BOTH, {"SuppressedReasons": []}, False),
            (BOTH, {"SuppressedReasons": ["COMPLAINT"]}, False),
            ([], {"SuppressedReasons": ["BOUNCE"]}, True),
            (BOTH, {"ValidationOptions": {}}, True),
        ],
    )
    def test_reasons(
        self,
        account: list[str] | None,
        of_set: dict[str, Any] | None,
        *,
        stops: bool,
    ) -> None:
        """The account's reasons count, unless the set has some, or none."""
        options = {} if of_set is None else {"SuppressionOptions": of_set}
        store, _ = scripted(
            account,
            get_configuration_set={"ConfigurationSetName": "s", **options},
        )
        found = store.find([ANN], configuration_set="s")

        assert stops == bool(found)

    def test_unknown_set(self) -> None:
        """A set that is not there overrides nothing; SES refuses it."""
        store, _ = scripted(BOTH)

        assert [ANN] == list(store.find([ANN], configuration_set="gone"))

    def test_nobody_listed(self) -> None:
        """As long as nobody is on the list, no settings are asked for."""
        store, api = scripted(BOTH, get_suppressed_destination=None)
        store.find([ANN, BEN], configuration_set="s")

        assert {"get_suppressed_destination"} == {
            name for name, _ in api.asked
        }

    def test_remembered(self) -> None:
        """Settings are asked for every five minutes."""
        ses, store, clock = simulated()
        ses.suppress(ANN)
        counts = []
        for pause_s in (0, 200, 200):
            clock.advance(pause_s)
            store.find([ANN])
            counts.append(ses.requests["GetAccount"])

        assert [1, 1, 2] == counts

    @pytest.mark.parametrize(
        "of_tenant, of_set, whose, stops",
        [
            ({"SuppressionScope": "TENANT"}, {}, "t", True),
            ({"SuppressionScope": "ACCOUNT"}, {}, "", True),
            ({}, {}, "", True),
            (
                {"SuppressionScope": "TENANT", "SuppressedReasons": []},
                {},
                "t",
                False,
            ),
            (
                {"SuppressionScope": "TENANT"},
                {"SuppressionScope": "ACCOUNT"},
                "",
                True,
            ),
            ({}, {"SuppressionScope": "TENANT"}, "t", True),
            (
                {"SuppressionScope": "TENANT", "SuppressedReasons": []},
                {"SuppressedReasons": ["BOUNCE"]},
                "t",
                True,
            ),
        ],
    )
    def test_tenants(
        self,
        of_tenant: dict[str, Any],
        of_set: dict[str, Any],
        whose: str,
        *,
        stops: bool,
    ) -> None:
        """Looked at is the list that SES would look at."""
        store, api = scripted(
            BOTH,
            get_tenant={
                "Tenant": {
                    "TenantName": "t",
                    "SuppressionAttributes": of_tenant,
                }
            },
            get_configuration_set={
                "ConfigurationSetName": "s",
                "SuppressionOptions": of_set,
            },
        )
        found = store.find([ANN], configuration_set="s", tenant="t")
        asked = [p for name, p in api.asked if "destination" in name]

        assert (stops, [whose]) == (
            bool(found),
            [params.get("TenantName", "") for params in asked],
        )

    @pytest.mark.skipif(
        not hasattr(SimulatedSES().client(), "get_tenant"),
        reason="this botocore knows no tenants",
    )
    def test_unknown_tenant(self) -> None:
        """A tenant that is not there has no list; SES refuses his mail."""
        ses, store, _ = simulated()
        ses.suppress(ANN)

        assert [ANN] == list(store.find([ANN], tenant="nobody"))

    def test_lists_are_kept_apart(self) -> None:
        """What is known of a tenant's list says nothing of the account's."""
        tenant = {
            "TenantName": "t",
            "SuppressionAttributes": {"SuppressionScope": "TENANT"},
        }
        store, _ = scripted(
            BOTH,
            get_tenant={"Tenant": tenant},
            get_suppressed_destination=lambda **p: (
                {"SuppressedDestination": entry(ANN)}
                if p.get("TenantName")
                else None
            ),
        )
        of_tenant = store.find([ANN], tenant="t")

        assert ("ses-tenant", {}) == (
            of_tenant[ANN].source,
            store.find([ANN]),
        )


class TestNoAnswer:
    """An outage never reads as "not suppressed"."""

    def test_too_many(self) -> None:
        """More addresses than there is time for are refused, with advice."""
        _, store, clock = simulated(max_wait_s=2)
        many = [f"r{n}@a.example" for n in range(50)]
        with pytest.raises(StoreError) as caught:
            store.find(many)

        assert (("suppression", "ses", True), True) == (
            (
                caught.value.part,
                caught.value.engine,
                "sync" in caught.value.problem,
            ),
            clock.monotonic() <= 2,
        )

    def test_again(self) -> None:
        """What was learnt before time ran out stays known."""
        _, store, clock = simulated(max_wait_s=2)
        few = [f"r{n}@a.example" for n in range(4)]
        tries = 1
        while True:
            clock.advance(2)
            try:
                store.find(few)
                break
            except StoreError:
                tries += 1

        assert 2 == tries

    def test_not_strict(self) -> None:
        """Who wants it so mails those who could not be looked up."""
        ses, store, _ = simulated(max_wait_s=2, strict=False)
        ses.suppress(ANN)
        found = store.find([ANN, *(f"r{n}@a.example" for n in range(50))])

        assert {ANN: "bounce"} == reasons(found)

    @pytest.mark.parametrize(
        "operation",
        ["get_account", "get_suppressed_destination", "get_tenant"],
    )
    @pytest.mark.parametrize(
        "error",
        [
            UnreachableError("no answer within 5 s"),
            RateLimitedError(1.0, 1.0, "ses"),
            StoreError("state", "redis", "ConnectionError"),
        ],
    )
    @pytest.mark.parametrize("strict", [True, False])
    def test_down(
        self, operation: str, error: Exception, *, strict: bool
    ) -> None:
        """An outage is refused or passed, as chosen; asked is once only."""
        store, api = scripted(BOTH, **{operation: error})
        store.strict = strict
        try:
            found: object = store.find([ANN, BEN], tenant="t")
        except StoreError as raised:
            found = raised.part
        times = [name for name, _ in api.asked].count(operation)

        assert ("suppression" if strict else {}, 1) == (found, times)

    @pytest.mark.parametrize("strict", [True, False])
    @pytest.mark.parametrize(
        "action", ["ses:GetAccount", "ses:GetSuppressedDestination"]
    )
    def test_denied(self, action: str, *, strict: bool) -> None:
        """What IAM refuses is named, strict or not."""
        ses, store, _ = simulated(strict=strict)
        ses.suppress(ANN)
        ses.deny(action)
        with pytest.raises(AccessDeniedError) as caught:
            store.find([ANN])

        assert action == caught.value.action

    @pytest.mark.parametrize(
        "operation",
        [
            "get_account",
            "get_configuration_set",
            "get_suppressed_destination",
            "get_tenant",
            "list_suppressed_destinations",
        ],
    )
    def test_odd_answer(self, operation: str) -> None:
        """A 200 without content is no answer of SES."""
        store, _ = scripted(BOTH, **{operation: {}})
        act: Any = store.page
        if not operation.startswith("list"):
            act = partial(store.find, [ANN], configuration_set="s", tenant="t")
        with pytest.raises(StoreError) as caught:
            act()

        assert ("suppression", "ses") == (
            caught.value.part,
            caught.value.engine,
        )

    def test_interrupted(self) -> None:
        """Ctrl-C while SES is asked leaves nobody waiting for the answer."""
        found = {"SuppressedDestination": entry(ANN)}
        store, _ = scripted(
            BOTH, get_suppressed_destination=[KeyboardInterrupt(), found]
        )
        with pytest.raises(KeyboardInterrupt):
            store.find([ANN])

        assert [ANN] == list(store.find([ANN]))

    def test_who_waits_is_bounded(self) -> None:
        """Who waits for another thread's question gives up in time."""
        clock = FakeClock()

        def hang(**_: Any) -> None:
            clock.sleep(1000)

        api = ScriptedApi(
            {
                "get_account": _account({"SuppressedReasons": BOTH}),
                "get_suppressed_destination": hang,
            }
        )
        store = AccountSuppressionList(api, clock=clock, strict=False)
        ends: list[float] = []

        def find() -> None:
            store.find([ANN])
            ends.append(clock.monotonic())

        clock.run(find, find)

        assert [2, 1000] == ends


class TestChange:
    """What is added and removed at SES."""

    def test_add(self) -> None:
        """Only what is not there is added, with its reason."""
        ses, store, _ = simulated()
        ses.suppress(BEN, "COMPLAINT")
        added = store.add(
            [
                Suppression(address="Ann <Ann@a.example>", reason="bounce"),
                Suppression(address="ANN@a.example", reason="bounce"),
                Suppression(address=BEN, reason="bounce"),
            ]
        )
        found = store.find(["Ann@a.example", BEN])

        assert (
            [True, True, False],
            {"Ann@a.example": "bounce", BEN: "complaint"},
        ) == (added, reasons(found))

    def test_added_while_asked(self) -> None:
        """What was asked before an add is not believed after it."""
        store, api = scripted(BOTH, put_suppressed_destination={})

        def absent(**_: Any) -> None:
            there = {"SuppressedDestination": entry(ANN)}
            api.answers["get_suppressed_destination"] = there
            store.put(Suppression(address=ANN, reason="bounce"))

        api.answers["get_suppressed_destination"] = absent
        found = [list(store.find([ANN])) for _ in range(2)]

        assert [[], [ANN]] == found

    def test_removed_while_asked(self) -> None:
        """What was asked before a removal is not believed after it."""
        store, api = scripted(BOTH, delete_suppressed_destination={})

        def found(**_: Any) -> Any:
            api.answers["get_suppressed_destination"] = None
            store.remove([ANN])
            return {"SuppressedDestination": entry(ANN)}

        api.answers["get_suppressed_destination"] = found
        told = [list(store.find([ANN])) for _ in range(2)]

        assert [[ANN], []] == told

    def test_added_without_an_answer(self) -> None:
        """An add that SES may have taken is looked up anew."""
        there = {"SuppressedDestination": entry(ANN)}
        store, _ = scripted(
            BOTH,
            get_suppressed_destination=[None, there],
            put_suppressed_destination=UnreachableError("no answer"),
        )
        with pytest.raises(UnreachableError):
            store.add([Suppression(address=ANN, reason="bounce")])

        assert [ANN] == list(store.find([ANN]))

    def test_add_asks_anew(self) -> None:
        """An add does not go by what was true an hour ago."""
        ses, store, clock = simulated()
        ses.suppress(ANN)
        store.find([ANN])
        clock.advance(1)
        ses.client().delete_suppressed_destination(EmailAddress=ANN)
        added = store.add([Suppression(address=ANN, reason="bounce")])

        assert [True] == added

    @pytest.mark.parametrize(
        "fields, text",
        [
            ({"reason": "manual"}, "the reason manual"),
            ({"reason": "unsubscribe"}, "the reason unsubscribe"),
            ({"reason": "bounce", "stream": "news"}, "a stream"),
            ({"reason": "bounce", "expires_at": AT}, "an end"),
        ],
    )
    def test_inexpressible(self, fields: dict[str, Any], text: str) -> None:
        """What SES cannot keep is refused, and so are those before it."""
        ses, store, _ = simulated()
        good = Suppression(address=BEN, reason="bounce")
        with pytest.raises(ConfigurationError, match=text):
            store.add([good, Suppression(address=ANN, **fields)])

        assert 0 == ses.requests.total()

    def test_sandbox(self) -> None:
        """In the sandbox SES refuses to add; the error says what to do."""
        ses, store, _ = simulated(sandbox=True)
        with pytest.raises(ConfigurationError, match="sandbox"):
            store.add([Suppression(address=ANN, reason="bounce")])

        assert 1 == ses.requests["PutSuppressedDestination"]

    def test_refused(self) -> None:
        """Outside of the sandbox a refusal is what SES says."""
        bad = RejectedError("BadRequestException", 400)
        store, _ = scripted(
            get_suppressed_destination=None, put_suppressed_destination=bad
        )
        with pytest.raises(RejectedError) as caught:
            store.add([Suppression(address=ANN, reason="bounce")])

        assert bad is caught.value

    def test_maybe_sandbox(self) -> None:
        """Where nobody may ask for the account, SES's refusal is shown."""
        bad = RejectedError("BadRequestException", 400)
        store, _ = scripted(
            get_suppressed_destination=None,
            put_suppressed_destination=bad,
            get_account=AccessDeniedError("ses:GetAccount"),
        )
        with pytest.raises(RejectedError) as caught:
            store.add([Suppression(address=ANN, reason="bounce")])

        assert bad is caught.value

    def test_remove(self) -> None:
        """Every spelling that is known is removed, and forgotten."""
        ses, store, _ = simulated()
        ses.suppress("Ann@a.example")
        ses.suppress(ANN)
        store.find(["Ann@a.example"])
        removed = store.remove(["ANN@a.example", BEN])

        assert (2, 0, {}) == (removed, store.count(), store.find([ANN]))

    def test_remove_of_a_stream(self) -> None:
        """SES has no entries for a stream, so there is nothing to remove."""
        ses, store, _ = simulated()
        ses.suppress(ANN)
        removed = store.remove([ANN], stream="news"), store.remove([ANN])

        assert (0, 1) == removed

    def test_pages(self) -> None:
        """All entries come, with the reasons that are not enabled too."""
        ses, store, _ = simulated()
        ses.client().put_account_suppression_attributes(SuppressedReasons=[])
        for number in range(5):
            ses.suppress(f"r{number}@a.example", "COMPLAINT")
        seen, after = [], ""
        while True:
            page = store.page(after, 2)
            seen += [e.address for e in page.entries]
            after = page.next
            if not after:
                break

        assert ([f"r{n}@a.example" for n in range(5)], 5, 0) == (
            seen,
            store.count(),
            store.purge(),
        )

    def test_page_size(self) -> None:
        """No page is asked for that SES does not give."""
        body: Any = {"SuppressedDestinationSummaries": []}
        store, api = scripted(list_suppressed_destinations=body)
        for limit in (0, 5, 100_000):
            store.page(limit=limit)

        assert [1, 5, 1000] == [p["PageSize"] for _, p in api.asked]

    def test_endless_pages(self) -> None:
        """A page that leads to itself is no answer of SES."""
        body: Any = {"SuppressedDestinationSummaries": [], "NextToken": "x"}
        store, api = scripted(list_suppressed_destinations=[body] * 5)
        with pytest.raises(StoreError, match="without an end"):
            store.count()

        assert 2 == len(api.asked)

    def test_stale_page(self) -> None:
        """A place that SES has forgotten says how to go on."""
        _, store, _ = simulated()
        with pytest.raises(RejectedError, match="begin again") as caught:
            store.page("stale")

        assert "InvalidNextTokenException" == caught.value.code

    def test_of_a_tenant(self) -> None:
        """The list of a tenant is read and changed as such."""
        store, api = scripted(
            list_suppressed_destinations={
                "SuppressedDestinationSummaries": [entry(ANN)]
            },
            delete_suppressed_destination={},
            put_suppressed_destination={},
            get_suppressed_destination=None,
        )
        own = AccountSuppressionList(api, tenant="t", clock=store.clock)
        (listed,) = own.page().entries
        own.add([Suppression(address=ANN, reason="bounce")])
        own.remove([ANN])

        assert ("ses-tenant", {"t"}) == (
            listed.source,
            {params["TenantName"] for _, params in api.asked},
        )

    @pytest.mark.parametrize(
        "settings",
        [
            {"max_wait_s": -1},
            {"found_ttl_s": float("nan")},
            {"absent_ttl_s": None},
            {"max_cached": 0},
        ],
    )
    def test_settings(self, settings: dict[str, Any]) -> None:
        """Settings that cannot work are refused."""
        with pytest.raises(ConfigurationError) as caught:
            simulated(**settings)

        assert next(iter(settings)) in caught.value.problem

    def test_repr(self) -> None:
        """Its repr shows nobody whom it remembers."""
        ses, store, _ = simulated()
        ses.suppress(ANN)
        store.find([ANN])

        assert ANN not in repr(store)


def test_one_memory_for_strict_and_not() -> None:
    """What is added to the list is known to those who look at sends."""
    clock = FakeClock()
    ses = SimulatedSES(clock=clock, max_send_rate=100)
    listed = Client(
        ses.client(), clock=clock, account_suppressions="ask"
    ).account_suppressions
    view = listed.made_strict(strict=False)
    absent = view.find(["ann@a.example"])
    listed.add([Suppression(address="ann@a.example", reason="bounce")])
    clock.advance(10)

    assert ({}, ["ann@a.example"], False) == (
        absent,
        list(view.find(["ann@a.example"])),
        view.strict,
    )

"""Which spellings of an address are the same, and what a key gives away."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.pace import within

from safeses import ConfigurationError
from safeses._mail import _address
from safeses.suppression import AddressKeys

SECRET = b"0123456789abcdef"
LONG = 10**5
# For a coarse bound: a quadratic pass over LONG would take seconds.
MOST_PASSES = 20

LOCALS = st.from_regex(r"[A-Za-z0-9_+'.-]{1,20}", fullmatch=True)
DOMAINS = st.from_regex(
    r"([a-zA-Z0-9ÄÖÜäöüß]([a-z0-9-]{0,10}[a-z0-9])?\.){1,3}[a-z]{2,8}",
    fullmatch=True,
)
NAMES = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=40
)


@pytest.mark.parametrize(
    "address, key",
    [
        ("ann@a.example", "ann@a.example"),
        ("Ann.B@A.Example", "ann.b@a.example"),
        (" ann@a.example ", "ann@a.example"),
        ("ann@a.example.", "ann@a.example"),
        ("Ann <ann@a.example>", "ann@a.example"),
        ("<ann@a.example>", "ann@a.example"),
        ('"Ann, <x@b.example>" <ann@a.example>', "ann@a.example"),
        ("Müller, Ann <ann@a.example>", "ann@a.example"),
        ("=?utf-8?q?J=C3=BC?= <ann@a.example>", "ann@a.example"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@BÜCHER.example", "ann@xn--bcher-kva.example"),
        ("ann@XN--BCHER-KVA.example.", "ann@xn--bcher-kva.example"),
        ("ann@straße.example", "ann@xn--strae-oqa.example"),  # IDNA 2008
        ("ann@a\u00ad.example", "ann@a.example"),  # as the domain is mailed
        ("ann@a。example", "ann@a.example"),  # an ideographic full stop
        ('"ann"@a.example', "ann@a.example"),
        ('"a\\nn"@a.example', "ann@a.example"),
        ('"a n"@a.example', '"a n"@a.example'),
        ('"a@n"@a.example', '"a@n"@a.example'),
        ('"a\\\\\\"n"@a.example', '"a\\\\\\"n"@a.example'),
        ("ann@[192.0.2.1]", "ann@[192.0.2.1]"),
        ("ann+shop@gmail.com", "ann+shop@gmail.com"),
        ("a.nn@googlemail.com", "a.nn@googlemail.com"),
    ],
)
def test_key(address: str, key: str) -> None:
    """Every spelling of an address has the same key."""
    keys = AddressKeys()

    assert key == keys.key(address)


@pytest.mark.parametrize(
    "nothing",
    [
        "",
        "zoe",
        "@a.example",
        "zoe@",
        "ann@.",
        "ann@a..example",
        "a n@a.example",
        "ann@a.example, bob@a.example",
        "Ann <ann@a.example>, Bob <bob@a.example>",
        "Ann, B <ann@a.example>",
        "ann@b@a.example",
        'a"n"n@a.example',
        '"ann@a.example',
        '"a"n"@a.example',
        "jürgen@a.example",
        "\u212aim@a.example",  # the Kelvin sign, whose lower case is k
        "ann@a.example\r\nBcc: bob@a.example",
        "Ann\r\nBcc: bob <ann@a.example>",
        "\ud800@a.example",
        "ann@\ud800.example",
        f"{'a' * 250}@a.example",
    ],
)
def test_no_key(nothing: str) -> None:
    """What is not one address has no key, and an error without its text."""
    keys = AddressKeys()
    with pytest.raises(ConfigurationError) as refusal:
        keys.key(nothing)

    assert ({}, False) == (
        keys.keys_of([nothing]),
        (nothing or "nothing") in f"{refusal.value} {refusal.value!r}",
    )


@pytest.mark.parametrize(
    "address",
    [
        "x" * LONG,
        "x@" * LONG,
        "ü" * LONG,
        "<" * LONG,
        f"a@{'b.' * LONG}",
        f'"{"x" * LONG}" <a@a.example>',
        "ü@" * 900,
        f"a@{'ü.' * 900}",
        f"{'<' * 1900}a@a.example>",
        '"{}"@a.example'.format('\\"' * 900),
        f"{'=?x?' * 400} <a@a.example>",
    ],
)
def test_long(address: str) -> None:
    """A hostile string costs no time to speak of."""
    keys = AddressKeys(plus_tags=True, providers=True)
    keys.keys_of(["ü <a@bü.example>", '"a b"@a.example'])  # loads all of it

    assert within(MOST_PASSES, LONG, lambda: keys.keys_of([address]))


@given(NAMES, LOCALS, DOMAINS)
@example("", "a..b", "a.example")
def test_what_is_mailed_has_a_key(name: str, local: str, domain: str) -> None:
    """Nothing that passes the checks of a send is beyond the list."""
    address = f"{name} <{local}@{domain}>" if name else f"{local}@{domain}"
    sent = _address.encode(address)
    keys = AddressKeys().keys_of([address, sent])
    mailed = _address.problem(sent) is None

    assert (not mailed or len({address, sent})) == (not mailed or len(keys))


@given(NAMES, LOCALS, DOMAINS)
def test_key_of_what_is_mailed(name: str, local: str, domain: str) -> None:
    """The address as SES gets it has the key of the one that was given."""
    address = f"{name} <{local}@{domain}>" if name else f"{local}@{domain}"
    keys = AddressKeys().keys_of([address, _address.encode(address)])

    assert len(set(keys.values())) < 2


@given(
    LOCALS,
    DOMAINS,
    st.builds(AddressKeys, plus_tags=st.booleans(), providers=st.booleans()),
)
def test_folding_ends(local: str, domain: str, keys: AddressKeys) -> None:
    """The key of a key is the key: folding again changes nothing."""
    once = list(keys.keys_of([f"{local}@{domain}"]).values())
    twice = list(keys.keys_of(once).values())

    assert once == twice


@pytest.mark.parametrize(
    "address, key",
    [
        ("ann+shop@a.example", "ann@a.example"),
        ("ann+shop+x@a.example", "ann@a.example"),
        ("ann+@a.example", "ann@a.example"),
        ("+shop@a.example", "+shop@a.example"),
        ('"a n+shop"@a.example', '"a n+shop"@a.example'),
        ("a.nn+shop@gmail.com", "a.nn@gmail.com"),
    ],
)
def test_plus_tags(address: str, key: str) -> None:
    """A tag is dropped, but never the whole local part."""
    keys = AddressKeys(plus_tags=True)

    assert key == keys.key(address)


@pytest.mark.parametrize(
    "address, key",
    [
        ("A.nn@GoogleMail.com", "ann@gmail.com"),
        ("a.nn+s.x@gmail.com", "ann+s.x@gmail.com"),
        ("...@gmail.com", "...@gmail.com"),
        ("a.nn@me.com", "a.nn@icloud.com"),
        ("a.nn@mac.com", "a.nn@icloud.com"),
        ("a.nn@a.example", "a.nn@a.example"),
        ("a.nn@mail.gmail.com", "a.nn@mail.gmail.com"),
    ],
)
def test_providers(address: str, key: str) -> None:
    """What a provider takes for one mailbox is one, there and only there."""
    keys = AddressKeys(providers=True)

    assert key == keys.key(address)


def test_hashed() -> None:
    """With a secret a key is an HMAC of the folded address."""
    keys = AddressKeys(secret=SECRET)
    spellings = keys.keys_of(["ann@a.example", "Ann <ANN@a.example>"])

    assert {
        "b15319998d70730ad7f698f15a419d1a2d4af0299685e242663f703225b80ae2"
    } == set(spellings.values())


@pytest.mark.parametrize(
    "keys, policy",
    [
        (AddressKeys(), "v1"),
        (AddressKeys(plus_tags=True), "v1+plus"),
        (AddressKeys(plus_tags=True, providers=True), "v1+plus+providers"),
        (AddressKeys(secret=SECRET), "v1+hmac:408d9e7f"),
        (
            AddressKeys(providers=True, secret=SECRET[::-1]),
            "v1+providers+hmac:bda77dcb",
        ),
    ],
)
def test_policy(keys: AddressKeys, policy: str) -> None:
    """A policy names everything that changes a key."""
    assert policy == keys.policy


@pytest.mark.parametrize("secret", [b"", b"short", "0123456789abcdef"])
def test_no_secret(secret: Any) -> None:
    """What anybody could guess is no secret."""
    with pytest.raises(ConfigurationError) as refusal:
        AddressKeys(secret=secret)

    assert (
        "secret is not bytes, 16 or more;"
        " use secrets.token_bytes(32), once, and keep it"
    ) == str(refusal.value)


def test_shows_no_secret() -> None:
    """Neither its repr nor its policy holds the secret; a copy does."""
    keys = AddressKeys(secret=SECRET)
    copy = pickle.loads(pickle.dumps(keys))  # noqa: S301  # our own bytes

    assert (False, keys) == ("0123" in f"{keys!r} {keys.policy}", copy)

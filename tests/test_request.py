"""What becomes of the parameters: made safe, checked, never changed."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from safeses import ConfigurationError, InvalidMessageError
from safeses._mail._tag import stream_in
from safeses._request import Request, request
from safeses._suppressed import check_stream
from safeses._validation import check_tags

TAG = "0123abcd"
OURS = {"Name": "safeses-id", "Value": TAG}
NEWS = {"Name": "safeses-stream", "Value": "news"}
OUR_HEADER = {"Name": "X-Safeses-Id", "Value": TAG}
SENDER = "shop@a.example"
ANN = {"ToAddresses": ["ann@a.example"]}


def simple(**changed: Any) -> dict[str, Any]:
    """Return the content of a small mail."""
    return {
        "Simple": {
            "Subject": {"Data": "s"},
            "Body": {"Text": {"Data": "t"}},
            **changed,
        }
    }


def make(content: object = None, /, **params: Any) -> Request:
    """Return what becomes of *params*."""
    options = {
        name: params.pop(name)
        for name in ("tagged", "stream")
        if name in params
    }
    params.setdefault("Content", content or simple())
    params.setdefault("Destination", ANN)
    params.setdefault("FromEmailAddress", SENDER)
    params = {k: v for k, v in params.items() if v is not ...}
    return request(params, tag=TAG, scope="local", **options)


def refused(content: object = None, /, **params: Any) -> list[str]:
    """Return the rules that *params* break."""
    with pytest.raises(InvalidMessageError) as caught:
        make(content, **params)
    return [finding.rule for finding in caught.value.findings]


def fields(content: object = None, /, **params: Any) -> list[str]:
    """Return the fields in which *params* break a rule."""
    with pytest.raises(InvalidMessageError) as caught:
        make(content, **params)
    return [finding.field for finding in caught.value.findings]


class TestTag:
    """The correlation tag and its header."""

    def test_is_added(self) -> None:
        """The mail carries our tag and our header, after the caller's."""
        params = make(
            simple(Headers=[{"Name": "X-A", "Value": "1"}]),
            EmailTags=[{"Name": "a", "Value": "b"}],
        ).params

        assert (
            [{"Name": "a", "Value": "b"}, OURS],
            [{"Name": "X-A", "Value": "1"}, OUR_HEADER],
        ) == (params["EmailTags"], params["Content"]["Simple"]["Headers"])

    def test_is_left_out(self) -> None:
        """A caller who compares parameters can have neither."""
        params = make(tagged=False).params

        assert {
            "FromEmailAddress": SENDER,
            "Destination": ANN,
            "Content": simple(),
        } == params

    def test_template_has_the_header(self) -> None:
        """A template carries both, too."""
        params = make({"Template": {"TemplateName": "x"}}).params

        assert [OUR_HEADER] == params["Content"]["Template"]["Headers"]

    @pytest.mark.parametrize("count, is_free", [(14, True), (15, False)])
    def test_header_only_where_free(
        self, count: int, *, is_free: bool
    ) -> None:
        """Fifteen headers of the caller's leave no room for ours."""
        given = [{"Name": f"X-{n}", "Value": "1"} for n in range(count)]
        params = make(simple(Headers=given)).params
        headers = params["Content"]["Simple"]["Headers"]

        assert is_free == (OUR_HEADER in headers)

    def test_is_not_there_twice(self) -> None:
        """A message that carries a tag and header already gets no second."""
        old = {"Name": "safeses-id", "Value": "old"}
        header = {"Name": "x-safeses-id", "Value": "old"}
        params = make(simple(Headers=[header]), EmailTags=[old]).params

        assert ([OURS], [header]) == (
            params["EmailTags"],
            params["Content"]["Simple"]["Headers"],
        )


class TestStream:
    """The tag that names the kind of mail."""

    @pytest.mark.parametrize(
        "content",
        [
            simple(),
            {"Template": {"TemplateName": "x"}},
            {"Raw": {"Data": b"To: a@b.example\r\n\r\nt"}},
        ],
        ids=["simple", "template", "raw"],
    )
    def test_is_added(self, content: dict[str, Any]) -> None:
        """A mail of a stream carries its name, after all other tags."""
        tags = [{"Name": "a", "Value": "b"}]
        params = make(content, EmailTags=tags, stream="news").params

        assert [*tags, OURS, NEWS] == params["EmailTags"]

    def test_only_where_one_is_named(self) -> None:
        """A mail of no stream has no tag for it, and one without tags."""
        found = [
            make(stream="").params["EmailTags"],
            make(stream="news", tagged=False).params.get("EmailTags"),
        ]

        assert [[OURS], None] == found

    def test_has_no_header(self) -> None:
        """The headers are the same with a stream and without."""
        assert (
            make(stream="news").params["Content"] == (make().params["Content"])
        )

    @pytest.mark.parametrize("value", ["mine", "news"])
    def test_of_the_caller(self, value: str) -> None:
        """A tag of that name that the caller has set stays as it is."""
        theirs = {"Name": "safeses-stream", "Value": value}
        params = make(EmailTags=[theirs], stream="news").params

        assert [theirs, OURS] == params["EmailTags"]

    def test_of_a_raw_header(self) -> None:
        """One in the header of a raw mail stays, too."""
        data = (
            b"X-SES-MESSAGE-TAGS: safeses-stream=mine\r\n"
            b"To: a@b.example\r\n\r\nt"
        )
        params = make({"Raw": {"Data": data}}, stream="news").params

        assert [NEWS | {"Value": "mine"}, OURS] == params["EmailTags"]

    @pytest.mark.parametrize(
        "stream",
        ["a.b", "a_b", "a._b", "a_.b", "a_d", "a_", "a__d.", "A" + 63 * "."],
    )
    def test_any_name(self, stream: str) -> None:
        """Whatever a stream is called, SES takes it, and it can be read."""
        check_stream(stream)
        value = make(stream=stream).params["EmailTags"][-1]["Value"]
        findings = check_tags([{"Name": "a", "Value": value}])

        assert ([], stream) == ([*findings], stream_in(value))

    def test_callers_tags_are_theirs(self) -> None:
        """The list that the caller gave is not added to."""
        given = [{"Name": "a", "Value": "b"}]
        make(EmailTags=given, stream="news")

        assert [{"Name": "a", "Value": "b"}] == given


class TestMended:
    """What SES would mangle is set right."""

    def test_charset_of_the_drop_in(self) -> None:
        """Text that is not ASCII gets UTF-8 where no charset was named."""
        body = {
            "Text": {"Data": "ö", "Charset": "ISO-8859-1"},
            "Html": {"Data": "ö"},
        }
        params = make(
            simple(Subject={"Data": "ü"}, Body=body), tagged=False
        ).params
        content = params["Content"]["Simple"]

        assert (
            {"Data": "ü", "Charset": "UTF-8"},
            {
                "Text": {"Data": "ö", "Charset": "ISO-8859-1"},
                "Html": {"Data": "ö", "Charset": "UTF-8"},
            },
        ) == (content["Subject"], content["Body"])

    def test_attachments_of_the_drop_in(self) -> None:
        """SES's default of SEVEN_BIT becomes BASE64, a choice stays."""
        given: list[dict[str, Any]] = [
            {"RawContent": b"\0", "FileName": "a.bin"},
            {
                "RawContent": b"a",
                "FileName": "a.txt",
                "ContentTransferEncoding": "QUOTED_PRINTABLE",
            },
        ]
        params = make(simple(Attachments=given)).params

        assert ["BASE64", "QUOTED_PRINTABLE"] == [
            item["ContentTransferEncoding"]
            for item in params["Content"]["Simple"]["Attachments"]
        ]

    def test_addresses_become_7_bit(self) -> None:
        """Names and domains are encoded wherever an address stands."""
        params = make(
            FromEmailAddress="Jürgen <j@bücher.example>",
            Destination={
                "ToAddresses": ("é <a@b.example>",),
                "CcAddresses": [],
                "BccAddresses": ["c@é.example"],
            },
            ReplyToAddresses=["ü <r@b.example>"],
        ).params

        assert (
            "=?utf-8?q?J=C3=BCrgen?= <j@xn--bcher-kva.example>",
            {
                "ToAddresses": ["=?utf-8?b?w6k=?= <a@b.example>"],
                "BccAddresses": ["c@xn--9ca.example"],
            },
            ["=?utf-8?b?w7w=?= <r@b.example>"],
        ) == (
            params["FromEmailAddress"],
            params["Destination"],
            params["ReplyToAddresses"],
        )


def test_counts() -> None:
    """To, Cc and Bcc cost; mail to the simulator costs no quota."""
    made = make(
        Destination={
            "ToAddresses": ["a@b.example", "x@simulator.amazonses.com"],
            "CcAddresses": ["simulator.amazonses.com <c@d.example>"],
            "BccAddresses": ["<bounce@SIMULATOR.amazonses.com>"],
        }
    )

    assert (4, 2, 4) == (made.cost, made.quota_cost, len(made.recipients))


@pytest.mark.parametrize(
    "params",
    [
        {
            "FromEmailAddress": "ü <s@a.example>",
            "Destination": {"ToAddresses": ["ü <b@é.example>"]},
            "ReplyToAddresses": ["ü <r@b.example>"],
            "EmailTags": [{"Name": "safeses-id", "Value": "old"}],
            "Content": simple(
                Subject={"Data": "ü"},
                Headers=[{"Name": "X-A", "Value": "1"}],
                Attachments=[{"RawContent": b"", "FileName": "a.txt"}],
            ),
        },
        {
            "Content": {
                "Raw": {
                    "Data": bytearray(
                        b"From: s@a.example\r\nTo: a@b.example\r\n"
                        b"Bcc: c@d.example\r\n"
                        b"X-SES-MESSAGE-TAGS: a=b\r\n\r\n"
                    )
                }
            }
        },
        {
            "Content": {
                "Raw": {"Data": "From: s@a.example\nTo: a@b.example\n\nü"}
            }
        },
        {
            "FromEmailAddress": SENDER,
            "Destination": ANN,
            "Content": {"Template": {"TemplateName": "x", "Headers": []}},
        },
    ],
    ids=["simple", "raw", "raw text", "template"],
)
def test_caller_keeps_what_is_theirs(params: dict[str, Any]) -> None:
    """Nothing that the caller passes in is changed, however deep."""
    before = copy.deepcopy(params)
    made = request(params, tag=TAG, scope="local")

    assert (before, False) == (params, params == made.params)


@pytest.mark.parametrize("name", ["Source", "Message", "RawMessage", "Tags"])
def test_v1_parameters(name: str) -> None:
    """Parameters of the v1 API are named as such."""
    with pytest.raises(ConfigurationError) as caught:
        make(**{name: "x"})

    assert "these are parameters of the v1 API" == caught.value.problem


LONG = "a" * 1000


@pytest.mark.parametrize(
    "params, rules",
    [
        ({"Content": {}}, ["content.kind"]),
        ({"Content": ...}, ["type"]),
        ({"Content": 5}, ["type"]),
        ({"Content": {"Simple": 5}}, ["type"]),
        ({"Content": {**simple(), "Raw": {"Data": b"x"}}}, ["content.kind"]),
        ({"Content": {"Simpel": {}}}, ["content.kind"]),
        ({"Content": {"Simple": {}}}, ["type", "body.none"]),
        ({"Content": simple(Body={})}, ["body.none"]),
        ({"Content": simple(Body=None)}, ["body.none"]),
        ({"Content": simple(Body={"Text": "t"})}, ["type"]),
        ({"Content": simple(Subject={"Data": "a\nb"})}, ["text.control"]),
        (
            {"Content": simple(Body={"Text": {"Data": "\ud800"}})},
            ["text.control"],
        ),
        ({"Content": {"Raw": {"Data": b" \r\n"}}}, ["body.none"]),
        ({"Content": {"Raw": {"Data": 5}}}, ["type"]),
        ({"Content": {"Raw": {"Data": "\ud800"}}}, ["type"]),
        ({"Content": {"Raw": {}}}, ["type"]),
        ({"Content": {"Template": {}}}, ["template.which"]),
        (
            {
                "Content": {
                    "Template": {"TemplateName": "a", "TemplateArn": "b"}
                }
            },
            ["template.which"],
        ),
        (
            {
                "Content": {
                    "Template": {
                        "TemplateName": "a",
                        "TemplateData": "x" * 262_145,
                    }
                }
            },
            ["template.data"],
        ),
        ({"Destination": ...}, ["recipients.none"]),
        ({"Destination": {}}, ["recipients.none"]),
        ({"Destination": {"ToAddresses": []}}, ["recipients.none"]),
        ({"Destination": "a@b.example"}, ["type"]),
        ({"Destination": {"ToAddresses": "a@b.example"}}, ["type"]),
        ({"Destination": {"ToAddresses": 5}}, ["type"]),
        ({"Destination": {"ToAddresses": [5]}}, ["type"]),
        ({"Destination": {"ToAddresses": [""]}}, ["address.syntax"]),
        (
            {"Destination": {"ToAddresses": ["a@b.example"] * 51}},
            ["recipients.count"],
        ),
        (
            {"Destination": {"ToAddresses": ["a@b.example\r\nBcc: c@d.e"]}},
            ["text.control"],
        ),
        (
            {"Destination": {"ToAddresses": ["é\r\nX <a@b.example>"]}},
            ["text.control"],
        ),
        ({"FromEmailAddress": "é@b.example"}, ["address.syntax"]),
        ({"FromEmailAddress": 5}, ["type"]),
        ({"ReplyToAddresses": "a@b.example"}, ["type"]),
        ({"ReplyToAddresses": ["x"]}, ["address.syntax"]),
        ({"EmailTags": 5}, ["type"]),
        ({"EmailTags": [5]}, ["type"]),
        ({"EmailTags": {"a": "b"}}, ["type"]),
        ({"EmailTags": [{"Name": "a"}]}, ["type"]),
        ({"EmailTags": [{"Name": "a", "Value": "b c"}]}, ["tag.characters"]),
        ({"EmailTags": [{"Name": "a", "Value": "b\n"}]}, ["tag.characters"]),
        ({"Content": simple(Headers=5)}, ["type"]),
        ({"Content": simple(Headers=["X"])}, ["type"]),
        ({"Content": simple(Headers=[{"Name": "X"}])}, ["type"]),
        ({"Content": simple(Headers=[{}] * 16)}, ["headers.count"]),
        ({"Content": simple(Attachments=5)}, ["type"]),
        ({"Content": simple(Attachments=[5])}, ["type"]),
        ({"Content": simple(Attachments=[{}])}, ["type"]),
    ],
)
def test_refused(params: dict[str, Any], rules: list[str]) -> None:
    """What boto3 or SES would refuse is a finding, never a TypeError."""
    found = refused(**params)

    assert rules == list(dict.fromkeys(found))[: len(rules)]


@pytest.mark.parametrize(
    "params, where",
    [
        ({"Destination": {"ToAddresses": ["a@b.example"] * 3 + ["x"]}}, "To"),
        (
            {
                "Destination": {
                    "ToAddresses": ["a@b.example"],
                    "CcAddresses": ["a@b.example"] * 3 + [5],
                }
            },
            "Cc",
        ),
        ({"Destination": {"BccAddresses": ["a@b.example"] * 3 + [""]}}, "Bcc"),
        (
            {"Destination": {"BccAddresses": ["a@b.example"] * 3 + ["\n"]}},
            "Bcc",
        ),
    ],
)
def test_finding_says_which_address(
    params: dict[str, Any], where: str
) -> None:
    """The finding names the list and the place, not the address."""
    assert [f"Destination.{where}Addresses[3]"] == fields(**params)


@pytest.mark.parametrize(
    "params, expected",
    [
        ({"FromEmailAddress": "x"}, ["FromEmailAddress"]),
        ({"ReplyToAddresses": ["a@b.example", "x"]}, ["ReplyToAddresses[1]"]),
        ({"Destination": {"ToAddresses": "x"}}, ["Destination.ToAddresses"]),
        (
            {
                "Destination": {},
                "Content": {"Raw": {"Data": b"To: a@b.example\nCc: x\n\n"}},
            },
            ["header Cc[0]"],
        ),
    ],
)
def test_finding_says_where(
    params: dict[str, Any], expected: list[str]
) -> None:
    """Every address is found again by the name of its field."""
    assert expected == fields(**params)


@pytest.mark.parametrize("sender", [..., None, ""])
@pytest.mark.parametrize(
    "content",
    [
        simple(),
        {"Template": {"TemplateName": "x"}},
        {"Raw": {"Data": b"Subject: s\r\n\r\nt"}},
        {"Raw": {"Data": b"From:\r\nSubject: s\r\n\r\nt"}},
    ],
    ids=["simple", "template", "raw", "raw, empty"],
)
def test_sender_is_needed(content: object, sender: object) -> None:
    """A mail that nobody sends is refused here, whatever its kind."""
    assert "sender.none" in refused(content, FromEmailAddress=sender)


@pytest.mark.parametrize("sender", [..., None, ""])
def test_raw_message_names_its_sender(sender: object) -> None:
    """The header From of a raw message is a sender."""
    raw = {"Raw": {"Data": b"From: s@a.example\r\n\r\nt"}}
    made = make(raw, FromEmailAddress=sender)

    assert "FromEmailAddress" not in made.params


@pytest.mark.parametrize(
    "inline, expected",
    [
        ("Hi", ["TemplateContent"]),
        ({"Subject": 5}, ["TemplateContent.Subject"]),
        ({"Subject": "a\nBcc: b"}, ["TemplateContent.Subject"]),
        ({"Text": 5}, ["TemplateContent.Text"]),
        ({"Text": "\ud800"}, ["TemplateContent.Text"]),
        (
            {"Text": "\ud800", "Html": "\ud800"},
            ["TemplateContent.Text", "TemplateContent.Html"],
        ),
    ],
)
def test_inline_template(inline: object, expected: list[str]) -> None:
    """The texts of an inline template are checked as those of a mail."""
    assert expected == fields({"Template": {"TemplateContent": inline}})


def test_inline_template_passes() -> None:
    """Lines, tabs and any letters may stand in its bodies."""
    inline = {"Subject": "Grüße", "Text": "a\n\tü", "Html": "<p>\r\n"}

    assert 1 == make({"Template": {"TemplateContent": inline}}).cost


def test_template_data_can_be_encoded() -> None:
    """A lone surrogate in the data is refused, not sent as something."""
    template = {"TemplateName": "x", "TemplateData": '{"a": "\ud800"}'}

    assert ["TemplateData"] == fields({"Template": template})


def test_many_recipients_are_not_read() -> None:
    """Of a million recipients 51 are looked at, however many lists."""
    found = refused(
        Destination={
            "ToAddresses": ["a@b.example"] * 30,
            "CcAddresses": ["x"] * 10**6,
            "BccAddresses": ["x"] * 10**6,
        }
    )

    assert ["recipients.count", *["address.syntax"] * 21] == found


@pytest.mark.parametrize(
    "params",
    [
        {"EmailTags": [{}] * 10**6},
        {"EmailTags": [5] * 10**6},
        {"ReplyToAddresses": ["x"] * 10**3},
        {"Content": simple(Headers=[{}] * 10**6)},
        {"Content": simple(Attachments=[{}] * 10**6)},
        {
            "Content": simple(Headers=[{}] * 10**6),
            "Destination": {"ToAddresses": ["x"]},
            "FromEmailAddress": None,
        },
    ],
    ids=["tags", "types", "answers", "headers", "attachments", "all"],
)
def test_findings_are_bounded(params: dict[str, Any]) -> None:
    """A hostile message gets no report of its own size."""
    assert 100 == len(refused(**params))


@pytest.mark.parametrize(
    "name, value, rule",
    [
        ("", "x", "header.name"),
        ("X:", "x", "header.name"),
        ("X Y", "x", "header.name"),
        ("X\r\nBcc", "x", "text.control"),
        ("Ü", "x", "header.name"),
        ("a" * 127, "x", "header.name"),
        ("X", "", "header.value"),
        ("X", "ü", "header.value"),
        ("X", "a\r\nBcc: b@c.example", "text.control"),
        ("X", "a\n", "text.control"),
        ("X", "a" * 996, "header.value"),
        ("XX", "a" * 995, "header.length"),
        ("bCC", "x", "header.bcc"),
        ("Return-Path", "x", "header.forbidden"),
    ],
)
def test_refused_headers(name: str, value: str, rule: str) -> None:
    """A header that would break out, or that SES sets, is refused."""
    header = {"Name": name, "Value": value}

    assert [rule] == refused(simple(Headers=[header]))


@pytest.mark.parametrize(
    "field, value, rule",
    [
        ("FileName", "", "attachment.file-name"),
        ("FileName", "a" * 256, "attachment.file-name"),
        ("FileName", 'a\r\nX: "b.txt', "text.control"),
        ("ContentId", "", "attachment.text"),
        ("ContentId", "a" * 79, "attachment.text"),
        ("ContentId", "a\r\nX: b", "text.control"),
        ("ContentId", 5, "type"),
        ("ContentType", "a" * 79, "attachment.text"),
        ("ContentType", "text/plain\r\nX: b", "text.control"),
        ("ContentDescription", "a" * 1001, "attachment.text"),
    ],
)
def test_refused_attachments(field: str, value: object, rule: str) -> None:
    """What botocore's model forbids of an attachment is refused."""
    attachment = {"RawContent": b"", "FileName": "a.txt", field: value}

    assert [rule] == refused(simple(Attachments=[attachment]))


@pytest.mark.parametrize(
    "bytes_in, is_too_big", [(27 * 1024**2, False), (31 * 1024**2, True)]
)
def test_size_after_base64(bytes_in: int, *, is_too_big: bool) -> None:
    """The 40 MB of SES are counted after base64."""
    content = simple(
        Attachments=[{"RawContent": bytes(bytes_in), "FileName": "a.bin"}]
    )
    if not is_too_big:
        assert 1 == make(content).cost
        return

    assert ["message.size"] == refused(content)


def test_everything_at_once() -> None:
    """All that is wrong with the content is said at once."""
    content = simple(
        Subject={"Data": "a\nb"},
        Headers=[{"Name": "Bcc", "Value": "x"}],
        Attachments=[{"RawContent": "", "FileName": "a"}],
    )

    assert ["text.control", "header.bcc", "type", "tag.characters"] == (
        refused(content, EmailTags=[{"Name": "ü", "Value": "x"}])
    )


def test_all_that_is_wrong_is_said() -> None:
    """Neither doubles nor the size hide behind another error."""
    content = simple(
        Headers=[{"Name": "Bcc", "Value": "x"}],
        Attachments=[{"RawContent": bytes(31 * 2**20), "FileName": "a.exe"}],
    )
    with pytest.raises(InvalidMessageError) as caught:
        make(content, Destination={"ToAddresses": ["a@b.example"] * 2})
    error = caught.value

    assert (
        ["header.bcc", "attachment.extension", "message.size"],
        ["recipients.duplicate"],
    ) == (
        [found.rule for found in error.findings],
        [found.rule for found in error.warnings],
    )

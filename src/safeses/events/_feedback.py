"""
What SES reports: one frozen value for each kind of event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from safeses.events._mail import Mail, Recipient, count, shown

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from safeses.events._open_enum import (
        BounceSubType,
        BounceType,
        ComplaintType,
        DelayType,
    )


@attrs.frozen(kw_only=True)
class FeedbackEvent:
    """
    What SES reports; hooks on this class hear of every kind.

    Attributes:
        id: Names the event: the same whenever, and however, it arrives.
        at: When it happened, aware UTC; None if SES does not say.
        mail: The mail that it is about; empty where there is none.
        carrier_id: What the carrier calls the delivery: the MessageId of
            SNS, the id of EventBridge; ``""`` if it has none.
        raw: The mapping as it arrived, for what is not named here. It
            holds addresses, and perhaps subjects.
    """

    id: str
    at: dt.datetime | None = None
    mail: Mail = attrs.field(factory=Mail)
    carrier_id: str = attrs.field(default="", repr=shown)
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False)


@attrs.frozen(kw_only=True)
class Send(FeedbackEvent):
    """SES accepted the mail and will try to deliver it."""


@attrs.frozen(kw_only=True)
class Delivery(FeedbackEvent):
    """
    The receiving server took the mail; a bounce may still follow.

    Attributes:
        recipients: To whom.
        processing_ms: Milliseconds from SES's yes to the server's.
        smtp_response: What the server said.
        reporting_mta: The host of SES that delivered it.
        remote_mta_ip: The server.
    """

    recipients: tuple[Recipient, ...] = attrs.field(default=(), repr=count)
    processing_ms: int | None = None
    smtp_response: str = attrs.field(default="", repr=False)
    reporting_mta: str = attrs.field(default="", repr=shown)
    remote_mta_ip: str = attrs.field(default="", repr=shown)


@attrs.frozen(kw_only=True)
class Bounce(FeedbackEvent):
    """
    The mail was not delivered, and SES does not try again.

    Attributes:
        type: Whether it is for good.
        sub_type: Why.
        recipients: Who did not get it.
        feedback_id: SES's own id of the bounce.
        reporting_mta: Who reports it.
        remote_mta_ip: The server that refused it.
    """

    type: BounceType
    sub_type: BounceSubType
    recipients: tuple[Recipient, ...] = attrs.field(default=(), repr=count)
    feedback_id: str = attrs.field(default="", repr=shown)
    reporting_mta: str = attrs.field(default="", repr=shown)
    remote_mta_ip: str = attrs.field(default="", repr=shown)


@attrs.frozen(kw_only=True)
class Complaint(FeedbackEvent):
    """
    Somebody marked the mail as spam, or said the like.

    Attributes:
        recipients: Who may have: most providers do not say, and SES then
            names every recipient at the domain.
        feedback_type: What it is about; None where no report came along.
        sub_type: Why SES did not even send it, such as
            ``"OnAccountSuppressionList"``; else ``""``.
        user_agent: What reported it.
        arrived_at: When the mail had arrived, aware UTC.
        feedback_id: SES's own id of the complaint.
    """

    recipients: tuple[Recipient, ...] = attrs.field(default=(), repr=count)
    feedback_type: ComplaintType | None = None
    sub_type: str = attrs.field(default="", repr=shown)
    user_agent: str = attrs.field(default="", repr=shown)
    arrived_at: dt.datetime | None = None
    feedback_id: str = attrs.field(default="", repr=shown)


@attrs.frozen(kw_only=True)
class Reject(FeedbackEvent):
    """
    SES took the mail, found a virus in it, and did not send it.

    Attributes:
        reason: ``"Bad content"``.
    """

    reason: str = attrs.field(default="", repr=shown)


@attrs.frozen(kw_only=True)
class Open(FeedbackEvent):
    """
    Somebody, or some program, opened the mail; SES does not say who.

    Attributes:
        ip_address: From where.
        user_agent: With what.
    """

    ip_address: str = attrs.field(default="", repr=False)
    user_agent: str = attrs.field(default="", repr=False)


@attrs.frozen(kw_only=True)
class Click(FeedbackEvent):
    """
    Somebody, or some program, followed a link of the mail.

    Attributes:
        link: Where to; it may hold tokens.
        link_tags: The tags of the link: each name with its values.
        ip_address: From where.
        user_agent: With what.
    """

    link: str = attrs.field(default="", repr=False)
    link_tags: Mapping[str, tuple[str, ...]] = attrs.field(
        factory=dict, repr=False
    )
    ip_address: str = attrs.field(default="", repr=False)
    user_agent: str = attrs.field(default="", repr=False)


@attrs.frozen(kw_only=True)
class RenderingFailure(FeedbackEvent):
    """
    SES took the mail, and could not fill in its template: nothing is sent.

    Attributes:
        template: The name of the template.
        problem: What SES says; it may hold template data.
    """

    template: str = attrs.field(default="", repr=shown)
    problem: str = attrs.field(default="", repr=False)


@attrs.frozen(kw_only=True)
class DeliveryDelay(FeedbackEvent):
    """
    The mail waits; a delivery or a bounce will follow.

    Attributes:
        type: Why.
        recipients: Who waits for it.
        expires_at: When SES gives up, aware UTC.
        reporting_mta: Who reports it.
    """

    type: DelayType
    recipients: tuple[Recipient, ...] = attrs.field(default=(), repr=count)
    expires_at: dt.datetime | None = None
    reporting_mta: str = attrs.field(default="", repr=shown)


@attrs.frozen(kw_only=True)
class TopicPreferences:
    """
    What a contact wants of a list.

    Attributes:
        unsubscribe_all: Nothing at all.
        topics: Each topic, and whether the contact wants it.
    """

    unsubscribe_all: bool = False
    topics: Mapping[str, bool] = attrs.field(factory=dict, repr=count)


@attrs.frozen(kw_only=True)
class Subscription(FeedbackEvent):
    """
    A contact of a list that SES manages changed what he wants.

    Attributes:
        contact_list: The list.
        source: What he did it with, such as ``"UnsubscribeHeader"``.
        new: What he wants now.
        old: What he wanted before.
    """

    contact_list: str = attrs.field(default="", repr=shown)
    source: str = attrs.field(default="", repr=False)
    new: TopicPreferences = attrs.field(factory=TopicPreferences)
    old: TopicPreferences = attrs.field(factory=TopicPreferences)


@attrs.frozen(kw_only=True)
class SendingStatus(FeedbackEvent):
    """
    The account, or a configuration set, may send again or no more.

    EventBridge alone reports it.

    Attributes:
        enabled: Whether it may send.
        account_id: The AWS account.
        region: The AWS region.
        resources: What it is about, as ARNs.
    """

    enabled: bool
    account_id: str = attrs.field(default="", repr=shown)
    region: str = attrs.field(default="", repr=shown)
    resources: tuple[str, ...] = attrs.field(default=(), repr=count)


@attrs.frozen(kw_only=True)
class Advice(FeedbackEvent):
    """
    Virtual Deliverability Manager has a recommendation, or it is settled.

    EventBridge alone reports it.

    Attributes:
        is_open: False once it is settled.
        account_id: The AWS account.
        region: The AWS region.
        resources: What it is about, as ARNs.
    """

    is_open: bool
    account_id: str = attrs.field(default="", repr=shown)
    region: str = attrs.field(default="", repr=shown)
    resources: tuple[str, ...] = attrs.field(default=(), repr=count)


@attrs.frozen(kw_only=True)
class SetUp(FeedbackEvent):
    """
    SES says that it can publish to the topic; nothing is to be done.

    Attributes:
        text: What it says.
    """

    text: str = attrs.field(default="", repr=False)


@attrs.frozen(kw_only=True)
class TopicConfirmation(FeedbackEvent):
    """
    SNS asks whether it should deliver to us, or says that it stopped.

    Attributes:
        kind: ``"SubscriptionConfirmation"`` or
            ``"UnsubscribeConfirmation"``.
        topic_arn: The topic.
        token: What ``ConfirmSubscription`` needs.
    """

    kind: str = attrs.field(repr=shown)
    topic_arn: str = attrs.field(repr=shown)
    token: str = attrs.field(default="", repr=False)


@attrs.frozen(kw_only=True)
class UnknownEvent(FeedbackEvent):
    """
    Something that this release cannot name; `raw` has all of it.

    Attributes:
        kind: What it calls itself, or ``""``.
        text: The text itself, if it was not a mapping.
    """

    kind: str = attrs.field(default="", repr=shown)
    text: str = attrs.field(default="", repr=False)

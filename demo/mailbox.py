"""The mailbox of the demonstration: every mail that a real installation would have sent."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp, csp_update
from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.utils.functional import cached_property
from django.utils.http import content_disposition_header
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.generic import TemplateView, View

from notifications.backends import SUFFIX
from taxonomy.languages import direction
from taxonomy.pages import PrivatePage

MAILS_ON_A_PAGE = 50
SHOWN_HEADERS = ("From", "Date", "Message-ID", "Content-Language", "Auto-Submitted", "Content-Type")
# Styles stand inside the mail, as in every mail program; scripts, pictures and forms do not run. Links open a tab.
HTML_PART_POLICY = {
    "default-src": [NONE],
    "style-src": [UNSAFE_INLINE],
    "base-uri": [NONE],
    "form-action": [NONE],
    "frame-ancestors": [SELF],
    "sandbox": ["allow-popups", "allow-popups-to-escape-sandbox"],
}


@dataclass(frozen=True)
class Mail:
    """A message of the spool."""

    id: str
    mime: EmailMessage

    @classmethod
    def read(cls, file: Path, *, only_headers: bool = False) -> Self:
        """Return the mail of a file; raises OSError."""
        content = file.read_bytes()
        if only_headers:
            return cls(file.stem, BytesHeaderParser(policy=policy.default).parsebytes(content))
        return cls(file.stem, message_from_bytes(content, policy=policy.default))

    @property
    def subject(self) -> str:
        return str(self.mime["Subject"] or "")

    @cached_property
    def to(self) -> str:
        addresses: tuple[Address, ...] = self.mime["To"].addresses if self.mime["To"] else ()
        return ", ".join(address.addr_spec for address in addresses)

    @cached_property
    def sent_at(self) -> datetime:
        moment: datetime = self.mime["Date"].datetime
        # Django writes "-0000", which Python reads as a time without zone.
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.astimezone(ZoneInfo(settings.PORTAL_TIME_ZONE))

    @property
    def language(self) -> str:
        """Return the tag of the language it was written in."""
        return str(self.mime["Content-Language"] or settings.LANGUAGE_CODE)

    @property
    def direction(self) -> str:
        return direction(self.language)

    @cached_property
    def text(self) -> str:
        return self._body("plain")

    @cached_property
    def html(self) -> str:
        return self._body("html")

    @cached_property
    def headers(self) -> list[tuple[str, str]]:
        return [(name, str(self.mime[name])) for name in SHOWN_HEADERS if self.mime[name]]

    @cached_property
    def attachments(self) -> list[tuple[str, bytes]]:
        """Return name and content of each attachment."""
        return [
            (part.get_filename() or "attachment", part.get_payload(decode=True) or b"")
            for part in self.mime.iter_attachments()
        ]

    def _body(self, kind: str) -> str:
        part = self.mime.get_body(preferencelist=(kind,))
        return part.get_content() if part is not None else ""


class MailboxView(PrivatePage, TemplateView):
    """All mails, the newest first, of one recipient if asked."""

    template_name = "demo/mailbox.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the mails and who got them."""
        mails = list(newest_first())
        recipient = self.request.GET.get("to", "")
        shown = [mail for mail in mails if recipient in ("", mail.to)]
        page = Paginator(shown, MAILS_ON_A_PAGE).get_page(self.request.GET.get("page"))
        recipients = Counter(mail.to for mail in mails).most_common(12)
        return super().get_context_data(
            page=page, recipient=recipient, recipients=recipients, total=len(mails), **kwargs
        )


@method_decorator(csp_update({"frame-src": [SELF]}), name="dispatch")
class MailView(PrivatePage, TemplateView):
    """One mail: who and when, as a mail program shows it, and as plain text."""

    template_name = "demo/mailbox_message.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the mail."""
        return super().get_context_data(mail=mail_or_404(self.kwargs["mail_id"]), **kwargs)


@method_decorator([xframe_options_sameorigin, csp(HTML_PART_POLICY)], name="dispatch")
class HtmlPartView(PrivatePage, View):
    """The HTML part alone, for the frame in the mail's page: sandboxed, with a policy of its own."""

    def get(self, request: HttpRequest, mail_id: str) -> HttpResponse:
        """Answer the part as it was sent, with links that leave the frame."""
        html = mail_or_404(mail_id).html
        if not html:
            raise Http404
        return HttpResponse(html.replace("<head>", '<head><base target="_blank">', 1))


class AttachmentView(PrivatePage, View):
    """One attachment, always as a download."""

    def get(self, request: HttpRequest, mail_id: str, number: int) -> HttpResponse:
        """Answer the file of this number, counted from 1."""
        attachments = mail_or_404(mail_id).attachments
        if not 1 <= number <= len(attachments):
            raise Http404
        name, content = attachments[number - 1]
        response = HttpResponse(content, content_type="application/octet-stream")
        response.headers["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
        return response


def newest_first() -> Iterator[Mail]:
    """Yield the mails of the spool by time of arrival, headers only."""
    files = sorted(settings.MAIL_SPOOL.glob(f"[!.]*{SUFFIX}"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
    for file in files:
        yield Mail.read(file, only_headers=True)


def mail_or_404(mail_id: str) -> Mail:
    """Return the mail of an address; raises Http404."""
    # Chosen among the files that are there: an address never becomes a path.
    for file in settings.MAIL_SPOOL.glob(f"[!.]*{SUFFIX}"):
        if file.stem == mail_id:
            return Mail.read(file)
    raise Http404

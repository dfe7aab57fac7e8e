"""The mailbox of the demonstration: real MIME, shown safely."""

import os
import re

import pytest
from django.core.mail import EmailMultiAlternatives, get_connection
from django.urls import reverse

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def spool(settings, tmp_path):
    settings.EMAIL_BACKEND = "notifications.backends.SpoolBackend"
    settings.MAIL_SPOOL = tmp_path / "mail"
    return settings.MAIL_SPOOL


@pytest.fixture
def deliver(spool):
    """Lay a mail into the spool; return its id."""

    def lay(
        name="one", subject="Ihre Anfrage", language="de", to="ada@example.org", html="<html><head></head><p>x", age=0
    ):
        headers = {"Message-ID": f"<{name}@localhost>", "Content-Language": language}
        text = "Open http://localhost:8000/de/my-request/?a=1&b=2 <script>alert(1)</script>"
        mail = EmailMultiAlternatives(subject, text, "Portal <no-reply@localhost>", [to], headers=headers)
        mail.attach_alternative(html, "text/html")
        mail.attach("visit.ics", "BEGIN:VCALENDAR", "text/calendar")
        get_connection().send_messages([mail])
        file = spool / f"{name}@localhost.eml"
        moment = file.stat().st_mtime - age
        os.utime(file, (moment, moment))
        return file.stem

    return lay


def test_an_empty_mailbox_says_what_to_do(client):
    page = client.get(reverse("demo:mailbox"))
    assert page.status_code == 200
    assert "No mail yet" in page.content.decode()


def test_the_newest_mail_stands_first(client, deliver):
    deliver("old", subject="Older", age=60)
    deliver("new", subject="Newer", to="office@example.org")
    html = client.get(reverse("demo:mailbox")).content.decode()
    assert html.index("Newer") < html.index("Older")
    assert "ada@example.org" in html
    assert client.get(reverse("demo:mailbox")).headers["Cache-Control"] == "no-store"


def test_the_mailbox_can_show_one_recipient(client, deliver):
    deliver("old", subject="Older")
    deliver("new", subject="Newer", to="office@example.org")
    html = client.get(reverse("demo:mailbox"), {"to": "office@example.org"}).content.decode()
    assert "Newer" in html
    assert "Older" not in html


def test_a_mail_is_shown_with_text_links_and_headers(client, deliver):
    mail_id = deliver()
    html = client.get(reverse("demo:mail", args=[mail_id])).content.decode()
    assert '<a href="http://localhost:8000/de/my-request/?a=1&amp;b=2"' in html
    assert "<script>alert" not in html
    assert "&lt;one@localhost&gt;" in html
    assert 'lang="de" dir="ltr">Ihre Anfrage' in html


def test_an_arabic_mail_is_shown_from_right_to_left(client, deliver):
    mail_id = deliver(subject="طلبك", language="ar")
    html = client.get(reverse("demo:mail", args=[mail_id])).content.decode()
    assert 'lang="ar" dir="rtl">طلبك' in html


def test_the_html_part_is_sandboxed_and_framed_by_its_own_page_only(client, deliver):
    mail_id = deliver(html='<html><head></head><body style="color:red"><script>alert(1)</script>')
    outer = client.get(reverse("demo:mail", args=[mail_id]))
    inner = client.get(reverse("demo:mail_html", args=[mail_id]))
    policy = dict(part.split(" ", 1) for part in inner.headers["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "style-src": "'unsafe-inline'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'self'",
        "sandbox": "allow-popups allow-popups-to-escape-sandbox",
    }
    assert inner.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert inner.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert '<base target="_blank">' in inner.content.decode()
    assert "frame-src 'self'" in outer.headers["Content-Security-Policy"]
    assert "style-src 'self'" in outer.headers["Content-Security-Policy"]
    assert "unsafe-inline" not in outer.headers["Content-Security-Policy"]
    assert re.search(r"\sstyle=|<script(?! type=\"module\")", outer.content.decode()) is None


def test_an_attachment_is_a_download(client, deliver):
    mail_id = deliver()
    assert "visit.ics" in client.get(reverse("demo:mail", args=[mail_id])).content.decode()
    answer = client.get(reverse("demo:mail_attachment", args=[mail_id, 1]))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="visit.ics"'
    assert answer.content.strip() == b"BEGIN:VCALENDAR"
    assert client.get(reverse("demo:mail_attachment", args=[mail_id, 2])).status_code == 404


@pytest.mark.parametrize("name", ["mail", "mail_html"])
@pytest.mark.parametrize("mail_id", ["none@localhost", "..", "*", "%2e%2e%2fsecret"])
def test_a_mail_that_is_not_there_is_404(client, deliver, name, mail_id):
    deliver()
    assert client.get(reverse("demo:mail", args=["x"]).replace("/x/", f"/{mail_id}/")).status_code == 404
    assert client.get(reverse(f"demo:{name}", args=["none@localhost"])).status_code == 404


def test_the_mailbox_asks_the_database_nothing(client, deliver, django_assert_num_queries):
    deliver()
    client.get(reverse("demo:mailbox"))
    with django_assert_num_queries(0):
        client.get(reverse("demo:mailbox"))

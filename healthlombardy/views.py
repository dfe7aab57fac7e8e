"""Pages that belong to no app: home, about, the errors, and what machines ask for."""

import sys
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe
from django.views.generic import TemplateView, View

from healthlombardy import health
from healthlombardy.gallery import sample
from healthlombardy.home import Home
from healthlombardy.middleware import database_gone
from healthlombardy.operator import operator
from taxonomy.pages import CataloguePage, PublicPage


class RootView(View):
    """Send a reader to her language; the one public answer that varies by a header."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Redirect by Accept-Language."""
        language = translation.get_language_from_request(request)
        with translation.override(language):
            response = HttpResponseRedirect(reverse("home"))
        patch_vary_headers(response, ["Accept-Language"])
        response["Cache-Control"] = "public, max-age=60"
        return response


class HomeView(CataloguePage, TemplateView):
    """Home; `?country=ae` shows that country's partners, `?figure=child` a child's body; both stay in its links."""

    template_name = "home.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what home shows."""
        asked = self.request.GET
        home = Home(self.language, asked.get("country", ""), asked.get("figure", ""))
        return super().get_context_data(home=home, **kwargs)


@require_safe
def alive(request: HttpRequest) -> JsonResponse:
    """Say that the process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Say whether requests can be taken: 200 while the database answers, the rest in words."""
    parts = health.parts()
    status = HTTPStatus.OK if parts["database"] == health.OK else HTTPStatus.SERVICE_UNAVAILABLE
    is_whole = health.DEGRADED not in parts.values()
    return JsonResponse({"status": health.OK if is_whole else health.DEGRADED, **parts}, status=status)


class OperatorPage(PublicPage, TemplateView):
    """A page that names who runs the portal."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the facts about the operator."""
        return super().get_context_data(operator=operator(), **kwargs)


class AboutView(OperatorPage):
    """Who runs the portal, and what it is not."""

    template_name = "pages/about.html"


class OrderView(PublicPage, TemplateView):
    """How results are ordered; nobody can buy a place."""

    template_name = "pages/order.html"


class PrivacyView(OperatorPage):
    """What happens with a person's data, in plain words."""

    template_name = "pages/privacy.html"
    extra_context = {"draft_days": settings.DRAFT_DAYS, "body_days": settings.OUTBOX_BODY_DAYS}


class AccessibilityView(OperatorPage):
    """The accessibility statement."""

    template_name = "pages/accessibility.html"


class ComponentsView(TemplateView):
    """Every component in every state, for us."""

    template_name = "gallery.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the sample values."""
        return super().get_context_data(sample=sample(), **kwargs)


class RobotsView(TemplateView):
    """What crawlers may read: everything public, nothing that knows a person."""

    template_name = "robots.txt"
    content_type = "text/plain; charset=utf-8"
    extra_context = {"public_url": settings.PUBLIC_URL}


class SecurityTextView(TemplateView):
    """Where to report a weakness (RFC 9116)."""

    template_name = "security.txt"
    content_type = "text/plain; charset=utf-8"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add an expiry: RFC 9116 wants one less than a year away."""
        expires = timezone.now().replace(microsecond=0) + timedelta(days=180)
        return super().get_context_data(
            expires=expires.isoformat(), public_url=settings.PUBLIC_URL, operator=operator(), **kwargs
        )


def error_page(request: HttpRequest, template: str, status: HTTPStatus) -> HttpResponse:
    """Answer in words, at whatever address: an error has no canonical address and no other languages."""
    return render(request, template, {"is_public_page": False, "alternates": []}, status=status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 400 in the reader's language: what came was broken or far too long."""
    return error_page(request, "403.html", HTTPStatus.BAD_REQUEST)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 403 in the reader's language."""
    return error_page(request, "403.html", HTTPStatus.FORBIDDEN)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say that the form grew old, and how to send it again."""
    return error_page(request, "403.html", HTTPStatus.FORBIDDEN)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 404 in the reader's language."""
    return error_page(request, "404.html", HTTPStatus.NOT_FOUND)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 without asking the database for anything; 503 where a middleware found the database gone."""
    if isinstance(sys.exc_info()[1], OperationalError):
        return database_gone()
    return HttpResponse(render_to_string("500.html"), status=HTTPStatus.INTERNAL_SERVER_ERROR)

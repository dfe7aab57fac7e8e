"""The patient takes everything away: as one file, or to read and print. A code no older than ten minutes opens it."""

import secrets
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.views.generic import FormView, TemplateView, View

from teleconsult import access, export, reading
from teleconsult.forms.patient import CodeForm
from teleconsult.views.area import BROWSER_COOKIE, CODE_COOKIE, set_code_cookies
from teleconsult.views.downloads import guarded
from teleconsult.views.patients import SignedInPatientPage


class CopyPage(SignedInPatientPage):
    """A page of the copy."""

    def elsewhere(self) -> str:
        """Lead back where nothing is left to copy."""
        return reverse("teleconsult:my_request") if self.patient_request.is_erased else ""

    @property
    def is_fresh(self) -> bool:
        """Return whether the patient showed a moment ago that the mailbox is hers."""
        return access.is_fresh(self.session)


class CopyView(CopyPage, FormView):
    """What the copy holds; with a fresh code the two buttons, else the way to one. POST sends the file."""

    template_name = "teleconsult/copy.html"
    form_class = CodeForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Say whether a code is needed, and whether one is on its way to this browser."""
        return super().get_context_data(
            patient_request=self.patient_request,
            is_fresh=self.is_fresh,
            is_code_sent=CODE_COOKIE in self.request.COOKIES,
            **kwargs,
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Send the file, or read the code first."""
        return self._file() if self.is_fresh else super().post(request, *args, **kwargs)

    def form_valid(self, form: CodeForm) -> HttpResponse:
        """Let the code open the copy, or say that it is not right."""
        try:
            access.renew(
                session=self.session,
                code_id=self.request.COOKIES.get(CODE_COOKIE, ""),
                code=form.cleaned_data["code"],
                browser=self.request.COOKIES.get(BROWSER_COOKIE, ""),
                network=self.network,
            )
        except access.WrongCode as error:
            form.add_error("code", str(error.sentence))
            return self.form_invalid(form)
        response = HttpResponseRedirect(reverse("teleconsult:copy"))
        response.delete_cookie(CODE_COOKIE, samesite="Lax")
        return response

    def _file(self) -> StreamingHttpResponse:
        """Write the trail, then send: no row, no data."""
        reading.take_copy(request=self.patient_request, by=self.actor)
        response = StreamingHttpResponse(export.stream(self.patient_request), content_type="application/zip")
        response["Content-Disposition"] = f'attachment; filename="{self.patient_request.reference}.zip"'
        return guarded(response)


class FreshCodeView(CopyPage, View):
    """Send another code to the mailbox."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        """Send it; this browser alone can use it."""
        browser = request.COOKIES.get(BROWSER_COOKIE) or secrets.token_urlsafe(24)
        asked = access.ask_fresh_code(session=self.session, browser=browser, network=self.network)
        response = HttpResponseRedirect(reverse("teleconsult:copy"))
        set_code_cookies(response, browser, asked)
        return response


class ReadableCopyView(CopyPage, TemplateView):
    """Everything in words, to read, print, or save as PDF."""

    template_name = "teleconsult/copy_read.html"

    def elsewhere(self) -> str:
        """Lead to the code where it is older than ten minutes."""
        return super().elsewhere() or ("" if self.is_fresh else reverse("teleconsult:copy"))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Write the trail, then add everything."""
        reading.take_copy(request=self.patient_request, by=self.actor)
        with timezone.override(self.patient_request.zone):
            return super().get_context_data(**export.readable_context(self.patient_request), **kwargs)

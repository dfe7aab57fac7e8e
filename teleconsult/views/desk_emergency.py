"""Opening a case of another office in an emergency: one person asks, a second one confirms."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.generic import View
from django.views.generic.base import ContextMixin, TemplateResponseMixin

from accounts.reauthentication import require_fresh_factor
from taxonomy.pages import PrivatePage
from teleconsult import emergency
from teleconsult.exceptions import NotAllowed, RequestError
from teleconsult.forms.desk.emergency import EmergencyForm


class EmergencyPage(PrivatePage, View):
    """A page for coordinators; others find nothing there."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Let coordinators in."""
        if not emergency.is_coordinator(request.user):
            raise Http404
        return super().dispatch(request, *args, **kwargs)


class EmergencyView(TemplateResponseMixin, ContextMixin, EmergencyPage):
    """Ask for a case, and confirm what colleagues ask for."""

    template_name = "teleconsult/desk/emergency.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form, and what waits."""
        return self.show(EmergencyForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        """Ask; the answer does not tell whether there is such a case."""
        form = EmergencyForm(request.POST)
        if not form.is_valid():
            return self.show(form)
        try:
            emergency.ask(**form.cleaned_data, by=request.user)
        except RequestError as error:
            form.add_error("reference", str(error.sentence))
            return self.show(form)
        messages.success(
            request, _("If another office has this request, a second coordinator can confirm it here within an hour.")
        )
        return HttpResponseRedirect(reverse("desk:emergency"))

    def show(self, form: EmergencyForm) -> HttpResponse:
        """Show the page."""
        return self.render_to_response(
            self.get_context_data(
                reader=self.request.user,
                form=form,
                waiting=emergency.read_waiting(self.request.user),
                mine=emergency.of_person(self.request.user),
            )
        )


class ConfirmEmergencyView(EmergencyPage):
    """The second person: confirms after her own second factor."""

    http_method_names = ["get", "post"]

    def get(self, request: HttpRequest, access: uuid.UUID) -> HttpResponse:
        """Lead to the page that asks."""
        return HttpResponseRedirect(reverse("desk:emergency"))

    def post(self, request: HttpRequest, access: uuid.UUID) -> HttpResponse:
        """Let the colleague read."""
        require_fresh_factor(request)
        found = next((row for row in emergency.waiting_for(request.user) if row.pk == access), None)
        try:
            if found is None:
                raise emergency.TooLate
            emergency.confirm(access=found, by=request.user)
            messages.success(request, _("Your colleague can read the case for four hours."))
        except NotAllowed as error:
            raise Http404 from error
        except RequestError as error:
            messages.error(request, str(error.sentence))
        return HttpResponseRedirect(reverse("desk:emergency"))

"""From one request to the one a referral made of it, and back: the same patient, the same proof."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.generic import View

from teleconsult import access
from teleconsult.views.patients import SignedInPatientPage


class LinkedRequestView(SignedInPatientPage, View):
    """Open a linked request in this browser; whoever came in with receipt and code has proved who she is."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, reference: str) -> HttpResponse:
        """Begin a session of the other request and end this one; 404 for what is not linked."""
        linked = next((row for row in self.patient_request.linked if row.reference == reference), None)
        if linked is None or linked.is_erased:
            raise Http404
        token = access.go_over(self.session, linked)
        response = HttpResponseRedirect(reverse("teleconsult:my_request"))
        access.set_cookie(response, token)
        return response

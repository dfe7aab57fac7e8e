"""The administration: Django's own, without the pages that know nothing of our roles."""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _


class AdministrationConfig(AdminConfig):
    """Puts our site in the place of Django's."""

    default_site = "healthlombardy.administration.Administration"


class LookUpView(AutocompleteJsonView):
    """Names for a field that points to another table; Django's own fails on the other end of a relation."""

    def process_request(self, request: HttpRequest) -> Any:
        """Return what is asked for; raises PermissionDenied for a field that points nowhere."""
        found = super().process_request(request)
        if found[2].auto_created:
            raise PermissionDenied
        return found


class Administration(AdminSite):
    """The site at `/admin/`."""

    site_title = "Health Lombardy"
    site_header = "Health Lombardy"
    index_title = _("Administration")
    site_url = None
    # A password is changed on the account page; `r/` would lead from any table and id to a page's address.
    without = frozenset({"password_change", "password_change_done", "view_on_site"})

    def get_urls(self) -> list[Any]:
        """Return the addresses but those that our roles do not guard."""
        return [pattern for pattern in super().get_urls() if getattr(pattern, "name", None) not in self.without]

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Guard a page; what the database could not even compare leads back to the bare page."""
        guarded = super().admin_view(view, cacheable)

        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if "\x00" in request.path:
                return HttpResponseRedirect("/admin/")
            if any("\x00" in value for values in request.GET.lists() for value in [values[0], *values[1]]):
                return HttpResponseRedirect(request.path)
            return guarded(request, *args, **kwargs)

        return checked

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Lead in; the door has let nobody pass who is not signed in, and no password is tried here uncounted."""
        return HttpResponseRedirect(reverse("admin:index", current_app=self.name))

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        """Look up names for a field."""
        response: Any = LookUpView.as_view(admin_site=self)(request)
        return response

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show, beside the tables, the changes and the error reports that wait."""
        # Models may not be imported before every app is loaded.
        from publishing.models import Change, ErrorReport  # noqa: PLC0415

        waiting = Change.objects.visible_to(request.user).open().select_related("content_type")
        reports = ErrorReport.objects.visible_to(request.user).open()
        shown = {"open_changes": waiting[:12], "open_reports": reports[:12]}
        return super().index(request, shown | (extra_context or {}))

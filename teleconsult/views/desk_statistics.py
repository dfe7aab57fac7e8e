"""The figures of the desk, and tables to take away; these ask for the second factor once more."""

import datetime
from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.generic import View
from django.views.generic.base import ContextMixin, TemplateResponseMixin

from accounts.reauthentication import require_fresh_factor
from taxonomy.pages import PrivatePage
from teleconsult import desk, reading
from teleconsult.forms.desk import FilterForm
from teleconsult.forms.desk.period import PeriodForm
from teleconsult.permissions import Actor

# How wide the longest bar is, in units of the drawing.
CHART_WIDTH = 400


class StatisticsView(PrivatePage, TemplateResponseMixin, ContextMixin, View):
    """How many stand where, and how long each step takes; of what the reader may see."""

    template_name = "teleconsult/desk/statistics.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the figures of a period; one that cannot be is said in words, above those of the usual one."""
        form = PeriodForm(request.GET)
        usual = form if form.is_valid() else PeriodForm()
        usual.is_valid()
        found = desk.statistics_of(request.user, usual.cleaned_data["since"], usual.cleaned_data["until"])
        return self.render_to_response(
            self.get_context_data(
                reader=request.user,
                form=form,
                found=found,
                chart=list(bars_of(found)),
                chart_width=CHART_WIDTH,
                query=f"since={found.since}&until={found.until}",
            )
        )


def bars_of(found: desk.Statistics) -> Iterable[dict[str, Any]]:
    """Yield what is drawn beside each step: a bar to the median, a line on to nine of ten."""
    for step in found.steps:
        yield {
            "step": step,
            "median": round(CHART_WIDTH * (step.median or 0) / found.longest),
            "nine_of_ten": round(CHART_WIDTH * (step.nine_of_ten or 0) / found.longest),
        }


class ExportView(PrivatePage, View):
    """A table to take away: by POST, after the second factor, with a row in the trail."""

    http_method_names = ["get", "post"]
    name = "table"
    back = "desk:queue"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Lead back to the page that offers it."""
        return HttpResponseRedirect(f"{reverse(self.back)}?{request.GET.urlencode()}")

    def post(self, request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
        """Send the table."""
        require_fresh_factor(request)
        now = timezone.now()
        rows = list(self.rows(request, now))
        desk.record_export(request.user, f"{self.name}, {len(rows)} lines")
        response = StreamingHttpResponse(desk.table(rows), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{self.name}-{now:%Y-%m-%d}.csv"'
        return response

    def rows(self, request: HttpRequest, now: datetime.datetime) -> Iterable[desk.Row]:
        """Yield the lines."""
        raise NotImplementedError


class QueueExportView(ExportView):
    """The cases of a lane, as the filters of the address narrow it."""

    name = "requests"

    def rows(self, request: HttpRequest, now: datetime.datetime) -> Iterable[desk.Row]:
        """Yield the cases."""
        narrow = FilterForm(request.GET).narrow
        cases = desk.lane_of(request.user, request.GET.get("lane", ""), narrow, now)
        reading.view_list(ids=cases.values_list("pk", flat=True), by=Actor.staff(request.user), what="table")
        return desk.queue_rows(cases, now)


class StatisticsExportView(ExportView):
    """The figures of a period."""

    name = "statistics"
    back = "desk:statistics"

    def rows(self, request: HttpRequest, now: datetime.datetime) -> Iterable[desk.Row]:
        """Yield the figures; of the usual period where the address names none that can be."""
        form = PeriodForm(request.GET)
        usual = form if form.is_valid() else PeriodForm()
        usual.is_valid()
        found = desk.statistics_of(request.user, usual.cleaned_data["since"], usual.cleaned_data["until"])
        return desk.statistics_rows(found)

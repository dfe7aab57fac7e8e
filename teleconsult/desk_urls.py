"""The addresses of the desk: the queue, one page a case, each step at an address of its own."""

from django.urls import path

from teleconsult.forms.desk import FORMS
from teleconsult.views import desk, desk_statistics

app_name = "desk"
urlpatterns = [
    path("", desk.QueueView.as_view(), name="queue"),
    path("find/", desk.FindView.as_view(), name="find"),
    path("statistics/", desk_statistics.StatisticsView.as_view(), name="statistics"),
    path("statistics/export/", desk_statistics.StatisticsExportView.as_view(), name="statistics_export"),
    path("export/", desk_statistics.QueueExportView.as_view(), name="queue_export"),
    path("<slug:reference>/", desk.CaseView.as_view(), name="case"),
    path("<slug:reference>/documents/<uuid:document>/", desk.DocumentView.as_view(), name="document"),
    path("<slug:reference>/typed/<slug:step>/", desk.TypedView.as_view(), name="typed"),
    *(
        path(
            f"<slug:reference>/{action.value.replace('_', '-')}/",
            desk.StepView.as_view(action=action),
            name=action.value,
        )
        for action in FORMS
    ),
]

"""The addresses of the desk: the queue, one page a case, each step at an address of its own."""

from django.urls import path

from teleconsult.enums import Action
from teleconsult.forms.desk import FORMS
from teleconsult.views import consultations_desk, desk, desk_emergency, desk_opinions, desk_statistics

app_name = "desk"
BOOKING_STEPS = {
    "done": Action.RECORD_DONE,
    "no_show": Action.RECORD_NO_SHOW,
    "late": Action.RECORD_LATE,
    "cancel": Action.CANCEL_BOOKING,
}
urlpatterns = [
    path("", desk.QueueView.as_view(), name="queue"),
    path("find/", desk.FindView.as_view(), name="find"),
    path("emergency/", desk_emergency.EmergencyView.as_view(), name="emergency"),
    path("emergency/<uuid:access>/", desk_emergency.ConfirmEmergencyView.as_view(), name="emergency_confirm"),
    path("statistics/", desk_statistics.StatisticsView.as_view(), name="statistics"),
    path("statistics/export/", desk_statistics.StatisticsExportView.as_view(), name="statistics_export"),
    path("export/", desk_statistics.QueueExportView.as_view(), name="queue_export"),
    path("consultations/", consultations_desk.AgendaView.as_view(), name="consultations"),
    path("consultations/<uuid:booking>/", consultations_desk.BookingView.as_view(), name="consultation"),
    path("consultations/<uuid:booking>/room/", consultations_desk.DeskRoomView.as_view(), name="consultation_room"),
    path("consultations/<uuid:booking>/move/", consultations_desk.DeskMoveView.as_view(), name="consultation_move"),
    path(
        "consultations/<uuid:booking>/consultation.ics",
        consultations_desk.DeskCalendarView.as_view(),
        name="consultation_calendar",
    ),
    *(
        path(
            f"consultations/<uuid:booking>/{name.replace('_', '-')}/",
            consultations_desk.BookingStepView.as_view(action=action),
            name=f"consultation_{name}",
        )
        for name, action in BOOKING_STEPS.items()
    ),
    path("availability/", consultations_desk.HoursView.as_view(), name="availability"),
    path("availability/<uuid:line>/remove/", consultations_desk.RemoveHoursView.as_view(), name="availability_remove"),
    path("<slug:reference>/book/", consultations_desk.DeskBookView.as_view(), name="book"),
    path("<slug:reference>/", desk.CaseView.as_view(), name="case"),
    path("<slug:reference>/documents/<uuid:document>/", desk.DocumentView.as_view(), name="document"),
    path("<slug:reference>/documents/<uuid:document>/pictures/", desk.PicturesView.as_view(), name="pictures"),
    path(
        "<slug:reference>/documents/<uuid:document>/pictures/<uuid:preview>/",
        desk.PreviewView.as_view(),
        name="preview",
    ),
    path("<slug:reference>/typed/<slug:step>/", desk.TypedView.as_view(), name="typed"),
    path("<slug:reference>/opinion/", desk_opinions.OpinionView.as_view(), name="opinion"),
    path("<slug:reference>/opinion/preview/", desk_opinions.PreviewView.as_view(), name="opinion_preview"),
    path("<slug:reference>/opinion/sign/", desk_opinions.SignView.as_view(), name="opinion_sign"),
    path("<slug:reference>/opinion/pdf/", desk_opinions.PdfView.as_view(), name="opinion_pdf"),
    path("<slug:reference>/opinion/addendum/", desk_opinions.AddendumView.as_view(), name="addendum"),
    path("<slug:reference>/opinion/addendum/sign/", desk_opinions.SignAddendumView.as_view(), name="addendum_sign"),
    path("<slug:reference>/opinion/questions/<uuid:question>/", desk_opinions.AnswerView.as_view(), name="follow_up"),
    *(
        path(
            f"<slug:reference>/{action.value.replace('_', '-')}/",
            desk.StepView.as_view(action=action),
            name=action.value,
        )
        for action in FORMS
    ),
]

from django.urls import path

from teleconsult.views import area, consultations, linked, start, uploads

app_name = "teleconsult"
urlpatterns = [
    path("second-opinion/", start.SecondOpinionView.as_view(), name="second_opinion"),
    path("second-opinion/start/", start.StartView.as_view(), name="request_start"),
    path("second-opinion/start/who/", start.WhoView.as_view(), name="request_who"),
    path("second-opinion/start/patient/", start.PatientView.as_view(), name="request_patient"),
    path("second-opinion/start/question/", start.QuestionView.as_view(), name="request_question"),
    path("second-opinion/start/hospital/", start.HospitalView.as_view(), name="request_hospital"),
    path("second-opinion/start/documents/", start.DocumentsView.as_view(), name="request_documents"),
    path(
        "second-opinion/start/documents/<uuid:document>/remove/",
        start.RemoveDocumentView.as_view(),
        name="request_document_remove",
    ),
    path("second-opinion/start/review/", start.ReviewView.as_view(), name="request_review"),
    path("contact/", area.ContactView.as_view(), name="contact"),
    path("my-request/", area.MyRequestView.as_view(), name="my_request"),
    path("my-request/code/", area.CodeView.as_view(), name="code"),
    path("my-request/lost/", area.LostReferenceView.as_view(), name="lost_reference"),
    path("my-request/receipt/", area.ReceiptView.as_view(), name="receipt"),
    path("my-request/linked/<slug:reference>/", linked.LinkedRequestView.as_view(), name="linked"),
    path("my-request/receipt/new/", area.NewReceiptView.as_view(), name="receipt_new"),
    path("my-request/sign-out/", area.SignOutView.as_view(), name="sign_out"),
    path("my-request/answer/", area.AnswerView.as_view(), name="answer"),
    path("my-request/message/", area.MessageView.as_view(), name="message"),
    path("my-request/consent/", area.ConsentView.as_view(), name="consent"),
    path("my-request/consent/revoke/", area.RevokeConsentView.as_view(), name="consent_revoke"),
    path("my-request/withdraw/", area.WithdrawView.as_view(), name="withdraw"),
    path("my-request/erase/", area.EraseView.as_view(), name="erase"),
    path("my-request/documents/<uuid:document>/", area.DocumentView.as_view(), name="document"),
    path("my-request/documents/<uuid:document>/pictures/<uuid:preview>/", area.PreviewView.as_view(), name="preview"),
    path("my-request/uploads/", uploads.UploadsView.as_view(), name="uploads"),
    path("my-request/uploads/<uuid:upload>/", uploads.UploadView.as_view(), name="upload"),
    path("my-request/uploads/<uuid:upload>/remove/", uploads.RemoveUploadView.as_view(), name="upload_remove"),
    path("my-request/consultation/", consultations.ChooseView.as_view(), name="consultation_choose"),
    path("my-request/consultation/wait/", consultations.WaitView.as_view(), name="consultation_wait"),
    path("my-request/consultation/<uuid:booking>/", consultations.ConsultationView.as_view(), name="consultation"),
    *(
        path(f"my-request/consultation/<uuid:booking>/{part}", view.as_view(), name=f"consultation_{name}")
        for part, view, name in (
            ("confirm/", consultations.ConfirmView, "confirm"),
            ("move/", consultations.MoveView, "move"),
            ("cancel/", consultations.CancelView, "cancel"),
            ("room/", consultations.RoomView, "room"),
            ("consultation.ics", consultations.CalendarFileView, "calendar"),
            ("appointment.pdf", consultations.SheetView, "sheet"),
        )
    ),
    path("my-request/<str:reference>/<str:secret>/", area.PrivateLinkView.as_view(), name="private_link"),
]

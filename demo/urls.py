"""Addresses of the demonstration."""

from django.urls import path

from demo import mailbox, room, sign_in

app_name = "demo"

urlpatterns = [
    path("sign-in/<str:token>/", sign_in.SignInView.as_view(), name="sign_in"),
    path("room/<slug:room>", room.RoomView.as_view(), name="room"),
    path("codes/", sign_in.CodesView.as_view(), name="codes"),
    path("mailbox/", mailbox.MailboxView.as_view(), name="mailbox"),
    path("mailbox/<str:mail_id>/", mailbox.MailView.as_view(), name="mail"),
    path("mailbox/<str:mail_id>/html/", mailbox.HtmlPartView.as_view(), name="mail_html"),
    path("mailbox/<str:mail_id>/attachments/<int:number>/", mailbox.AttachmentView.as_view(), name="mail_attachment"),
]

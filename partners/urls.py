from django.urls import path

from partners import views

app_name = "partners"
urlpatterns = [
    path("", views.CountryListView.as_view(), name="partner_list"),
    path("<str:country>/", views.CountryView.as_view(), name="country"),
]

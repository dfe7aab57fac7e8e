from django.urls import path

from facilities import views

app_name = "facilities"
urlpatterns = [
    path("", views.FacilityList.as_view(), name="facility_list"),
    path("<slug:slug>/", views.FacilityDetail.as_view(), name="facility_detail"),
    path("<slug:slug>/report/", views.FacilityReport.as_view(), name="facility_report"),
]

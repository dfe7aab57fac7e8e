"""Addresses of treatments, conditions, specialties, the body and the comparison."""

from django.urls import path

from treatments import views

app_name = "treatments"

urlpatterns = [
    path("treatments/", views.TreatmentList.as_view(), name="treatment_list"),
    path("treatments/<slug:slug>/", views.TreatmentDetail.as_view(), name="treatment_detail"),
    path("conditions/", views.ConditionList.as_view(), name="condition_list"),
    path("conditions/<slug:slug>/", views.ConditionDetail.as_view(), name="condition_detail"),
    path("specialties/", views.SpecialtyList.as_view(), name="specialty_list"),
    path("specialties/<slug:slug>/", views.SpecialtyDetail.as_view(), name="specialty_detail"),
    path("body/", views.BodyList.as_view(), name="body_list"),
    path("body/<slug:slug>/", views.BodyDetail.as_view(), name="body_detail"),
    path("compare/", views.Compare.as_view(), name="compare"),
]

"""All addresses. Pages that patients meet carry their language; staff areas do not."""

from django.conf import settings
from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.urls import include, path

from healthlombardy import views
from healthlombardy.cards import EntryPictureView, PictureView
from healthlombardy.sitemaps import sitemap, sitemap_index

urlpatterns = [
    path("", views.RootView.as_view(), name="root"),
    path("healthz", views.alive, name="healthz"),
    path("readyz", views.ready, name="readyz"),
    path("sitemap.xml", sitemap_index, name="sitemap_index"),
    path("sitemap-<slug:section>.xml", sitemap, name="sitemap"),
    path("robots.txt", views.RobotsView.as_view(), name="robots"),
    path(".well-known/security.txt", views.SecurityTextView.as_view(), name="security_text"),
    path("accounts/", include("accounts.urls")),
    path("desk/", include("teleconsult.desk_urls")),
    path("admin/", admin.site.urls),
    *i18n_patterns(
        path("", views.HomeView.as_view(), name="home"),
        path("about/", views.AboutView.as_view(), name="about"),
        path("about/order/", views.OrderView.as_view(), name="about_order"),
        path("privacy/", views.PrivacyView.as_view(), name="privacy"),
        path("accessibility/", views.AccessibilityView.as_view(), name="accessibility"),
        path("cards/portal.png", PictureView.as_view(), name="general_card"),
        path("cards/<slug:kind>/<slug:slug>.png", EntryPictureView.as_view(), name="card"),
        path("search/", include("search.urls")),
        path("", include("treatments.urls")),
        path("facilities/", include("facilities.urls")),
        path("partners/", include("partners.urls")),
        path("", include("teleconsult.urls")),
    ),
]

if settings.DEBUG or settings.DEMO:
    urlpatterns.append(path("components/", views.ComponentsView.as_view(), name="components"))
if settings.DEMO:
    urlpatterns.append(path("demo/", include("demo.urls")))

handler400 = "healthlombardy.views.bad_request"
handler403 = "healthlombardy.views.forbidden"
handler404 = "healthlombardy.views.not_found"
handler500 = "healthlombardy.views.server_error"

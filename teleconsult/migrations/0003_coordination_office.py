from django.db import migrations


def open_office(apps, schema_editor):
    """Make the one office requests go to today; administrators change its name and hours."""
    office = apps.get_model("teleconsult", "CoordinationOffice")
    if not office.objects.exists():
        office.objects.create(name="Health Lombardy", province="MI", zone="Europe/Rome")


class Migration(migrations.Migration):
    dependencies = [("teleconsult", "0002_guard_history")]

    operations = [migrations.RunPython(open_office, migrations.RunPython.noop)]

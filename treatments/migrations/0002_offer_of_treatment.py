from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("treatments", "0001_initial")]

    operations = [
        migrations.AddIndex(
            model_name="offer",
            index=models.Index(fields=["treatment", "state", "facility"], name="offer_of_treatment"),
        ),
    ]

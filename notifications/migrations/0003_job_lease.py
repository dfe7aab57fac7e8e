from django.db import migrations, models
from django.utils import timezone


class Migration(migrations.Migration):
    dependencies = [
        ("notifications", "0002_not_after"),
    ]

    operations = [
        migrations.AddField(
            model_name="jobrun",
            name="leased_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name="jobrun",
            name="done_at",
            field=models.DateTimeField(default=timezone.now, null=True),
        ),
    ]

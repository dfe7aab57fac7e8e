"""Uploads under way, and their sealed chunks."""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import vault.fields


class Migration(migrations.Migration):
    dependencies = [
        ("vault", "0002_guard_trail"),
    ]

    operations = [
        migrations.CreateModel(
            name="IncomingFile",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", vault.fields.SealedTextField(data_class="C3", key="data_key", max_length=255)),
                ("size", models.PositiveBigIntegerField()),
                ("received", models.PositiveBigIntegerField(default=0)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("leased_until", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("touched_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "data_key",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="incoming_files", to="vault.datakey"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="IncomingChunk",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("number", models.PositiveIntegerField()),
                ("start", models.PositiveBigIntegerField()),
                ("size", models.PositiveIntegerField()),
                ("storage_name", models.CharField(editable=False, max_length=100, unique=True)),
                (
                    "file",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="parts", to="vault.incomingfile"
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="incomingfile",
            index=models.Index(fields=["touched_at"], name="vault_incomingfile_touched"),
        ),
        migrations.AddConstraint(
            model_name="incomingfile",
            constraint=models.CheckConstraint(
                condition=models.Q(("received__lte", models.F("size")), ("size__gt", 0)),
                name="vault_incomingfile_not_too_much",
            ),
        ),
        migrations.AddConstraint(
            model_name="incomingchunk",
            constraint=models.UniqueConstraint(fields=("file", "number"), name="vault_incomingchunk_once"),
        ),
    ]

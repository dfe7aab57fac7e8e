"""Papers on their way in."""

import uuid

import django.db.models.deletion
from django.db import migrations, models

import vault.fields


class Migration(migrations.Migration):
    dependencies = [
        ("teleconsult", "0004_desk_work"),
        ("vault", "0003_incoming_files"),
    ]

    operations = [
        migrations.CreateModel(
            name="DocumentUpload",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("said", vault.fields.SealedJSONField(data_class="C3", default=dict, key="request.data_key")),
                (
                    "metadata",
                    vault.fields.SealedJSONField(blank=True, data_class="C3", default=str, key="request.data_key"),
                ),
                ("idempotency_key", models.UUIDField(default=uuid.uuid4, editable=False)),
                (
                    "incoming",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="document_upload",
                        to="vault.incomingfile",
                    ),
                ),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="uploads", to="teleconsult.request"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("request", "idempotency_key"), name="document_upload_begun_once")
                ],
            },
        ),
    ]

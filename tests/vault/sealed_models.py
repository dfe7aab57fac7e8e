"""Two tables with sealed columns, in a registry of their own."""

import uuid

from django.db import models
from django.test.utils import isolate_apps

from vault.data_classes import DataClass
from vault.fields import KeyedHashField, SealedJSONField, SealedTextField
from vault.keys import DataKey

with isolate_apps("vault"):

    class Case(models.Model):
        data_class = DataClass.OPERATIONAL

        id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
        data_key = models.ForeignKey(DataKey, on_delete=models.PROTECT, related_name="+")
        state = models.CharField(max_length=20, default="draft")
        question = SealedTextField(key="data_key", blank=True)
        other = SealedTextField(key="data_key", blank=True)
        answers = SealedJSONField(key="data_key", default=dict)
        remark = SealedTextField(null=True)
        family_name_key = KeyedHashField("family-name", blank=True)

        class Meta:
            app_label = "vault"

        def __str__(self) -> str:
            return str(self.pk)

    class Line(models.Model):
        data_class = DataClass.OPERATIONAL

        id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
        case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="lines")
        body = SealedTextField(key="case.data_key", max_length=50)

        class Meta:
            app_label = "vault"

        def __str__(self) -> str:
            return str(self.pk)

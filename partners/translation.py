from modeltranslation.translator import TranslationOptions, register

from partners.models import Agreement


@register(Agreement)
class AgreementTranslation(TranslationOptions):
    fields = ("title", "summary")

from modeltranslation.translator import TranslationOptions, register

from taxonomy.models import BodyDistrict, Specialty


@register([BodyDistrict, Specialty])
class EntryTranslation(TranslationOptions):
    fields = ("name", "synonyms", "sort_key")

import re

import pytest
import yaml
from django.conf import settings

from search import red_flags
from teleconsult import consent
from teleconsult.enums import ConsentPurpose
from teleconsult.exceptions import ConsentMissing, ConsentTextChanged

LANGUAGES = [code for code, _name in settings.LANGUAGES]
# A wording that was in force never changes: these hashes stand in rows of the table.
FIRST_VERSION = {
    ("coordination", "en"): "ed4ccb55937ae7f18f62d1a9b56f9174691b37747b7b5783208d6db693f1f416",
    ("coordination", "it"): "835f068e32a590a9ad51fe5598dff15e6f2e44b4024ee71afce5c7e9aa255c14",
    ("coordination", "ar"): "51d960e055fa109c8eaf1fda2f037d2538db47279b46dd4fa3dd5d68d15ae832",
    ("coordination", "zh-hans"): "5de9f47dfe5b102c5c78d4ba48eed7b3a65a22ea628286ddfcbc25aa4649d382",
    ("coordination", "es"): "7b5e4fd11bcbeedc2c525849953b71e7d4b72b52187ab06b6f1da64405403b69",
    ("coordination", "fr"): "f0c2d60689d543d9a239106f5e10a95dd08b547fdc2408186139426b8235f4ed",
    ("coordination", "de"): "7a3d6f09e2872643e28a7d9c42ee85cbb25e3009b63d9c98068c5c6832523510",
    ("coordination", "ru"): "f11560a2abb6f0524c00db32dfdd5644b7f9d048cde16521ba3d6ff870f7df31",
    ("facility", "en"): "d6f419a80d2dc192510175d29dafb1c09361c0b45c816917feda84b1ed7971c1",
    ("facility", "it"): "0d1d3df4eee79cd8b7bb6309b5e272963358e6704324e91a3c4a0f75f53d461b",
    ("facility", "ar"): "4bef71d4e40dc287f31136502c9646a9991865ec8d4f36a9d0d429db780e3026",
    ("facility", "zh-hans"): "f7626c396964fd6bff61a8a98035d4b18aa3f0808f11775458d98c8bac4e5243",
    ("facility", "es"): "67022734b8dbcc4c026776ce6a8333c517e517a4474569db8cb8b309bdf1eb3e",
    ("facility", "fr"): "9776280b18d977ee797cdad91a52243f3e0b9b0bf3760920a7e4de8e07a1bd23",
    ("facility", "de"): "c91737aa86c117272046f5c8602467c8eee6da892fe7a4698ccfb10acf49df41",
    ("facility", "ru"): "f1761d0e4d27db2c35119b1c48e3df7faba59d18218b0e6d475447e3501b6cfa",
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("purpose", ConsentPurpose.values)
def test_every_consent_is_whole_in_every_language(purpose: str, language: str):
    text = consent.text(purpose, language)
    english = consent.text(purpose, "en")

    assert text.language == language
    assert len(text.paragraphs) == len(english.paragraphs)
    assert text.status in {"original", "machine", "translated", "reviewed"}
    names = [" ".join(paragraph.split()).count("%(facility)s") for paragraph in (text.title, text.agreement)]
    assert names == ([1, 1] if purpose == ConsentPurpose.FACILITY else [0, 0])


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("purpose", ConsentPurpose.values)
def test_a_version_in_force_is_never_edited(purpose: str, language: str):
    assert consent.text(purpose, language, version="1").hash == FIRST_VERSION[purpose, language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_facility_is_named(language: str):
    text = consent.text(ConsentPurpose.FACILITY, language).naming("Demo Hospital 100%")

    whole = "\n".join([text.title, *text.paragraphs, text.agreement])
    assert whole.count("Demo Hospital 100%") >= 4
    assert "%(" not in whole


def test_only_the_text_on_the_screen_is_accepted():
    current = consent.text(ConsentPurpose.COORDINATION, "it")

    assert consent.accepted(ConsentPurpose.COORDINATION, "it", current.hash) == current
    with pytest.raises(ConsentTextChanged):
        consent.accepted(ConsentPurpose.COORDINATION, "en", current.hash)
    with pytest.raises(ConsentMissing):
        consent.accepted(ConsentPurpose.COORDINATION, "it", "")


@pytest.mark.parametrize(
    "text",
    [
        "He can't breathe",
        "HE CAN’T   BREATHE!",
        "mio padre NON RESPIRA, aiuto: non riesce a respirare",
        "أبي لا يستطيع التنفّس",
        "فقد وعيه ولا يستجيب",
        "我妈妈突然无法呼吸了",
        "mi padre no puede respirar",
        "no despierta, está inconsciente",
        "il a perdu connaissance",
        "Meine Mutter bekommt keine Luft",
        "ПАПА ЗАДЫХАЕТСЯ",
        "рвет кровью",
        "I want to die",
    ],
)
def test_an_emergency_is_noticed(text: str):
    assert red_flags.mentions_emergency(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I would like a second opinion on breast cancer surgery.",
        "My father had a stroke in 2019 and epilepsy since.",
        "Ho un tumore al polmone e vorrei sapere se l'operazione serve.",
        "أريد رأيًا ثانيًا في علاج السرطان",
        "我想咨询脑瘤手术。",
        "Quisiera una opinión sobre mi rodilla.",
        "Je respire mieux depuis l'opération.",
        "Die Diagnose wurde im Mai gestellt.",
        "У меня остеохондроз.",
    ],
)
def test_an_ordinary_question_is_none(text: str):
    assert not red_flags.mentions_emergency(text)


def test_every_language_has_its_words():
    words = yaml.safe_load(red_flags.FILE.read_text(encoding="utf-8"))

    assert set(words) == set(LANGUAGES)
    for language, phrases in words.items():
        assert len(phrases) == len(set(phrases)) >= 20
        assert all(red_flags.mentions_emergency(f"… {phrase}.") for phrase in phrases), language
        assert not [phrase for phrase in phrases if re.search(r"\s{2}", phrase)]

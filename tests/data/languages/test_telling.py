"""Languages are told from a sentence, and nothing is told where there is nothing to tell from."""

from __future__ import annotations

import pytest

from labwright.data.languages import LANGUAGES, language_of, name_of

SENTENCES = {
    "en": "What is the capital of France? It is the city where the river is.",
    "de": "Die Hauptstadt von Frankreich ist Paris und sie liegt an der Seine.",
    "fr": "La capitale de la France est Paris, une ville sur la Seine.",
    "es": "La capital de Francia es París y está en el norte.",
    "pt": "A capital da França é Paris, que fica no norte do país.",
    "it": "La capitale della Francia è Parigi, che si trova nel nord.",
    "nl": "De hoofdstad van Frankrijk is Parijs en het ligt aan de Seine.",
    "sv": "Huvudstaden i Frankrike är Paris och den ligger vid Seine.",
    "da": "Hovedstaden er Paris, og den ligger ved Seinen. Hvor meget koster det at blive der?",
    "no": "Hovedstaden er Paris, og den ligger ved Seinen. Hvor mye koster det å bli der etter noe?",
    "fi": "Ranskan pääkaupunki on Pariisi, joka on myös suurin kaupunki.",
    "pl": "Stolicą Francji jest Paryż, który leży nad Sekwaną i nie jest mały.",
    "cs": "Hlavním městem Francie je Paříž, která leží na řece Seině.",
    "hu": "Franciaország fővárosa Párizs, és ez a legnagyobb város is.",
    "ro": "Capitala Franței este Paris, care se află în nord și nu este mică.",
    "tr": "Fransa'nın başkenti Paris'tir ve bu şehir çok güzel bir yer.",
    "id": "Ibu kota Prancis adalah Paris dan kota itu ada di tepi sungai.",
    "vi": "Thủ đô của Pháp là Paris và nó nằm trên sông Seine.",
    "ca": "La capital de França és París, que està amb el riu i no és petita.",
    "ru": "Столица Франции — это Париж, который находится на Сене.",
    "uk": "Столиця Франції — це Париж, який є на річці Сена.",
    "zh": "法国的首都是巴黎，这座城市在河边。",
    "ja": "フランスの首都はパリで、川の近くにあります。",
    "ko": "프랑스의 수도는 파리이고 강가에 있습니다.",
    "ar": "عاصمة فرنسا هي باريس وهي مدينة كبيرة",
    "fa": "پایتخت فرانسه پاریس است و شهر بزرگی است",
    "he": "בירת צרפת היא פריז והיא עיר גדולה",
    "el": "Η πρωτεύουσα της Γαλλίας είναι το Παρίσι",
    "hi": "फ्रांस की राजधानी पेरिस है और यह बड़ा शहर है",
    "th": "เมืองหลวงของฝรั่งเศสคือปารีส",
}


@pytest.mark.parametrize("code", SENTENCES)
def test_a_sentence_tells_its_language(code: str) -> None:
    assert language_of(SENTENCES[code]) == code
    assert name_of(code) == LANGUAGES[code]


@pytest.mark.parametrize(
    "text",
    ["", "42", "ok", "def foo(x):\n    return x + 1\nimport os", "Balu deki mira sopa nilu tera kofi banu", "🙂" * 20,
     "https://example.org/the/of/and/to/in/is/that", "\x00" * 50, "((((((((", "₿" * 40],
)  # fmt: skip
def test_nothing_is_told_where_there_is_nothing_to_tell_from(text: str) -> None:
    assert language_of(text) is None


def test_code_beside_prose_does_not_count() -> None:
    code = "if the and or not is in for with as from " * 9
    assert language_of(f"Das ist der Code, der nicht geht:\n```\n{code}\n```") == "de"

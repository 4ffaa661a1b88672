"""How answers begin that refuse, by language: an apology or none, then that one cannot, then what one cannot do.

Each pattern wants all of "cannot" and a verb of helping, so that "I cannot say how often I was there" is no refusal.
They know the usual words of chat models, and the languages that are here; a refusal in other words is not found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

_OPENING = r"""[\s"'“”„«»「『*¡¿(]*"""
_VERBS = (
    "assist|help|provide|fulfil|fulfill|comply|answer|do that|do this|create|generate|write|engage|discuss|support|"
    "share|offer|participate|produce|continue|give|complete|process|respond|recommend|explain how|be involved|take part"
)
_SORRY = (
    r"(?:(?:i['’]?m|i am)\s+(?:very\s+|really\s+|so\s+|truly\s+)?(?:sorry|afraid)|sorry|unfortunately|i apologi[sz]e"
    r"|my apologies|apologies)"
)
_CANNOT = (
    r"i(?:['’]?m|\s+am)?\s+(?:(?:simply\s+|just\s+)?(?:can\s?not|can['’]?t|won['’]?t|will\s+not|could\s?n['’]?t)"
    r"(?:\s+be\s+able\s+to)?|not\s+able\s+to|unable\s+to|(?:must|have\s+to)\s+(?:respectfully\s+)?decline\s+to)"
)
_ENGLISH = (
    rf"(?:{_SORRY}[,.!;:]?\s*(?:but\s+|that\s+|however,?\s+)?(?:as an? [^,.]{{2,40}},\s*)?)?"
    rf"(?:as an ai[^,.]{{0,40}},\s*)?{_CANNOT}\s+(?:{_VERBS})\b"
    rf"|{_SORRY}[,.!;:]?\s*(?:but\s+)?(?:i\s+(?:do\s+not|don['’]?t)\s+feel\s+comfortable|"
    r"that\s+(?:request|would\s+be)|this\s+(?:request|goes\s+against))"
    r"|i\s+(?:must|have\s+to)\s+(?:respectfully\s+)?(?:decline|refuse)\b"
)
_GERMAN = (
    r"(?:(?:es )?tut mir (?:sehr |wirklich |furchtbar )?leid|entschuldigung|verzeihung|leider|bedaure)?[,.!:;]?\s*"
    r"(?:aber\s+|dass\s+)?(?:als ki[^,.]{0,40},?\s*)?(?:ich (?:kann|darf|werde)|(?:kann|darf|werde) ich)\b"
    r"[^.!?\n]{0,60}\b(?:nicht|keine?n?)\b[^.!?\n]{0,60}\b(?:(?:weiter)?helfen|unterstützen|beantworten|erfüllen|"
    r"nachkommen|bereitstellen|erstellen|generieren|schreiben|behilflich|entsprechen|teilnehmen|mitwirken)\b"
    r"|(?:(?:es )?tut mir (?:sehr |wirklich )?leid|entschuldigung|leider)?[,.!:;]?\s*(?:aber\s+)?(?:ich bin|bin ich) "
    r"(?:leider )?nicht in der lage[^.!?\n]{0,80}\b(?:zu (?:tun|helfen|unterstützen|beantworten|erfüllen|erstellen|"
    r"geben)|bereitzustellen|nachzukommen|weiterzuhelfen)\b"
)
_FRENCH = (
    r"(?:(?:je suis (?:vraiment |sincèrement )?|vraiment )?désolée?|malheureusement|je regrette|je m['’]excuse|"
    r"toutes mes excuses)?[,.!:;]?\s*(?:mais\s+)?(?:en tant qu[^,.]{0,60},\s*)?je ne "
    r"(?:(?:peux|pourrai|saurais|dois)(?: malheureusement)?(?: pas)?|suis (?:malheureusement )?pas "
    r"(?:en mesure de|capable de|autorisée? à))\s+(?:(?:vous|t['’]|te|y|cela|ça|l['’])\s*)*"
    r"(?:aider|assister|fournir|répondre|satisfaire|accéder|générer|créer|écrire|rédiger|proposer|participer|"
    r"faire cela|continuer|donner|discuter|traiter|soutenir)"
)
_SPANISH = (
    r"(?:lo siento(?: mucho)?|lo lamento(?: mucho)?|perdón|disculpa|disculpe|lamentablemente|desafortunadamente)?"
    r"[,.!:;]?\s*(?:pero\s+)?(?:como (?:una? )?(?:ia|inteligencia|modelo|asistente)[^,.]{0,60},\s*)?(?:yo\s+)?no "
    r"(?:puedo|podré|podría|me es posible|estoy en condiciones de|soy capaz de|estoy autorizad[oa] a)\s+"
    r"(?:ayudar|asistir|proporcionar|cumplir|responder|contestar|generar|crear|escribir|redactar|ofrecer|participar|"
    r"hacer eso|dar(?:te|le|les)|continuar|apoyar|discutir|brindar)"
)
_ITALIAN = (
    r"(?:mi dispiace(?: molto)?|spiacente|sono spiacente|purtroppo|mi scuso|chiedo scusa)?[,.!:;]?\s*(?:ma\s+)?"
    r"(?:(?:in quanto|come) [^,.]{0,60},\s*)?non (?:posso|potrò|sono in grado di|mi è possibile|"
    r"sono autorizzat[oa] a)\s+(?:aiutar|assister|fornir|risponder|soddisfar|generar|crear|scriver|offrir|partecipar|"
    r"farlo|continuar|dart|darl|discuter|supportar|esaudir)"
)
_PORTUGUESE = (
    r"(?:desculpe|desculpa|sinto muito|lamento|infelizmente|peço desculpas?|me desculpe)?[,.!:;]?\s*(?:mas\s+)?"
    r"(?:como (?:uma? )?(?:ia|inteligência|modelo|assistente)[^,.]{0,60},\s*)?(?:eu\s+)?não "
    r"(?:posso|poderei|consigo|me é possível|sou capaz de|estou autorizad[oa] a)\s+(?:(?:te|lhe|o|a)\s+)?"
    r"(?:ajud|auxili|fornec|respond|atend|gerar|criar|escrev|oferec|particip|fazer isso|continuar|cumprir|discutir|"
    r"prestar)"
)
_DUTCH = (
    r"(?:het spijt me|sorry|helaas|mijn excuses|excuses)?[,.!:;]?\s*(?:maar\s+)?(?:als ai[^,.]{0,40},?\s*)?"
    r"(?:ik (?:kan|mag|zal)|(?:kan|mag|zal) ik)\b[^.!?\n]{0,60}\b(?:niet|geen)\b[^.!?\n]{0,60}\b(?:helpen|assisteren|"
    r"voldoen|beantwoorden|verstrekken|inwilligen|meewerken|genereren|schrijven)\b"
    r"|(?:het spijt me|sorry|helaas)?[,.!:;]?\s*(?:maar\s+)?(?:ik ben|ben ik) (?:helaas )?"
    r"niet in staat[^.!?\n]{0,80}\bte (?:doen|helpen|beantwoorden|verstrekken|voldoen|geven|schrijven)\b"
)
_RUSSIAN = (
    r"(?:извини(?:те)?|прости(?:те)?|к сожалению|прошу прощения|мне (?:очень )?жаль|сожалею)?[,.!:;]?\s*(?:но\s+)?"
    r"(?:как [^,.]{2,60},\s*)?(?:я\s+)?не (?:могу|смогу|буду|в состоянии)\s+"
    r"(?:(?:вам|тебе|с этим|в этом|на это|этого)\s+)*"
    r"(?:помочь|помогать|предостав|ответить|отвечать|выполнить|созда|написать|писать|сделать это|обсуждать|поддерж|"
    r"участвовать|продолж|дать)"
)
_CHINESE = (
    r"(?:(?:很|非常|十分|真的)?(?:抱歉|对不起|對不起|不好意思|遗憾|遺憾))?[,,。.!！:：\s]*(?:但是?|可是|不过)?"
    r"(?:作为[^,,。\n]{1,30}[,,]\s*|作為[^,,。\n]{1,30}[,,]\s*)?我(?:们|們)?(?:暂时|目前)?"
    r"(?:无法|無法|不能|不可以|没有办法|沒有辦法)(?:为您|为你|為您|為你|向您|向你|给您|给你|給您|給你|在这方面)?"
    r"(?:提供|协助|協助|帮助|幫助|帮您|帮你|幫您|幫你|回答|满足|滿足|完成|生成|创作|創作|撰写|撰寫|支持|参与|參與|"
    r"继续|繼續|讨论|討論)"
)
_JAPANESE = (
    r"(?:大変|誠に|たいへん)?(?:申し訳|すみません|ごめんなさい|残念ながら|恐れ入りますが)[^\n]{0,80}"
    r"(?:お手伝い|お答え|回答|提供|支援|対応|お応え|サポート|作成|生成|協力|応じる)[^。\n]{0,15}"
    r"(?:できません|できかねます|できない|いたしかねます|致しかねます)"
)
_KOREAN = (
    r"(?:죄송(?:하지만|합니다|해요)|미안(?:하지만|합니다)|유감스럽지만|유감이지만)[^\n]{0,80}"
    r"(?:도와|도움|제공|답변|대답|응|작성|생성|지원)[^.\n]{0,15}수 ?(?:가 )?없(?:습니다|어요|다)"
)
_PATTERNS = {
    "en": _ENGLISH,
    "de": _GERMAN,
    "fr": _FRENCH,
    "es": _SPANISH,
    "it": _ITALIAN,
    "pt": _PORTUGUESE,
    "nl": _DUTCH,
    "ru": _RUSSIAN,
    "zh": _CHINESE,
    "ja": _JAPANESE,
    "ko": _KOREAN,
}
REFUSING: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {language: re.compile(rf"(?i){_OPENING}(?:{pattern})") for language, pattern in _PATTERNS.items()}
)
"""By language (ISO 639-1), what an answer that refuses begins with; to be matched at its start."""

_WHOLE = frozenset({
    "i cannot", "i can't", "i can't do that.", "no comment", "i'm sorry, but i can't.", "sorry, i can't.",
    "i'm sorry.", "i refuse.", "i will not do that.",
})  # fmt: skip
_LONGEST_WHOLE = 30

LOOKED_AT = 300  # characters of an answer
MAY_REFUSE = (
    r"(?i)^[^\pL]{0,8}(?:"
    r"i\b|i['’]|as an? |sorry|unfortunately|my apolog|apolog|no comment|es tut|tut mir|entschuld|verzeih|"
    r"leider|bedaure|als |ich (?:kann|darf|werde|bin)|je (?:ne|suis|regrette|m)|désol|vraiment d|malheureus|toutes mes|"
    r"en tant|lo (?:siento|lamento)|perdón|disculp|lament|desafort|como |yo no|no |mi (?:dispiace|scuso)|spiac|sono sp|"
    r"purtrop|chiedo sc|in quanto|come |non |desculp|sinto|infeliz|peço|me desc|eu não|não |het spijt|helaas|mijn exc|"
    r"excuses|ik (?:kan|mag|zal|ben)|извини|прости|к сожал|прошу|мне |сожале|как |я не|не |"
    r"很|非常|十分|真的|抱歉|对不起|對不起|"
    r"不好意思|遗憾|遺憾|作为|作為|我|大変|誠に|たいへん|申し訳|すみません|ごめん|残念|恐れ入|죄송|미안|유감)"
)
"""For RE2: the words that a refusal may begin with. Wider than `REFUSING`, and cheap."""


def refused_in(answer: str) -> str | None:
    """The language in which an answer begins by refusing; None where it does not."""
    start = answer[:LOOKED_AT]
    if len(start) <= _LONGEST_WHOLE and start.strip().lower() in _WHOLE:
        return "en"
    return next((language for language, pattern in REFUSING.items() if pattern.match(start)), None)

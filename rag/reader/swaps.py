"""Words by kind, for swapping one in a question for another: nations, titles, sorts of names, relations.

General English and geography; nothing here was taken from a document.
"""

from __future__ import annotations

from rag.words import DAYS, MONTHS, NUMBER_WORDS

# Country / adjective / capital / other names for it.
_COUNTRIES = """
Afghanistan/Afghan/Kabul Algeria/Algerian/Algiers Argentina/Argentine/Buenos_Aires Australia/Australian/Canberra
Austria/Austrian/Vienna Bangladesh/Bangladeshi/Dhaka Belarus/Belarusian/Minsk Belgium/Belgian/Brussels
Brazil/Brazilian/Brasilia Bulgaria/Bulgarian/Sofia Cambodia/Cambodian/Phnom_Penh Canada/Canadian/Ottawa
Chile/Chilean/Santiago China/Chinese/Beijing Colombia/Colombian/Bogota Croatia/Croatian/Zagreb Cuba/Cuban/Havana
Denmark/Danish/Copenhagen Egypt/Egyptian/Cairo Estonia/Estonian/Tallinn Ethiopia/Ethiopian/Addis_Ababa
Finland/Finnish/Helsinki France/French/Paris Germany/German/Berlin Greece/Greek/Athens Hungary/Hungarian/Budapest
Iceland/Icelandic/Reykjavik India/Indian/New_Delhi/Delhi Indonesia/Indonesian/Jakarta Iran/Iranian/Tehran
Iraq/Iraqi/Baghdad Ireland/Irish/Dublin Israel/Israeli/Jerusalem Italy/Italian/Rome Japan/Japanese/Tokyo
Jordan/Jordanian/Amman Kazakhstan/Kazakh/Astana Kenya/Kenyan/Nairobi Kuwait/Kuwaiti/Kuwait_City
Latvia/Latvian/Riga Lebanon/Lebanese/Beirut Libya/Libyan/Tripoli Lithuania/Lithuanian/Vilnius
Malaysia/Malaysian/Kuala_Lumpur Mexico/Mexican/Mexico_City Mongolia/Mongolian/Ulaanbaatar Morocco/Moroccan/Rabat
Nepal/Nepalese/Kathmandu Nigeria/Nigerian/Abuja North_Korea/North_Korean/Pyongyang/DPRK Norway/Norwegian/Oslo
Pakistan/Pakistani/Islamabad Peru/Peruvian/Lima Poland/Polish/Warsaw Portugal/Portuguese/Lisbon
Qatar/Qatari/Doha Romania/Romanian/Bucharest Russia/Russian/Moscow/Kremlin/Russian_Federation
Saudi_Arabia/Saudi/Riyadh Scotland/Scottish/Edinburgh Serbia/Serbian/Belgrade Singapore/Singaporean/Singapore
Slovakia/Slovak/Bratislava Slovenia/Slovenian/Ljubljana South_Africa/South_African/Pretoria
South_Korea/South_Korean/Seoul Spain/Spanish/Madrid Sweden/Swedish/Stockholm Switzerland/Swiss/Bern
Syria/Syrian/Damascus Taiwan/Taiwanese/Taipei Thailand/Thai/Bangkok Tunisia/Tunisian/Tunis Turkey/Turkish/Ankara
Ukraine/Ukrainian/Kyiv/Kiev England/English/London/Britain/British/UK/United_Kingdom
America/American/Washington/US/USA/United_States/White_House Venezuela/Venezuelan/Caracas Vietnam/Vietnamese/Hanoi
Wales/Welsh/Cardiff Yemen/Yemeni/Sanaa Zimbabwe/Zimbabwean/Harare
"""
NATIONS = [[name.replace("_", " ") for name in row.split("/")] for row in _COUNTRIES.split()]
GROUP = {name: number for number, nation in reversed(list(enumerate(NATIONS))) for name in nation}
FORM = {
    name: form
    for nation in NATIONS
    for form, name in zip(("capital", "nationality", "country"), nation[2::-1], strict=True)
}
FORM |= dict.fromkeys(("DPRK", "Britain", "UK", "United Kingdom", "US", "USA", "United States"), "country")
FORM |= {
    name: form
    for form, names in {
        "continent": "Europe Asia Africa Oceania Antarctica".split(),
        "continental": "European Asian African".split(),
        "direction": "West East North South".split(),
        "directional": "Western Eastern Northern Southern".split(),
    }.items()
    for name in names
}
FORM |= {"Russian Federation": "country", "British": "nationality", "Delhi": "capital", "Kiev": "capital"}

TITLES = frozenset(
    "mr mrs ms miss dr prof professor sir lord lady king queen prince princess emperor empress pope saint president "
    "chancellor minister senator governor general admiral colonel captain judge justice bishop archbishop duke count "
    "secretary ambassador spokesperson director chairman chief defence defense prime foreign vice author".split()
)
# A name's last word tells what kind of thing it is.
SORTS = {
    word: sort
    for sort, words in {
        "school": "university college school institute academy",
        "firm": "company corporation inc ltd group bank airlines records studios motors industries",
        "body": "council committee commission agency ministry department party congress parliament senate court "
        "assembly association federation organisation organization union administration league foundation service",
        "water": "river lake sea ocean bay canal strait",
        "land": "mountains mountain island islands valley peninsula desert hills coast forest",
        "town": "city town village county province district region state",
        "site": "street avenue park square bridge station airport port museum library hall church cathedral palace "
        "castle tower stadium center centre hotel building",
        "event": "war battle revolution treaty act games olympics festival conference bowl cup championship",
    }.items()
    for word in words.split()
}
GIVEN = frozenset(
    "adam alan albert alexander alfred alice andrew anna anne anthony antonio arthur barbara benjamin bill bob brian "
    "catherine charles christian christopher daniel david donald edward elizabeth emma eric ernest francis frank "
    "frederick george giovanni hannah hans harold harry helen henry hugh ian isaac jack jacob jacques james jane jean "
    "jeff jennifer jeremy jim joan johann john jonathan jose joseph juan julia karl kevin laura leonard lewis louis "
    "lucy luis margaret maria marie mark martin mary matthew michael mike nancy nicholas nikola oliver otto patrick "
    "paul peter philip pierre ralph richard robert roger ronald ryan samuel sarah scott simon stephen steven susan "
    "theodore thomas tim tom victor vladimir walter werner wilhelm william".split()
)
PAST = dict(
    pair.split("/")
    for pair in (
        "became/become began/begin bought/buy broke/break brought/bring built/build came/come chose/choose drew/draw "
        "fell/fall felt/feel fought/fight found/find gave/give got/get grew/grow held/hold kept/keep knew/know "
        "laid/lay led/lead left/leave lost/lose made/make met/meet paid/pay ran/run rose/rise said/say saw/see "
        "sent/send set/set sold/sell spent/spend spoke/speak stood/stand taught/teach thought/think threw/throw "
        "told/tell took/take went/go won/win wrote/write"
    ).split()
)
SMALL_NUMBERS = {word: number for word, number in NUMBER_WORDS.items() if int(number) <= 15}
NO_NAMES = frozenset({*MONTHS, *DAYS, "I", "AD", "BC", "BCE"})

# Forms of a word, ">", the forms that take their place, ";", other words that tell the same. None follows from the
# word that it replaces, nor is told by it. "to" and "from" are swapped where both sides carry one.
_RELATIONS = """
supply supplies supplied supplying to > receive receives received receiving from; accept obtain acquire get got import
export exports exported exporting to > import imports imported importing from; buy bought
import imports imported importing from > export exports exported exporting to; sell sold
sell sells sold selling to > buy buys bought buying from; purchase acquire
lend lends lent lending to > borrow borrows borrowed borrowing from; loan debt
deliver delivers delivered delivering to > collect collects collected collecting from; receive fetch
founded > dissolved; disband abolish defunct close
established > abolished; disband dissolve defunct repeal close
built > demolished; destroy torn raze burn ruin
constructed > demolished; destroy torn raze burn ruin
designed > demolished; destroy torn raze burn
published > banned; censor suppress prohibit forbid
written > translated; translation
wrote > translated; translation
invent invents invented inventing > patent patents patented patenting; licence license
discovered > named; name call
appointed > dismissed; fire remove sack resign replace
elected > impeached; remove resign
born > buried; grave tomb cemetery burial
launched > cancelled; abandon scrap drop end
increase increases increased increasing > decrease decreases decreased decreasing; decline fall fell drop reduce lower
decrease decreases decreased decreasing > increase increases increased increasing; grow grew rise rose gain higher
rise rises rose rising > fall falls fell falling; decline decrease drop reduce collapse lower
causes caused causing > prevents prevented preventing; avoid stop inhibit protect
first > last; final end latest recent
largest > smallest; small little minor
biggest > smallest; small little minor
highest > lowest; low least
lowest > highest; high most
longest > shortest; short
tallest > shortest; short small
oldest > youngest; young new recent
earliest > latest; last late recent final
richest > poorest; poor poverty
best > worst; bad poor
advantage advantages benefit benefits > disadvantage disadvantages drawback drawbacks; problem cost risk limit
strengths > weaknesses; weak limit problem
director > producer; produce
designer > owner; own
winner > runner-up; second lost lose defeat beat final
height > weight; weigh pound kilogram heavy tonne
length > width; wide broad
father > grandfather; grandparent grandson
mother > grandmother; grandparent grandson
son > nephew; uncle
daughter > niece; aunt uncle
supporters > opponents; oppose opposition against critic
"""
_SUFFIXES = sorted(
    "isation ization ational ations ation ments ment ness ingly edly ing ies ied ier ers er ed es ly al ive ions ion "
    "ity s e y".split(),
    key=lambda suffix: -len(suffix),
)


def stem(word: str) -> str:
    """A word without its endings, six letters of it: "supplies", "supplied" and "supplying" are "suppl"."""
    word = SMALL_NUMBERS.get(word) or PAST.get(word, word)
    shorter = ""
    while shorter != word:
        shorter = word
        for suffix in _SUFFIXES:
            if word.endswith(suffix) and len(word) - len(suffix) >= 3:
                word = word[: -len(suffix)]
                break
    return word[:6]


def _relations() -> dict[str, list[tuple[str, list[str], tuple[str, str] | None]]]:
    table: dict[str, list[tuple[str, list[str], tuple[str, str] | None]]] = {}
    for line in _RELATIONS.strip().splitlines():
        forms, _, told = line.partition("; ")
        old, new = (side.split() for side in forms.split(" > "))
        turned = (old.pop(), new.pop()) if old[-1] in ("to", "from") else None
        told_by = list(dict.fromkeys(map(stem, [*new, *told.split()])))
        for word, other in zip(old, new, strict=True):
            table.setdefault(word, []).append((other, told_by, turned))
    return table


RELATION_OF = _relations()

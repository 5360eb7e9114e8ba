"""English words by what they say: months, days, numbers, units, opposites, all or nothing."""

from __future__ import annotations

MONTHS = "January February March April May June July August September October November December".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
NUMBER_WORDS = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty".split()
    )
} | {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90"}
# A unit in any of its forms, and the form that stands for all of them.
UNITS = {
    form: forms[0]
    for forms in map(
        str.split,
        "km kilometre kilometres kilometer kilometers|mile miles mi|m metre metres meter meters|foot feet ft|"
        "cm centimetre centimetres|mm millimetre millimetres|inch inches|yard yards|thousand|million|billion|trillion|"
        "second seconds|minute minutes|hour hours|day days|week weeks|month months|year years|decade decades|"
        "century centuries|$ dollar dollars|€ euro euros|£ pound pounds|¥ yen|% percent|kg kilogram kilograms|"
        "tonne tonnes ton tons|gram grams|acre acres|hectare hectares|litre litres liter liters|gallon gallons|mph|"
        "km/h|kbit/s|mbit/s|gbit/s|kb|mb|gb|tb|f fahrenheit|c celsius|watt watts|kilowatt kilowatts|"
        "megawatt megawatts|volt volts".split("|"),
    )
    for form in forms
}
OPPOSITES: dict[str, set[str]] = {}
for _one, _other in (
    pair.split("/")
    for pair in (
        "more/fewer more/less most/least most/few many/few above/below over/under above/under before/after prior/after "
        "north/south east/west northern/southern eastern/western northeast/southwest northwest/southeast "
        "northernmost/southernmost "
        "male/female men/women always/never all/none both/neither higher/lower high/low highest/lowest larger/smaller "
        "largest/smallest large/small older/younger oldest/youngest earlier/later early/late won/lost win/lose "
        "winning/losing allow/forbid allowed/forbidden allowed/banned permit/ban rejected/accepted reject/accept "
        "agreed/refused alive/dead positive/negative public/private left/right upper/lower inside/outside "
        "grew/shrank grow/shrink growth/decline grew/fell rose/fell rise/fall rising/falling gained/lost gain/lose "
        "up/down buy/sell bought/sold open/closed opened/closed true/false rich/poor strong/weak stronger/weaker "
        "success/failure succeeded/failed support/oppose supported/opposed supports/opposes begin/end began/ended "
        "started/stopped start/stop increase/decrease increased/decreased increases/decreases increasing/decreasing "
        "increased/reduced increase/reduce improve/worsen improved/worsened raise/lower raised/lowered raised/cut "
        "import/export imported/exported imports/exports ally/enemy allies/enemies arrive/depart arrived/departed "
        "attack/defend attacked/defended victory/defeat legal/illegal first/last best/worst better/worse "
        "same/different similar/different old/new young/old hot/cold warm/cold warmer/colder wet/dry fast/slow "
        "faster/slower heavy/light heavier/lighter long/short longer/shorter deep/shallow near/far nearer/farther "
        "close/far majority/minority maximum/minimum ancestors/descendants teacher/student parent/child husband/wife "
        "father/mother son/daughter brother/sister king/queen internal/external domestic/foreign rural/urban "
        "expanded/contracted expansion/contraction lengthen/shorten extend/shorten extended/shortened "
        "strengthen/weaken strengthened/weakened add/remove added/removed create/destroy created/destroyed "
        "built/demolished accelerate/slow advantage/disadvantage safe/dangerous secure/insecure possible/impossible "
        "likely/unlikely common/rare frequent/infrequent often/rarely usually/rarely permanent/temporary "
        "single/multiple simple/complex simpler/complicated voluntary/compulsory voluntary/mandatory "
        "optional/mandatory winter/summer day/night morning/evening thicker/thinner wide/narrow cheap/expensive "
        "benefit/harm helped/hindered encourage/discourage encouraged/discouraged praised/criticised "
        "praised/criticized approve/reject approved/rejected enter/leave entered/left joined/left "
        "threat/opportunity problem/solution cause/prevent causes/prevents caused/prevented united/divided "
        "deny/confirm denied/confirmed deny/admit denied/admitted absence/presence absent/present include/exclude "
        "included/excluded including/excluding declined/rose declined/grew declined/increased dropped/rose "
        "future/former clear/unclear reliable/unreliable attractive/repulsive disrupt/strengthen freeze/increase"
    ).split()
):
    OPPOSITES.setdefault(_one, set()).add(_other)
    OPPOSITES.setdefault(_other, set()).add(_one)
# What says all or nothing, and the words of a source that say as much.
ALL_OR_NOTHING = {
    "all": "every each whole entire entirely any both", "every": "all each any", "always": "every all constantly",
    "never": "not no none nobody cannot", "none": "no not neither", "nobody": "no none",
    "entirely": "whole wholly fully", "exactly": "precisely", "completely": "wholly fully entirely",
    "complete": "whole total full", "fully": "wholly", "wholly": "fully entirely", "solely": "only sole alone",
    "only": "sole solely just alone but", "proved": "proof proven", "proven": "proof proved", "certainly": "certain",
    "definitely": "certainly", "undoubtedly": "doubt",
}  # fmt: skip

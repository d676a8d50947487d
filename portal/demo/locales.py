"""Names, streets and number formats in the countries of the demonstration's companies."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Locale:
    """The words that invented places, companies and people are made of, and their order."""

    place_prefixes: tuple[str, ...]
    place_suffixes: tuple[str, ...]
    trades: tuple[str, ...]
    company_format: str
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    streets: tuple[str, ...]
    address_format: str = "{street} {number}, {code} {town}"


@dataclass(frozen=True)
class Country:
    """A country: the legal form of its companies and patterns of numbers: `#` is a digit, `@` a
    letter.

    `phone` is in a range reserved for fiction, or empty where no such range is known.
    """

    code: str
    locale: Locale
    legal_name: str
    tax_number: str
    post_code: str
    phone: str = ""


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.replace("_", " ") for word in text.split())


ENGLISH = Locale(
    place_prefixes=_words(
        "Bracken Thistle Orrin Kestrel Marl Sallow Fennel Hollin Wether Cinder Teasel"
    ),
    place_suffixes=_words("fell wick mere by combe stow garth holt ness thwaite"),
    trades=_words(
        "Joinery Ceramics Seed_Bank Tram_Works Lighting Paper_Mill Ferries Dairies Optics"
        " Upholstery Press Observatory Boatyard Weavers Cartographers Ice_Company Bell_Foundry"
    ),
    company_format="{place} {trade}",
    first_names=_words("Hazel Rowan Imogen Callum Maeve Tobias Orla Felix Bronwen Dermot"),
    last_names=_words("Ashdown Fairlie Quill Penhallow Garrity Stroud Wickens Loxley Hartnoll"),
    streets=_words("Tannery_Lane Ropewalk Mill_Bank Gasworks_Road Canal_Street Sheepgate"),
    address_format="{number} {street}, {town} {code}",
)
GERMAN = Locale(
    place_prefixes=_words("Eschen Tarn Vogel Krumm Hasel Moor Falken Birken Stein Lauter Wachol"),
    place_suffixes=_words("moor hollen winkel bruhl brunn weiler hallig rode horst"),
    trades=_words(
        "Feinmechanik Orgelbau Mineralwasser Möbelwerkstatt Seilbahnen Buchbinderei Saatgut"
        " Kunststofftechnik Glasbläserei Pumpenbau Kartonagen Uhrenmanufaktur Brauerei"
    ),
    company_format="{place}er {trade}",
    first_names=_words("Anke Jonas Frieda Konrad Silke Bastian Greta Matthis Ute Henning"),
    last_names=_words("Weiss Brinkhoff Oelmann Sturmhoefel Kranz Dierks Möllendahl Vossberg"),
    streets=_words("Eschenweg Am_Kanal Gießereistraße Hinter_der_Mühle Lindenplatz Hafenallee"),
)
FRENCH = Locale(
    place_prefixes=_words("Vel Mont Clair Font Haute Sorb Ver Roche Aigue Char"),
    place_suffixes=_words("morvelle bresson evance ombre levanne illac mousse aubry ennes"),
    trades=_words(
        "Verrerie Conserverie Librairie Menuiserie Savonnerie Ateliers Chocolaterie Papeterie"
        " Imprimerie Fonderie Lutherie Laiterie"
    ),
    company_format="{trade} {place}",
    first_names=_words("Océane Lucien Maëlle Bastien Solène Étienne Capucine Yvon Delphine"),
    last_names=_words("Castanier Roux-Valmy Lestrade Borel Aumont Fauvel Tessandier Guivarc'h"),
    streets=_words("rue_des_Tanneurs quai_du_Vieux-Moulin allée_des_Tilleuls rue_Basse"),
    address_format="{number} {street}, {code} {town}",
)
NORDIC = Locale(
    place_prefixes=_words("Ask Björk Lind Sten Rå Häger Tall Vid Örn Gran"),
    place_suffixes=_words("sjöhamn vikstorp ängelby forsa mostrand åsele dalabro hultsnäs"),
    trades=_words(
        "Snickeri Rederi Skridsko Bokbinderi Lakrits Möbler Tryckeri Glasbruk Väveri Mejeri"
    ),
    company_format="{place} {trade}",
    first_names=_words("Sigrid Torbjörn Ylva Rasmus Åsa Viggo Linnea Halvard Maj"),
    last_names=_words("Lindqvist Hagström Sjöholm Ekdal Bergendahl Nyhammar Stenhammar"),
    streets=_words("Hamngatan Gamla_Brogatan Kvarnvägen Repslagargränd Skeppsbacken"),
)
POLISH = Locale(
    place_prefixes=_words("Jawor Brzezi Kalin Olsz Modrz Wierzb Sosn Lipn"),
    place_suffixes=_words("owice nowo anówka ogóra ewiec odrzew ówko"),
    trades=_words("Stolarnia Piekarnia Drukarnia Browar Huta_Szkła Winnica Tkalnia Pracownia"),
    company_format="{trade} {place}",
    first_names=_words("Agnieszka Bartosz Wanda Mikołaj Zofia Radosław Jadwiga Cezary"),
    last_names=_words("Jaworek Brzozowicz Kalinecki Olszak Modrzewiak Lipnik Sosnal"),
    streets=_words("ul._Młyńska ul._Garncarska ul._Nad_Stawem ul._Lipowa ul._Kolejowa"),
)
ITALIAN = Locale(
    place_prefixes=_words("Monte Val Rocca Borgo Casal Torre Pra Fonte"),
    place_suffixes=_words("corvino serpola lucente dorsale ginestra volpara merlaia"),
    trades=_words("Ceramiche Vetreria Pastificio Cartiera Liuteria Frantoio Legatoria Velieri"),
    company_format="{trade} {place}",
    first_names=_words("Ilaria Corrado Ginevra Tullio Mirella Saverio Fiamma Ottavio"),
    last_names=_words("Dellarovere Corvini Serpolla Lucenti Merlai Volparo Fontebasso"),
    streets=_words("via_dei_Vasai via_del_Mulino piazza_Vecchia via_Lunga vicolo_del_Forno"),
    address_format="{street} {number}, {code} {town}",
)
RUSSIAN = Locale(
    place_prefixes=_words("Снего Тихо Свето Озёр Кедр Медвеж Бело Зимо"),
    place_suffixes=_words("горье речье лесье поляна ярово морск дольск"),
    trades=_words("Пекарня Мастерская Типография Верфь Мануфактура Обсерватория Оранжерея Депо"),
    company_format="{trade} «{place}»",
    first_names=_words("Марина Глеб Ульяна Тимофей Раиса Лев Айгерим Данияр"),
    last_names=_words("Снегур Тихвинко Кедрач Озерай Лесняк Полянко Зимолист"),
    streets=_words("ул._Мельничная наб._Тихая пер._Гончарный ул._Кедровая"),
    address_format="{code}, {town}, {street}, {number}",
)

COUNTRIES = (
    *[Country("DE", GERMAN, "{name} GmbH", "DE#########", "#####", "+49 30 23125 ###")] * 5,
    *[Country("GB", ENGLISH, "{name} Ltd", "GB#########", "ZZ# #@@", "+44 20 7946 0###")] * 5,
    *[Country("FR", FRENCH, "{name} SARL", "#########", "#####", "+33 1 99 00 ## ##")] * 3,
    *[Country("IE", ENGLISH, "{name} DAC", "IE#######@", "Z## @###")] * 2,
    *[Country("AT", GERMAN, "{name} GmbH", "ATU########", "####")] * 2,
    *[Country("SE", NORDIC, "{name} AB", "SE5#########01", "### ##", "+46 8 465 004 ##")] * 2,
    *[Country("PL", POLISH, "{name} sp. z o.o.", "PL##########", "##-###")] * 2,
    *[Country("IT", ITALIAN, "{name} S.r.l.", "IT#######0###", "#####")] * 2,
    Country("RU", RUSSIAN, "ООО {name}", "##########", "######"),
    Country("KZ", RUSSIAN, "ТОО {name}", "##0#40######", "######"),
)
"""Each country as often as customers come from it."""

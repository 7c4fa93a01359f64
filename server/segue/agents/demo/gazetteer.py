"""Cities that the demo knows by name: a table, read once."""

from dataclasses import dataclass
from typing import Final

from segue.agents.demo.text import fold

# name | airport | country | other names, comma | sights, semicolon
_CITIES: Final = """
Lisbon|LIS|Portugal|Lisboa,Lisbonne,Lissabon|Alfama's lanes;the Belém Tower;the Jerónimos Monastery;the Gulbenkian Museum;tram 28;the castle of São Jorge
Porto|OPO|Portugal|Oporto|the Ribeira;the Dom Luís I bridge;Livraria Lello;São Bento station;Serralves;the port cellars of Gaia
Madrid|MAD|Spain||the Prado;Retiro Park;the Royal Palace;Plaza Mayor;the Reina Sofía;El Rastro market
Barcelona|BCN|Spain|Barna|the Sagrada Família;Park Güell;the Gothic Quarter;La Boqueria;Casa Batlló;Montjuïc
Seville|SVQ|Spain|Sevilla|the Alcázar;the cathedral and the Giralda;Plaza de España;Triana;the Metropol Parasol
Paris|CDG|France||the Louvre;the Eiffel Tower;Montmartre;the Musée d'Orsay;the Marais;the Luxembourg Garden
Nice|NCE|France||the Promenade des Anglais;the old town;Castle Hill;the Matisse Museum
London|LHR|United Kingdom||the British Museum;the Tower of London;Borough Market;Tate Modern;Greenwich;Hyde Park
Edinburgh|EDI|United Kingdom||the castle;Arthur's Seat;the Royal Mile;Dean Village;the National Museum
Dublin|DUB|Ireland||Trinity College's old library;Temple Bar;Phoenix Park;Kilmainham Gaol;Howth
Amsterdam|AMS|Netherlands||the Rijksmuseum;the canal ring;the Van Gogh Museum;Vondelpark;the Jordaan
Brussels|BRU|Belgium|Bruxelles,Brüssel|the Grand-Place;the Magritte Museum;the Atomium;Sablon
Berlin|BER|Germany||Museum Island;the East Side Gallery;the Reichstag dome;Tempelhofer Feld;Kreuzberg;Charlottenburg Palace
Munich|MUC|Germany|München|the English Garden;Marienplatz;the Alte Pinakothek;Viktualienmarkt;Nymphenburg
Hamburg|HAM|Germany||the Elbphilharmonie;Speicherstadt;the fish market;Miniatur Wunderland;the Alster
Vienna|VIE|Austria|Wien|Schönbrunn;the Kunsthistorisches Museum;Naschmarkt;the Belvedere;the Prater
Zurich|ZRH|Switzerland|Zürich|the old town;the lake;the Kunsthaus;Uetliberg
Prague|PRG|Czechia|Praha|Charles Bridge;the castle;the old town square;Josefov;Vyšehrad
Budapest|BUD|Hungary||the Széchenyi baths;Buda Castle;the Parliament;the Great Market Hall;Margaret Island
Rome|FCO|Italy|Roma|the Colosseum;the Pantheon;Trastevere;the Vatican Museums;the Borghese Gallery;the Appian Way
Florence|FLR|Italy|Firenze|the Uffizi;the Duomo;Ponte Vecchio;the Boboli Gardens;San Miniato
Venice|VCE|Italy|Venezia|Piazza San Marco;the Grand Canal;Burano;the Accademia;the Rialto market
Milan|MXP|Italy|Milano|the Duomo's roof;Brera;the Navigli;the Last Supper
Athens|ATH|Greece||the Acropolis;Plaka;the National Archaeological Museum;Lycabettus;Cape Sounion
Istanbul|IST|Türkiye||Hagia Sophia;the Grand Bazaar;the Topkapi Palace;a Bosphorus ferry;the Basilica Cistern
Copenhagen|CPH|Denmark|København|Nyhavn;Tivoli;the Louisiana Museum;Christianshavn
Stockholm|ARN|Sweden||Gamla Stan;the Vasa Museum;Djurgården;Fotografiska
Oslo|OSL|Norway||the Opera's roof;the Munch Museum;Vigeland Park;Bygdøy
Reykjavik|KEF|Iceland|Reykjavík|Hallgrímskirkja;Harpa;the Golden Circle;the Sky Lagoon
New York|JFK|United States|NYC,NY,New York City,Big Apple,Manhattan,LGA,EWR|Central Park;the Metropolitan Museum;Brooklyn Bridge;the High Line;MoMA;the Staten Island ferry
Los Angeles|LAX|United States|LA,L.A.|Griffith Observatory;the Getty;Venice Beach;the Broad;Santa Monica's pier
San Francisco|SFO|United States|San Fran,SF,Frisco|the Golden Gate;Alcatraz;the Ferry Building;Mission murals;Lands End
Chicago|ORD|United States|Chi-town,Chitown,MDW|the Art Institute;Millennium Park;the riverwalk;an architecture boat;Wicker Park
Washington|DCA|United States|Washington DC,Washington D.C,DC,D.C,IAD|the National Mall;the Air and Space Museum;Georgetown;the Library of Congress
Seattle|SEA|United States||Pike Place Market;the Space Needle;the Chihuly garden;a ferry to Bainbridge
Tokyo|HND|Japan|NRT|Senso-ji;Shibuya crossing;Meiji Shrine;Tsukiji's outer market;teamLab;Yanaka
Kyoto|KIX|Japan||Fushimi Inari;Kinkaku-ji;Arashiyama;Nishiki Market;Gion
Singapore|SIN|Singapore||Gardens by the Bay;Maxwell's hawkers;Little India;the Botanic Gardens
Bangkok|BKK|Thailand||Wat Pho;the Grand Palace;Chatuchak market;the river ferries
Sydney|SYD|Australia||the Opera House;Bondi to Coogee;the Rocks;a ferry to Manly
Cape Town|CPT|South Africa||Table Mountain;Kirstenbosch;Bo-Kaap;Cape Point
Marrakesh|RAK|Morocco|Marrakech|Jemaa el-Fnaa;the Majorelle Garden;the Bahia Palace;the souks
Montreal|YUL|Canada|Montréal|Mount Royal;Old Montreal;Jean-Talon Market;the Plateau
Vancouver|YVR|Canada||Stanley Park;Granville Island;the Museum of Anthropology;Capilano
Mexico City|MEX|Mexico|CDMX|the Anthropology Museum;Coyoacán;Teotihuacán;the Zócalo;Xochimilco
Buenos Aires|EZE|Argentina||San Telmo;La Boca;the Teatro Colón;Recoleta
Rio de Janeiro|GIG|Brazil|Rio|Sugarloaf;the Christ;Ipanema;Santa Teresa
New Delhi|DEL|India|Delhi|Humayun's Tomb;the Red Fort;Chandni Chowk;Lodhi Garden
Dubai|DXB|United Arab Emirates||Al Fahidi;the creek's abras;the Burj Khalifa;the spice souk
Hong Kong|HKG|China||the Peak tram;the Star Ferry;Temple Street;Lantau's Big Buddha
Valencia|VLC|Spain
Malaga|AGP|Spain|Málaga
Bilbao|BIO|Spain
Granada|GRX|Spain
Palma|PMI|Spain|Palma de Mallorca,Mallorca,Majorca
Faro|FAO|Portugal
Lyon|LYS|France
Marseille|MRS|France
Bordeaux|BOD|France
Toulouse|TLS|France
Strasbourg|SXB|France
Manchester|MAN|United Kingdom
Birmingham|BHX|United Kingdom
Bristol|BRS|United Kingdom
Glasgow|GLA|United Kingdom
Liverpool|LPL|United Kingdom
Belfast|BFS|United Kingdom
Cork|ORK|Ireland
Rotterdam|RTM|Netherlands
Antwerp|ANR|Belgium|Antwerpen
Bruges||Belgium|Brugge
Luxembourg|LUX|Luxembourg
Frankfurt|FRA|Germany
Cologne|CGN|Germany|Köln
Düsseldorf|DUS|Germany|Dusseldorf,Duesseldorf
Stuttgart|STR|Germany
Leipzig|LEJ|Germany
Dresden|DRS|Germany
Nuremberg|NUE|Germany|Nürnberg
Bremen|BRE|Germany
Hanover|HAJ|Germany|Hannover
Salzburg|SZG|Austria
Innsbruck|INN|Austria
Geneva|GVA|Switzerland|Genève,Genf
Basel|BSL|Switzerland
Bern|BRN|Switzerland
Naples|NAP|Italy|Napoli
Bologna|BLQ|Italy
Turin|TRN|Italy|Torino
Palermo|PMO|Italy
Verona|VRN|Italy
Warsaw|WAW|Poland|Warszawa
Krakow|KRK|Poland|Kraków,Cracow
Gdansk|GDN|Poland|Gdańsk
Bratislava|BTS|Slovakia
Ljubljana|LJU|Slovenia
Zagreb|ZAG|Croatia
Split|SPU|Croatia
Dubrovnik|DBV|Croatia
Belgrade|BEG|Serbia
Sofia|SOF|Bulgaria
Bucharest|OTP|Romania
Thessaloniki|SKG|Greece
Santorini|JTR|Greece
Valletta|MLA|Malta
Helsinki|HEL|Finland
Tallinn|TLL|Estonia
Riga|RIX|Latvia
Vilnius|VNO|Lithuania
Gothenburg|GOT|Sweden|Göteborg
Bergen|BGO|Norway
Kyiv|KBP|Ukraine|Kiev
Tbilisi|TBS|Georgia
Tel Aviv|TLV|Israel
Jerusalem||Israel
Cairo|CAI|Egypt
Casablanca|CMN|Morocco
Nairobi|NBO|Kenya
Johannesburg|JNB|South Africa
Lagos|LOS|Nigeria
Doha|DOH|Qatar
Abu Dhabi|AUH|United Arab Emirates
Mumbai|BOM|India|Bombay
Bengaluru|BLR|India|Bangalore
Kathmandu|KTM|Nepal
Beijing|PEK|China
Shanghai|PVG|China
Taipei|TPE|Taiwan
Seoul|ICN|South Korea
Osaka|KIX|Japan
Hanoi|HAN|Vietnam
Ho Chi Minh City|SGN|Vietnam|Saigon
Kuala Lumpur|KUL|Malaysia
Bali|DPS|Indonesia
Jakarta|CGK|Indonesia
Manila|MNL|Philippines
Melbourne|MEL|Australia
Brisbane|BNE|Australia
Perth|PER|Australia
Auckland|AKL|New Zealand
Honolulu|HNL|United States
Boston|BOS|United States
Philadelphia|PHL|United States|Philly
Miami|MIA|United States
Orlando|MCO|United States
Atlanta|ATL|United States
New Orleans|MSY|United States
Nashville|BNA|United States
Austin|AUS|United States
Dallas|DFW|United States
Houston|IAH|United States
Denver|DEN|United States
Phoenix|PHX|United States
Las Vegas|LAS|United States|Vegas
San Diego|SAN|United States|SD
San Jose|SJC|United States
Sacramento|SMF|United States
Fresno|FAT|United States
Anaheim||United States
Long Beach|LGB|United States
Portland|PDX|United States
Salt Lake City|SLC|United States
Minneapolis|MSP|United States
Detroit|DTW|United States
Toronto|YYZ|Canada
Ottawa|YOW|Canada
Calgary|YYC|Canada
Quebec City|YQB|Canada|Québec,Quebec
Havana|HAV|Cuba
Cancun|CUN|Mexico|Cancún
Bogota|BOG|Colombia|Bogotá
Lima|LIM|Peru
Cusco|CUZ|Peru
Santiago|SCL|Chile
Sao Paulo|GRU|Brazil|São Paulo
Montevideo|MVD|Uruguay
"""


@dataclass(frozen=True, slots=True)
class City:
    """A place by its usual English name; `airport` may be empty, `sights` few or none."""

    name: str
    airport: str = ""
    country: str = ""
    sights: tuple[str, ...] = ()


def _read(line: str) -> tuple[City, list[str]]:
    name, airport, country, others, sights = [*line.split("|"), "", ""][:5]
    city = City(name, airport, country, tuple(sights.split(";")) if sights else ())
    return city, [name, *filter(None, [airport, *others.split(",")])]


def _index() -> dict[str, City]:
    cities = [_read(line) for line in _CITIES.strip().splitlines()]
    found = {fold(city.country): City(city.country) for city, _ in cities}
    for city, names in cities:
        for name in names:
            # The first of two with one airport keeps it; a city comes before a country of its name.
            if fold(name) not in found or name == city.name:
                found[fold(name)] = city
    return found


_BY_NAME: Final = _index()
MOST_WORDS: Final = max(len(name.split()) for name in _BY_NAME)

# Words of every day that are also cities: they count only where a place is expected.
EVERYDAY: Final = frozenset({"nice", "split", "cork", "georgia", "bath"})


def is_inside(name: str, country: str) -> bool:
    """Tells if a known city lies in that country."""
    city = find_city(name)
    return city is not None and city.country == country != ""


def find_city(name: str) -> City | None:
    """Gives the city or country of that name, nickname or airport code, whatever its case and accents."""
    return _BY_NAME.get(fold(name))

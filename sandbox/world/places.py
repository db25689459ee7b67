# ruff: noqa: E501 - each city is one line
"""Real countries and cities, with what the two APIs say about them. Coordinates are those of the city centre."""

from typing import NamedTuple


class Country(NamedTuple):
    """A country: its name on Last.fm and on Ticketmaster, its currency, its share of concerts and listeners."""

    code: str
    name: str
    ticketmaster_name: str
    currency: str
    site: str
    weight: float


class City(NamedTuple):
    """A city; `dmas` and `markets` are Ticketmaster's marketing regions, empty if the city is in none."""

    country_code: str
    name: str
    state_code: str
    state: str
    latitude: float
    longitude: float
    timezone: str
    postal_code: str
    dmas: tuple[int, ...]
    markets: tuple[tuple[str, str], ...]
    weight: float


COUNTRIES = {
    country.code: country
    for country in (
        Country("US", "United States", "United States Of America", "USD", "ticketmaster.com", 70),
        Country("GB", "United Kingdom", "Great Britain", "GBP", "ticketmaster.co.uk", 20),
        Country("CA", "Canada", "Canada", "CAD", "ticketmaster.ca", 10),
        Country("AU", "Australia", "Australia", "AUD", "ticketmaster.com.au", 8),
        Country("DE", "Germany", "Germany", "EUR", "ticketmaster.de", 12),
        Country("IE", "Ireland", "Ireland", "EUR", "ticketmaster.ie", 3),
        Country("MX", "Mexico", "Mexico", "MXN", "ticketmaster.com.mx", 8),
        Country("NL", "Netherlands", "Netherlands", "EUR", "ticketmaster.nl", 5),
        Country("NZ", "New Zealand", "New Zealand", "NZD", "ticketmaster.co.nz", 2),
        Country("FR", "France", "France", "EUR", "ticketmaster.fr", 8),
        Country("ES", "Spain", "Spain", "EUR", "ticketmaster.es", 8),
        Country("SE", "Sweden", "Sweden", "SEK", "ticketmaster.se", 3),
    )
}

OTHER_CHART_COUNTRIES = {
    "AR": "Argentina", "AT": "Austria", "BE": "Belgium", "BR": "Brazil", "CH": "Switzerland", "CL": "Chile",
    "CN": "China", "CO": "Colombia", "CZ": "Czech Republic", "DK": "Denmark", "FI": "Finland", "GR": "Greece",
    "HU": "Hungary", "IN": "India", "IT": "Italy", "JP": "Japan", "KR": "Korea, Republic of", "NO": "Norway",
    "PE": "Peru", "PL": "Poland", "PT": "Portugal", "RO": "Romania", "TR": "Turkey", "UA": "Ukraine", "ZA": "South Africa",
}  # fmt: skip
CHART_COUNTRIES = {code: country.name for code, country in COUNTRIES.items()} | OTHER_CHART_COUNTRIES
"""ISO code → the English name of the country in geo.getTopArtists."""

# country|city|state code|state|latitude|longitude|time zone|postal code|DMA ids|market ids and names|weight
_CITIES = """
US|New York|NY|New York|40.7505|-73.9934|America/New_York|10001|345,422,296|35 New York/Tri-State Area,55 Northern New Jersey|90
US|Brooklyn|NY|New York|40.6840|-73.9770|America/New_York|11217|345,422|35 New York/Tri-State Area|45
US|Buffalo|NY|New York|42.8864|-78.8784|America/New_York|14202|237|44 Upstate New York|8
US|Newark|NJ|New Jersey|40.7336|-74.1711|America/New_York|07102|345|35 New York/Tri-State Area,55 Northern New Jersey|10
US|Philadelphia|PA|Pennsylvania|39.9526|-75.1652|America/New_York|19107|358|18 Philadelphia|34
US|Pittsburgh|PA|Pennsylvania|40.4406|-79.9959|America/New_York|15222|360|19 Pittsburgh|16
US|Boston|MA|Massachusetts|42.3601|-71.0589|America/New_York|02215|235|11 Boston,33 New England|36
US|Washington|DC|District of Columbia|38.9072|-77.0369|America/New_York|20001|409|47 Washington, DC and Maryland|30
US|Baltimore|MD|Maryland|39.2904|-76.6122|America/New_York|21201|224|47 Washington, DC and Maryland|13
US|Richmond|VA|Virginia|37.5407|-77.4360|America/New_York|23219|370|48 Norfolk and Richmond|8
US|Charlotte|NC|North Carolina|35.2271|-80.8431|America/New_York|28202|245|2 Charlotte|17
US|Raleigh|NC|North Carolina|35.7796|-78.6382|America/New_York|27601|366|38 Raleigh and Durham|13
US|Asheville|NC|North Carolina|35.5951|-82.5515|America/New_York|28801||2 Charlotte|7
US|Atlanta|GA|Georgia|33.7490|-84.3880|America/New_York|30308|220,221,258|10 Atlanta|38
US|Miami|FL|Florida|25.7617|-80.1918|America/New_York|33132|334|15 Miami|22
US|Orlando|FL|Florida|28.5383|-81.3792|America/New_York|32801|351|17 Orlando|19
US|Tampa|FL|Florida|27.9506|-82.4572|America/New_York|33602|396|21 Tampa|17
US|Detroit|MI|Michigan|42.3314|-83.0458|America/New_York|48201|266|7 Detroit, Toledo & More|20
US|Grand Rapids|MI|Michigan|42.9634|-85.6681|America/New_York|49503|287|7 Detroit, Toledo & More|8
US|Cleveland|OH|Ohio|41.4993|-81.6944|America/New_York|44115|251|12 Cleveland, Youngstown & More|14
US|Columbus|OH|Ohio|39.9612|-82.9988|America/New_York|43215|255|4 Cincinnati and Dayton|14
US|Cincinnati|OH|Ohio|39.1031|-84.5120|America/New_York|45202|250|4 Cincinnati and Dayton|12
US|Indianapolis|IN|Indiana|39.7684|-86.1581|America/Indiana/Indianapolis|46204|303|23 Indianapolis and More|12
US|Louisville|KY|Kentucky|38.2527|-85.7585|America/Kentucky/Louisville|40202|325,320|28 Louisville and Lexington|9
US|Nashville|TN|Tennessee|36.1627|-86.7816|America/Chicago|37203|343|31 Nashville, Knoxville & More|40
US|Memphis|TN|Tennessee|35.1495|-90.0490|America/Chicago|38103|332|29 Memphis|8
US|Chicago|IL|Illinois|41.8781|-87.6298|America/Chicago|60607|249|3 Chicagoland and Northern Il,54 Central Illinois|56
US|Milwaukee|WI|Wisconsin|43.0389|-87.9065|America/Chicago|53203|335|30 Milwaukee and Wi|14
US|Madison|WI|Wisconsin|43.0731|-89.4012|America/Chicago|53703||30 Milwaukee and Wi|8
US|Minneapolis|MN|Minnesota|44.9778|-93.2650|America/Chicago|55403|336|16 Minneapolis/St. Paul and More|24
US|St Louis|MO|Missouri|38.6270|-90.1994|America/Chicago|63103|373|39 Saint Louis and More|17
US|Kansas City|MO|Missouri|39.0997|-94.5786|America/Chicago|64106|310|24 Kansas City and More|14
US|New Orleans|LA|Louisiana|29.9511|-90.0715|America/Chicago|70112|344|34 New Orleans|20
US|Dallas|TX|Texas|32.7767|-96.7970|America/Chicago|75226|261,212|5 Dallas - Fort Worth and More|34
US|Austin|TX|Texas|30.2672|-97.7431|America/Chicago|78701|222|40 San Antonio and Austin|32
US|Houston|TX|Texas|29.7604|-95.3698|America/Chicago|77002|300,227|22 Houston and More|26
US|San Antonio|TX|Texas|29.4241|-98.4936|America/Chicago|78205|380|40 San Antonio and Austin,122 South Texas|12
US|Oklahoma City|OK|Oklahoma|35.4676|-97.5164|America/Chicago|73102|349|125 Oklahoma|9
US|Omaha|NE|Nebraska|41.2565|-95.9345|America/Chicago|68102||25 Omaha|8
US|Denver|CO|Colorado|39.7392|-104.9903|America/Denver|80202|264,248|6 Denver and More|34
US|Salt Lake City|UT|Utah|40.7608|-111.8910|America/Denver|84101|379|45 Salt Lake City, Montana & Idaho|15
US|Albuquerque|NM|New Mexico|35.0844|-106.6504|America/Denver|87102|215|8 Albuquerque|7
US|Boise|ID|Idaho|43.6150|-116.2023|America/Boise|83702||45 Salt Lake City, Montana & Idaho|7
US|Phoenix|AZ|Arizona|33.4484|-112.0740|America/Phoenix|85003|359,402|36 Phoenix and Tucson|21
US|Tucson|AZ|Arizona|32.2226|-110.9747|America/Phoenix|85701|402|36 Phoenix and Tucson|7
US|Las Vegas|NV|Nevada|36.1699|-115.1398|America/Los_Angeles|89109|319|14 Las Vegas|40
US|Los Angeles|CA|California|34.0522|-118.2437|America/Los_Angeles|90015|324,223|27 Los Angeles|72
US|Inglewood|CA|California|33.9583|-118.3420|America/Los_Angeles|90305|324|27 Los Angeles|14
US|Anaheim|CA|California|33.8366|-117.9143|America/Los_Angeles|92806|324|27 Los Angeles|12
US|San Diego|CA|California|32.7157|-117.1611|America/Los_Angeles|92101|381|43 San Diego|24
US|San Francisco|CA|California|37.7749|-122.4194|America/Los_Angeles|94102|382,368|41 N. California/N. Nevada|34
US|Oakland|CA|California|37.8044|-122.2712|America/Los_Angeles|94612|382|41 N. California/N. Nevada|13
US|Sacramento|CA|California|38.5816|-121.4944|America/Los_Angeles|95814|374|41 N. California/N. Nevada|10
US|Portland|OR|Oregon|45.5152|-122.6784|America/Los_Angeles|97209|362|37 Portland, OR|20
US|Seattle|WA|Washington|47.6062|-122.3321|America/Los_Angeles|98109|385|42 Seattle Area|30
US|Honolulu|HI|Hawaii|21.3069|-157.8583|Pacific/Honolulu|96814|298|20 Hawaii|4
US|Anchorage|AK|Alaska|61.2181|-149.9003|America/Anchorage|99501|||2
GB|London|||51.5074|-0.1278|Europe/London|SE10 0DX|602|202 London,201 All of United Kingdom|80
GB|Birmingham|||52.4862|-1.8904|Europe/London|B1 2AA|604,601|204 Midlands and Central,201 All of United Kingdom|26
GB|Manchester|||53.4808|-2.2426|Europe/London|M3 1AR|608|206 North West,201 All of United Kingdom|38
GB|Leeds|||53.8008|-1.5491|Europe/London|LS2 8BY|606|205 North East,201 All of United Kingdom|20
GB|Sheffield|||53.3811|-1.4701|Europe/London|S1 2BJ|606|205 North East|10
GB|Liverpool|||53.4084|-2.9916|Europe/London|L3 4FP|608|206 North West,201 All of United Kingdom|18
GB|Newcastle upon Tyne|||54.9783|-1.6178|Europe/London|NE1 4XS||205 North East|13
GB|Bristol|||51.4545|-2.5879|Europe/London|BS1 5TT|605|207 South West,201 All of United Kingdom|18
GB|Cardiff|||51.4816|-3.1791|Europe/London|CF10 2EQ|609|208 Wales|12
GB|Glasgow|||55.8642|-4.2518|Europe/London|G3 8YW|607|209 Scotland,201 All of United Kingdom|27
GB|Edinburgh|||55.9533|-3.1883|Europe/London|EH3 9AU|607|209 Scotland|14
GB|Southampton|||50.9097|-1.4044|Europe/London|SO15 1DP|603,601|203 South,201 All of United Kingdom|8
GB|Brighton|||50.8225|-0.1372|Europe/London|BN1 2GR|603|203 South|12
GB|Belfast|||54.5973|-5.9301|Europe/London|BT3 9QQ|||10
CA|Toronto|ON|Ontario|43.6532|-79.3832|America/Toronto|M5J 2X2|527|102 Toronto, Hamilton & Area|40
CA|Ottawa|ON|Ontario|45.4215|-75.6972|America/Toronto|K1P 5J2|519|103 Ottawa & Eastern Ontario|10
CA|Hamilton|ON|Ontario|43.2557|-79.8711|America/Toronto|L8R 3L4|527|102 Toronto, Hamilton & Area|7
CA|Montréal|QC|Quebec|45.5017|-73.5673|America/Toronto|H3B 5E8|522|104 Montreal & Area|26
CA|Québec|QC|Quebec|46.8139|-71.2080|America/Toronto|G1R 5A3||104 Montreal & Area|7
CA|Vancouver|BC|British Columbia|49.2827|-123.1207|America/Vancouver|V6B 6G1|528|107 Vancouver|24
CA|Victoria|BC|British Columbia|48.4284|-123.3656|America/Vancouver|V8T 4R3|||4
CA|Calgary|AB|Alberta|51.0447|-114.0719|America/Edmonton|T2G 0S6|505|106 Calgary & Southern Alberta|13
CA|Edmonton|AB|Alberta|53.5461|-113.4938|America/Edmonton|T5J 0H8|508|105 Edmonton & Northern Alberta|12
CA|Winnipeg|MB|Manitoba|49.8951|-97.1384|America/Winnipeg|R3C 5S8|531|108 Winnipeg & Area|7
CA|Regina|SK|Saskatchewan|50.4452|-104.6189|America/Regina|S4P 3C8|||4
CA|Halifax|NS|Nova Scotia|44.6488|-63.5752|America/Halifax|B3J 3K5|511|111 Maritimes|6
CA|St. John's|NL|Newfoundland and Labrador|47.5615|-52.7126|America/St_Johns|A1C 6C9|||2
AU|Sydney|NSW|New South Wales|-33.8688|151.2093|Australia/Sydney|2000|701|302 New South Wales/Australian Capital Territory|34
AU|Newcastle|NSW|New South Wales|-32.9283|151.7817|Australia/Sydney|2300||302 New South Wales/Australian Capital Territory|6
AU|Melbourne|VIC|Victoria|-37.8136|144.9631|Australia/Melbourne|3000|702|303 Victoria/Tasmania|38
AU|Brisbane|QLD|Queensland|-27.4698|153.0251|Australia/Brisbane|4000|703|301 Queensland|22
AU|Perth|WA|Western Australia|-31.9523|115.8613|Australia/Perth|6000|704|304 Western Australia|14
AU|Adelaide|SA|South Australia|-34.9285|138.6007|Australia/Adelaide|5000|705|305 South Australia|12
AU|Hobart|TAS|Tasmania|-42.8821|147.3272|Australia/Hobart|7000|||4
AU|Darwin|NT|Northern Territory|-12.4634|130.8456|Australia/Darwin|0800|||2
DE|Berlin|||52.5200|13.4050|Europe/Berlin|10243|||40
DE|Hamburg|||53.5511|9.9937|Europe/Berlin|22525|||28
DE|München|||48.1351|11.5820|Europe/Berlin|80809|||26
DE|Köln|||50.9375|6.9603|Europe/Berlin|50679|||26
DE|Frankfurt am Main|||50.1109|8.6821|Europe/Berlin|60327|||16
DE|Stuttgart|||48.7758|9.1829|Europe/Berlin|70372|||12
DE|Leipzig|||51.3397|12.3731|Europe/Berlin|04105|||10
DE|Hannover|||52.3759|9.7320|Europe/Berlin|30521|||9
IE|Dublin|||53.3498|-6.2603|Europe/Dublin|D01 EW90|||40
IE|Cork|||51.8985|-8.4756|Europe/Dublin|T12 XA43|||10
MX|Ciudad de México|DF|Distrito Federal|19.4326|-99.1332|America/Mexico_City|08400|801,802|401 ,402 |40
MX|Guadalajara|JAL|Jalisco|20.6597|-103.3496|America/Mexico_City|44100|||14
MX|Monterrey|NL|Nuevo León|25.6866|-100.3161|America/Monterrey|64000|||14
NL|Amsterdam|||52.3676|4.9041|Europe/Amsterdam|1101 DS|||40
NL|Rotterdam|||51.9244|4.4777|Europe/Amsterdam|3084 BA|||16
NZ|Auckland|||-36.8509|174.7645|Pacific/Auckland|1010|||30
NZ|Wellington|||-41.2866|174.7756|Pacific/Auckland|6011|||14
FR|Paris|||48.8566|2.3522|Europe/Paris|75012|||50
FR|Lyon|||45.7640|4.8357|Europe/Paris|69003|||14
ES|Madrid|||40.4168|-3.7038|Europe/Madrid|28009|||34
ES|Barcelona|||41.3874|2.1686|Europe/Madrid|08038|||30
SE|Stockholm|||59.3293|18.0686|Europe/Stockholm|121 27|||30
SE|Göteborg|||57.7089|11.9746|Europe/Stockholm|402 26|||14
"""


def _city(line: str) -> City:
    country, name, code, state, latitude, longitude, timezone, postal_code, dmas, markets, weight = (
        line.split("|")
    )
    return City(
        country, name, code, state, float(latitude), float(longitude), timezone, postal_code,
        tuple(int(dma) for dma in dmas.split(",") if dma),
        tuple((market.split(" ", 1)[0], market.split(" ", 1)[1]) for market in _split_markets(markets)),
        float(weight),
    )  # fmt: skip


def _split_markets(markets: str) -> list[str]:
    """Market names may hold a comma ("Washington, DC and Maryland"); a market begins with its number."""
    parts: list[str] = []
    for part in markets.split(","):
        if part[:1].isdigit():
            parts.append(part)
        elif parts:
            parts[-1] += f",{part}"
    return parts


CITIES = tuple(_city(line) for line in _CITIES.strip().splitlines())

"""The American states without a venue in the sandbox's world, unless concerts are to be spread over all fifty."""

from sandbox.world.places import City


def _city(
    name: str, code: str, state: str, latitude: float, longitude: float, zone: str, postal: str
) -> City:
    return City("US", name, code, state, latitude, longitude, f"America/{zone}", postal, (), (), 0)


RARE_STATES = (
    _city("Birmingham", "AL", "Alabama", 33.5186, -86.8104, "Chicago", "35203"),
    _city("Little Rock", "AR", "Arkansas", 34.7465, -92.2896, "Chicago", "72201"),
    _city("Hartford", "CT", "Connecticut", 41.7658, -72.6734, "New_York", "06103"),
    _city("Wilmington", "DE", "Delaware", 39.7447, -75.5484, "New_York", "19801"),
    _city("Des Moines", "IA", "Iowa", 41.5868, -93.6250, "Chicago", "50309"),
    _city("Wichita", "KS", "Kansas", 37.6872, -97.3301, "Chicago", "67202"),
    _city("Portland", "ME", "Maine", 43.6591, -70.2568, "New_York", "04101"),
    _city("Jackson", "MS", "Mississippi", 32.2988, -90.1848, "Chicago", "39201"),
    _city("Missoula", "MT", "Montana", 46.8721, -113.9940, "Denver", "59802"),
    _city("Fargo", "ND", "North Dakota", 46.8772, -96.7898, "Chicago", "58102"),
    _city("Manchester", "NH", "New Hampshire", 42.9956, -71.4548, "New_York", "03101"),
    _city("Providence", "RI", "Rhode Island", 41.8240, -71.4128, "New_York", "02903"),
    _city("Charleston", "SC", "South Carolina", 32.7765, -79.9311, "New_York", "29401"),
    _city("Sioux Falls", "SD", "South Dakota", 43.5446, -96.7311, "Chicago", "57104"),
    _city("Burlington", "VT", "Vermont", 44.4759, -73.2121, "New_York", "05401"),
    _city("Charleston", "WV", "West Virginia", 38.3498, -81.6326, "New_York", "25301"),
    _city("Cheyenne", "WY", "Wyoming", 41.1400, -104.8202, "Denver", "82001"),
)

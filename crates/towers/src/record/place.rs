use serde_json::{Map, Value};

/// The mean radius of the earth.
pub(super) const EARTH_RADIUS_KM: f64 = 6371.0088;

/// A point on the earth, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Degrees north, -90 to 90.
    pub lat: f64,
    /// Degrees east, -180 to 180.
    pub lon: f64,
}

impl Place {
    /// Kilometres per degree of latitude.
    pub const KM_PER_DEGREE: f64 = EARTH_RADIUS_KM * std::f64::consts::PI / 180.0;

    /// The distance on the surface of a sphere (haversine).
    pub fn distance_km(&self, other: &Self) -> f64 {
        let (here, there) = (self.lat.to_radians(), other.lat.to_radians());
        let half_lat = ((there - here) / 2.0).sin();
        let half_lon = ((other.lon - self.lon).to_radians() / 2.0).sin();
        let chord = half_lat * half_lat + here.cos() * there.cos() * half_lon * half_lon;
        2.0 * EARTH_RADIUS_KM * chord.clamp(0.0, 1.0).sqrt().asin()
    }

    /// The place at these degrees; `None` if they are out of range.
    pub(crate) fn new(lat: f64, lon: f64) -> Option<Self> {
        let fits = lat.abs() <= 90.0 && lon.abs() <= 180.0;
        // Adding zero turns minus zero into zero.
        fits.then_some(Self {
            lat: lat + 0.0,
            lon: lon + 0.0,
        })
    }

    /// The place that an object describes, if it does.
    pub fn of(object: &Map<String, Value>) -> Option<Self> {
        let number = |name| object.get(name).and_then(Value::as_f64);
        let place = Self::new(number("lat")?, number("lon")?);
        place.filter(|_| object.len() == 2)
    }
}

/// Why an object that looks like a place is not valid. `None` for a valid place and for any other object.
fn fault(object: &Map<String, Value>) -> Option<&'static str> {
    if Place::of(object).is_some() {
        return None;
    }
    let named = |names: &[&str]| {
        let mut members = object.keys();
        members.any(|member| names.iter().any(|name| member.eq_ignore_ascii_case(name)))
    };
    let is_geo_json = object.contains_key("coordinates") && object.contains_key("type");
    let is_point = named(&["lat", "latitude"]) && named(&["lon", "lng", "long", "longitude"]);
    match (object.get("lat"), object.get("lon")) {
        _ if is_geo_json => Some("is GeoJSON"),
        _ if !is_point => None,
        (Some(lat), Some(lon)) if !lat.is_number() || !lon.is_number() => Some("has no numbers"),
        (Some(_), Some(_)) if object.len() > 2 => Some("has other members"),
        (Some(_), Some(_)) => Some("is out of range"),
        _ => Some("has other names"),
    }
}

/// The fields of a record with invalid places, each with the reason: filters and towers read
/// places from objects with exactly the numbers `lat`, -90 to 90, and `lon`, -180 to 180.
pub fn misread_places(record: &Value) -> Vec<(String, &'static str)> {
    fn collect(value: &Value, path: &str, found: &mut Vec<(String, &'static str)>) {
        let Value::Object(members) = value else {
            return;
        };
        if let Some(fault) = fault(members) {
            found.push((path.to_owned(), fault));
        }
        for (name, member) in members {
            let path = match path {
                "" => name.clone(),
                path => format!("{path}.{name}"),
            };
            collect(member, &path, found);
        }
    }
    let mut found = Vec::new();
    collect(record, "", &mut found);
    found
}

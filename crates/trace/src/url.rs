//! The parts of a requested URL that matter for a trail: its template (ids lifted, names of query fields) and its values.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use strandline_model::estate::Route;
use strandline_model::names::cut;

/// Longest URL that is taken apart.
const LONGEST_BYTES: usize = 64 * 1024;
/// More query fields than this are not looked at.
const MOST_FIELDS: usize = 64;
/// Longer values are not taken for JSON.
const LONGEST_JSON_BYTES: usize = 16 * 1024;

/// A URL taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Target {
    /// Path with ids as `{}`, then `?` and the sorted names of the query fields: `/staff/{}?page`.
    pub template: String,
    /// Values by where they stand: `path.0` for the first lifted segment, `query.page` for a field.
    pub fields: Vec<(String, String)>,
    /// The decoded segments of the path.
    pub segments: Vec<String>,
    /// The decoded query fields, as they stand.
    pub query: Vec<(String, String)>,
}

/// Ends of paths whose answers are parts of a page's look.
const ASSETS: &[&str] = &["css", "js", "map", "png", "jpg", "jpeg", "gif", "svg", "ico", "webp", "woff", "woff2", "ttf", "eot"];

impl Target {
    /// Whether the path is that of a picture, a script, a font or the like.
    pub(crate) fn is_asset(&self) -> bool {
        let last = self.segments.last().map_or("", String::as_str);
        last.rsplit_once('.').is_some_and(|(_, end)| ASSETS.iter().any(|asset| end.eq_ignore_ascii_case(asset)))
    }

    /// Takes a URL apart.
    pub(crate) fn of(url: &str) -> Self {
        let url = cut(url, LONGEST_BYTES);
        let url = url.split('#').next().unwrap_or_default();
        let (path, query) = without_authority(url).split_once('?').unwrap_or((without_authority(url), ""));
        let mut target = Self::default();
        let mut matrix = Vec::new();
        for raw in path.split('/').filter(|s| !s.is_empty()) {
            let (raw, parameters) = without_matrix(raw);
            matrix.extend(parameters);
            let segment = decode(raw, false);
            target.template.push('/');
            if looks_like_an_id(&segment) {
                target.fields.push((format!("path.{}", target.fields.len()), segment.clone()));
                target.template.push_str("{}");
            } else {
                target.template.push_str(&segment);
            }
            target.segments.push(segment);
        }
        if target.template.is_empty() {
            target.template.push('/');
        }
        for pair in query.split('&').filter(|p| !p.is_empty()).take(MOST_FIELDS) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            target.query.push((decode(name, true), decode(value, true)));
        }
        target.query.extend(matrix.into_iter().take(MOST_FIELDS));
        let mut names: Vec<&str> = target.query.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        if !names.is_empty() {
            target.template.push('?');
            target.template.push_str(&names.join("&"));
        }
        for (name, value) in &target.query {
            target.fields.push((format!("query.{name}"), value.clone()));
            inner_fields(&format!("query.{name}"), value, &mut target.fields);
        }
        target
    }

    /// The path's template without query names.
    pub(crate) fn path_template(&self) -> &str {
        self.template.split('?').next().unwrap_or_default()
    }

    /// The value of one field; `segment.N` is the path's segment N, whatever it looks like.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        if let Some(at) = name.strip_prefix("segment.") {
            return self.segments.get(at.parse::<usize>().ok()?).map(String::as_str);
        }
        self.fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The values that the placeholders of a route take here, if the route's path and required fields fit.
    pub(crate) fn fit(&self, route: &Route) -> Option<Vec<(String, String)>> {
        let wanted: Vec<&str> = route.path.split('/').filter(|s| !s.is_empty()).collect();
        if wanted.len() != self.segments.len() {
            return None;
        }
        let mut values = Vec::new();
        for (want, have) in wanted.iter().zip(&self.segments) {
            match want.strip_prefix('{').and_then(|w| w.strip_suffix('}')) {
                Some(name) => values.push((name.to_owned(), have.clone())),
                None if want == have => {}
                None => return None,
            }
        }
        if !route.requires.iter().all(|name| self.query.iter().any(|(n, v)| n == name && !v.is_empty())) {
            return None;
        }
        values.extend(self.query.iter().cloned());
        Some(values)
    }
}

/// What stands behind `https://host:port`: load balancers and proxies log the whole of it (RFC 9112, section 3.2.2).
fn without_authority(url: &str) -> &str {
    let Some((scheme, rest)) = url.split_once("://") else { return url };
    if !["http", "https", "ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return url;
    }
    rest.find(['/', '?']).map_or("", |at| &rest[at..])
}

/// A segment without its matrix parameters (`/lists;unit=A;page=2`, RFC 3986, section 3.3), and those. A server's own session
/// is none: it would make every visit a kind of request of its own.
fn without_matrix(raw: &str) -> (&str, Vec<(String, String)>) {
    let Some((segment, rest)) = raw.split_once(';').filter(|(_, rest)| rest.contains('=')) else { return (raw, Vec::new()) };
    let pairs = rest.split(';').filter_map(|pair| pair.split_once('=')).filter(|(name, _)| !name.eq_ignore_ascii_case("jsessionid"));
    (segment, pairs.map(|(name, value)| (decode(name, false), decode(value, false))).collect())
}

/// What stands inside a query field's value: a value that was encoded twice, the leaves of JSON.
fn inner_fields(name: &str, value: &str, fields: &mut Vec<(String, String)>) {
    if fields.len() >= MOST_FIELDS {
        return;
    }
    if value.contains('%') {
        let again = decode(value, true);
        if again != value {
            fields.push((format!("{name}.decoded"), again));
        }
    }
    if value.starts_with(['{', '['])
        && value.len() <= LONGEST_JSON_BYTES
        && let Ok(json) = serde_json::from_str(value)
    {
        leaves(name, &json, fields);
    }
}

/// The leaves of a JSON value, by their path. Its depth is that which the parser allows.
fn leaves(name: &str, json: &serde_json::Value, fields: &mut Vec<(String, String)>) {
    if fields.len() >= MOST_FIELDS {
        return;
    }
    match json {
        serde_json::Value::Object(map) => map.iter().for_each(|(key, value)| leaves(&format!("{name}.{key}"), value, fields)),
        serde_json::Value::Array(list) => list.iter().enumerate().for_each(|(n, value)| leaves(&format!("{name}.{n}"), value, fields)),
        serde_json::Value::String(text) => fields.push((name.to_owned(), text.clone())),
        serde_json::Value::Number(number) => fields.push((name.to_owned(), number.to_string())),
        serde_json::Value::Null | serde_json::Value::Bool(_) => {}
    }
}

/// A segment that names one thing among many: it holds a digit, a blank or an `@`, or is long.
fn looks_like_an_id(segment: &str) -> bool {
    let version = segment.len() <= 3 && segment.starts_with(['v', 'V']);
    let file = segment.contains('.') && !segment.bytes().any(|b| b.is_ascii_digit());
    !version && !file && (segment.len() > 32 || segment.bytes().any(|b| b.is_ascii_digit() || b == b'@' || b == b' '))
}

/// Percent decoding (RFC 3986, section 2.1); in a query `+` is a blank.
pub(crate) fn decode(raw: &str, in_query: bool) -> String {
    let blanks = if in_query { Cow::Owned(raw.replace('+', " ")) } else { Cow::Borrowed(raw) };
    percent_decode_str(&blanks).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, template: &str, fields: &[(&str, &str)]) {
        let target = Target::of(url);
        let have: Vec<(&str, &str)> = target.fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!((target.template.as_str(), have), (template, fields.to_vec()));
    }

    #[test]
    fn an_absolute_url_is_that_of_its_path() {
        for url in ["https://www.example.org/staff/C1?a=b", "http://192.0.2.7:8080/staff/C1?a=b", "/staff/C1?a=b"] {
            let target = Target::of(url);
            assert_eq!((target.template.as_str(), target.segments.len()), ("/staff/{}?a", 2), "{url}");
        }
        assert_eq!(Target::of("https://www.example.org").template, "/");
        assert_eq!(Target::of("/login?next=https://x/y").template, "/login?next");
    }

    #[test]
    fn ids_and_fields_are_lifted() {
        check("/", "/", &[]);
        check("/staff/C1/postings", "/staff/{}/postings", &[("path.0", "C1")]);
        check("/api/v2/x?b=1&a=%27+OR", "/api/v2/x?a&b", &[("query.b", "1"), ("query.a", "' OR")]);
        check("/export.csv?unit=A%20B", "/export.csv?unit", &[("query.unit", "A B")]);
        check("?%", "/?%", &[("query.%", "")]);
    }

    #[test]
    fn values_are_found_however_they_are_wrapped() {
        check("/lists;unit=A1;page=2/all", "/lists/all?page&unit", &[("query.unit", "A1"), ("query.page", "2")]);
        check("/start;jsessionid=0F3A", "/start", &[]);
        check("/a;b", "/a;b", &[]);
        check("/s?q=it%2527s", "/s?q", &[("query.q", "it%27s"), ("query.q.decoded", "it's")]);
        let filter = "/items?filter=%7B%22unit%22%3A%5B%7B%22_eq%22%3A741%7D%2C%22x%22%5D%7D";
        let value = "{\"unit\":[{\"_eq\":741},\"x\"]}";
        check(filter, "/items?filter", &[("query.filter", value), ("query.filter.unit.0._eq", "741"), ("query.filter.unit.1", "x")]);
        Target::of(&format!("/x?a={}", "[".repeat(10_000)));
    }
}

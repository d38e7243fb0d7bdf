//! The layout of a web server's log whose lines are the usual ones with fields behind them: which variable each of these is, by its value.

/// What the usual lines begin with.
const COMBINED: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#;
/// Fields behind the usual ones that are looked at.
const MOST_FIELDS: usize = 32;

/// The `log_format` of lines that go on behind the usual fields, if all of them do so alike.
pub(super) fn layout(lines: &[String]) -> Option<String> {
    let rests: Vec<Vec<Field<'_>>> = lines.iter().map(|line| fields(behind_combined(line)?)).collect::<Option<_>>()?;
    let first = rests.first().filter(|fields| !fields.is_empty())?;
    let alike = |fields: &Vec<Field<'_>>| fields.len() == first.len() && fields.iter().zip(first).all(|(a, b)| a.key == b.key && a.is_quoted == b.is_quoted);
    if !rests.iter().all(alike) {
        return None;
    }
    let mut taken: Vec<&str> = Vec::new();
    let mut layout = COMBINED.to_owned();
    for (at, field) in first.iter().enumerate() {
        let values: Vec<&str> = rests.iter().map(|fields| fields[at].value).collect();
        let known = variable(field.key, &values).filter(|name| !taken.contains(name));
        taken.extend(known);
        let name = known.map_or_else(|| format!("more_{at}"), str::to_owned);
        let quote = if field.is_quoted { "\"" } else { "" };
        let key = if field.key.is_empty() { String::new() } else { format!("{}=", field.key) };
        layout.push_str(&format!(" {key}{quote}${name}{quote}"));
    }
    Some(layout)
}

struct Field<'l> {
    key: &'l str,
    value: &'l str,
    is_quoted: bool,
}

/// What stands behind the third quoted text, in which the usual line ends.
fn behind_combined(line: &str) -> Option<&str> {
    let mut rest = line;
    for _ in 0..3 {
        let open = rest.find('"')?;
        rest = &rest[open + 1..];
        let close = rest.char_indices().scan(false, |escaped, (at, c)| {
            let ends = c == '"' && !*escaped;
            *escaped = c == '\\' && !*escaped;
            Some((at, ends))
        });
        let (close, _) = close.into_iter().find(|(_, ends)| *ends)?;
        rest = &rest[close + 1..];
    }
    Some(rest)
}

/// The fields of the rest of a line, `value`, `"value"`, `key=value` or `key="value"`, one blank before each.
fn fields(mut rest: &str) -> Option<Vec<Field<'_>>> {
    let mut fields = Vec::new();
    while !rest.is_empty() {
        rest = rest.strip_prefix(' ')?;
        let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let key = rest.find('=').map(|at| &rest[..at]).filter(|key| !key.is_empty() && key.chars().all(is_key)).unwrap_or_default();
        let start = &rest[if key.is_empty() { 0 } else { key.len() + 1 }..];
        let (value, is_quoted, after) = match start.strip_prefix('"') {
            Some(quoted) => {
                let end = quoted.find('"')?;
                (&quoted[..end], true, &quoted[end + 1..])
            }
            None => {
                let end = start.find(' ').unwrap_or(start.len());
                (&start[..end], false, &start[end..])
            }
        };
        fields.push(Field { key, value, is_quoted });
        if fields.len() > MOST_FIELDS {
            return None;
        }
        rest = after;
    }
    Some(fields)
}

/// The variable that has such values.
fn variable(key: &str, values: &[&str]) -> Option<&'static str> {
    let key = key.to_lowercase();
    let told: Vec<&str> = values.iter().copied().filter(|value| !matches!(*value, "-" | "")).collect();
    let all = |test: fn(&str) -> bool| !told.is_empty() && told.iter().all(|value| test(value));
    let has = |parts: &[&str]| parts.iter().any(|part| key.contains(part));
    match () {
        () if all(is_epoch) => Some("msec"),
        () if all(is_request_id) && has(&["id", "req", "trace"]) && !has(&["sess", "sid", "cookie"]) => Some("request_id"),
        () if has(&["sess", "sid", "cookie"]) && all(|value| value.len() >= 8) => Some("cookie_session"),
        () if all(is_addresses) && has(&["fwd", "forward", "xff", "client"]) => Some("http_x_forwarded_for"),
        () if has(&["urt", "upstream", "up_", "uct", "uht", "backend"]) && all(is_seconds) => Some("upstream_response_time"),
        () if has(&["rt", "time", "dur", "took"]) && all(is_seconds) => Some("request_time"),
        () => None,
    }
}

fn is_epoch(value: &str) -> bool {
    value
        .split_once('.')
        .is_some_and(|(seconds, millis)| seconds.len() == 10 && millis.len() == 3 && (seconds.to_owned() + millis).bytes().all(|b| b.is_ascii_digit()))
}

fn is_request_id(value: &str) -> bool {
    value.len() >= 16 && value.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

fn is_addresses(value: &str) -> bool {
    value.split(',').all(|part| part.trim().parse::<std::net::IpAddr>().is_ok())
}

fn is_seconds(value: &str) -> bool {
    value.split([',', ':']).all(|part| part.trim() == "-" || part.trim().parse::<f64>().is_ok_and(|seconds| (0.0..100_000.0).contains(&seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rests: &[&str], expected: Option<&str>) {
        let line = |rest: &&str| format!(r#"10.0.0.1 - - [28/Nov/2026:20:17:29 +0100] "POST /a\"b HTTP/1.1" 200 26 "-" "agent/1 (x)"{rest}"#);
        assert_eq!(layout(&rests.iter().map(line).collect::<Vec<_>>()), expected.map(|rest| format!("{COMBINED} {rest}")));
    }

    #[test]
    fn fields_behind_the_usual_ones_are_known_by_their_values() {
        let one = " rt=1.765 urt=1.764 msec=1795893449.731 rid=5f9707b9081a959dda278560f0110c67";
        let two = " rt=0.001 urt=- msec=1795893450.393 rid=cf939ed32ec9a40e406b9aaaa8ccb601";
        check(&[one, two], Some("rt=$request_time urt=$upstream_response_time msec=$msec rid=$request_id"));
        check(&[r#" "10.1.1.1, 10.2.2.2" sid=0123456789 7"#], Some(r#""$more_0" sid=$cookie_session $more_2"#));
        check(&[""], None);
        check(&[one, ""], None);
        check(&[r#" "open"#], None);
    }

    #[test]
    fn an_odd_line_has_no_layout() {
        for line in ["", "\"", "\"\"\"\"\"\"x", "é\"é\"\"é\"\"é\\\"", "\"a\\"] {
            assert!(layout(&[line.to_owned()]).is_none());
        }
        assert!(layout(&[]).is_none());
    }
}

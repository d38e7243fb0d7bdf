//! A configuration as `nginx -T` prints it: which servers look at one of our variables, and which do not.

/// What a server block says of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    /// It refuses by it, whatever is asked for.
    Yes,
    /// This one may, or may for some of what it serves; with why that is not sure.
    Perhaps(String, String),
    /// It serves, and does not ask.
    No(String),
}

/// Each server of HTTP, in the order in which it stands. One that only sends elsewhere serves nothing, and is left out.
pub(super) fn servers(config: &str, variable: &str) -> Vec<Asks> {
    let words = words(config);
    let mut found = Vec::new();
    let (mut stack, mut begin) = (Vec::<(String, usize)>::new(), 0);
    for (at, word) in words.iter().enumerate() {
        match word.as_str() {
            "{" => {
                let name = words.get(begin).filter(|name| *name != "{").cloned().unwrap_or_default();
                stack.push((name, at));
            }
            "}" => {
                let Some((name, from)) = stack.pop() else { continue };
                let is_http = !stack.iter().any(|(outer, _)| outer == "stream" || outer == "mail");
                if name == "server" && is_http {
                    found.extend(asks(&words[from + 1..at], variable));
                }
            }
            ";" => {}
            _ => continue,
        }
        begin = at + 1;
    }
    found
}

fn asks(block: &[String], variable: &str) -> Option<Asks> {
    let value = |name: &str| block.iter().position(|word| word == name).and_then(|at| block.get(at + 1)).map(String::as_str);
    let name = value("server_name").or_else(|| value("listen")).unwrap_or("without a name").to_owned();
    let has = |name: &str| block.iter().any(|word| word == name);
    // Only what stands at the server's own level is asked before any location is chosen, and only until something ends that.
    let mut ended = None;
    for one in level(block) {
        match one.words.first().map(String::as_str) {
            Some("if") if is_condition(&one.words[1..], variable) && refuses(one.inside) => {
                return Some(ended.map_or(Asks::Yes, |why| Asks::Perhaps(name, why)));
            }
            Some("if") if level(one.inside).iter().any(|inner| ends(inner.words)) => {
                ended = Some(format!("what stands before it may pass it by: {}", told(one.words)))
            }
            _ if ends(one.words) => ended = Some(format!("what stands before it passes it by: {}", told(one.words))),
            _ => {}
        }
    }
    let has_it = |one: &&Directive| !one.inside.is_empty() && one.inside.iter().chain(one.words).any(|word| mentions(word, variable));
    let places: Vec<String> = level(block).iter().filter(has_it).map(|one| told(one.words)).collect();
    let serves = ["root", "alias", "proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass"].iter().any(|word| has(word));
    if !places.is_empty() {
        Some(Asks::Perhaps(name, format!("it stands in {} alone: write the `if` with its `return` at the server's own level", places.join(", "))))
    } else if block.iter().any(|word| mentions(word, variable)) {
        Some(Asks::Perhaps(name, "it has the variable, and no `if` that refuses by it".to_owned()))
    } else if has("include") {
        Some(Asks::Perhaps(name, "that stands in files that it includes".to_owned()))
    } else if has("return") && !serves {
        None
    } else {
        Some(Asks::No(name))
    }
}

/// One directive, and what stands in its braces.
struct Directive<'w> {
    words: &'w [String],
    inside: &'w [String],
}

/// The directives of a block, without those of blocks in it.
fn level(block: &[String]) -> Vec<Directive<'_>> {
    let (mut found, mut begin, mut opened, mut depth) = (Vec::new(), 0, 0, 0_usize);
    for (at, word) in block.iter().enumerate() {
        match word.as_str() {
            "{" => {
                if depth == 0 {
                    opened = at;
                }
                depth += 1;
                continue;
            }
            "}" => {
                depth = depth.saturating_sub(1);
                if depth == 0 && opened >= begin {
                    found.push(Directive { words: &block[begin..opened], inside: &block[(opened + 1).min(at)..at] });
                }
            }
            ";" if depth == 0 => found.push(Directive { words: &block[begin..at], inside: &[] }),
            _ => continue,
        }
        if depth == 0 {
            begin = at + 1;
        }
    }
    found
}

fn mentions(word: &str, variable: &str) -> bool {
    word.replace("${", "$").contains(variable)
}

/// `($variable)` or `($variable = 1)`: any other condition may be about something else.
fn is_condition(words: &[String], variable: &str) -> bool {
    let plain: String = words.concat().chars().filter(|c| !c.is_whitespace() && !"(){}".contains(*c)).collect();
    plain == variable || plain.strip_prefix(variable).is_some_and(|rest| rest == "=1")
}

/// Whether a block ends the request with an error.
fn refuses(block: &[String]) -> bool {
    const ERRORS: std::ops::RangeInclusive<u16> = 400..=599;
    let all = level(block);
    let end = all.iter().find(|one| one.words.first().is_some_and(|word| word == "return") || ends(one.words));
    end.and_then(|one| one.words.get(1)?.parse().ok()).is_some_and(|code: u16| ERRORS.contains(&code))
}

/// Whether nothing of what comes after it is asked at this level, though the request goes on or is answered well.
fn ends(words: &[String]) -> bool {
    let last = words.last().map(String::as_str);
    match words.first().map(String::as_str) {
        Some("break") => true,
        Some("rewrite") => matches!(last, Some("last" | "break")),
        Some("return") => words.get(1).and_then(|code| code.parse().ok()).is_none_or(|code: u16| code < 300),
        _ => false,
    }
}

/// A directive's own words, as many as somebody needs to find it.
fn told(words: &[String]) -> String {
    words.join(" ").chars().take(60).collect()
}

/// The values of every directive of a name, in whatever block and however many stand on a line, in the order in which they stand.
pub(super) fn directives(config: &str, name: &str) -> Vec<Vec<String>> {
    let words = words(config);
    let (mut found, mut begin) = (Vec::new(), 0);
    for (at, word) in words.iter().enumerate().filter(|(_, word)| matches!(word.as_str(), ";" | "{" | "}")) {
        let directive = &words[begin..at];
        if word != "}" && directive.first().is_some_and(|first| first == name) {
            found.push(directive[1..].to_vec());
        }
        begin = at + 1;
    }
    found
}

/// Words, braces and semicolons, without comments; a quoted text is one word.
fn words(config: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), String::new());
    let mut chars = config.chars();
    while let Some(c) = chars.next() {
        match c {
            '#' if word.is_empty() => drop(chars.by_ref().find(|c| *c == '\n')),
            '"' | '\'' if word.is_empty() => {
                while let Some(inner) = chars.next().filter(|inner| *inner != c) {
                    word.push(inner);
                    if inner == '\\' {
                        word.extend(chars.next());
                    }
                }
                words.push(std::mem::take(&mut word));
            }
            '{' if word.ends_with('$') => word.push(c),
            '}' if word.contains("${") => word.push(c),
            '{' | '}' | ';' => {
                words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
                words.push(c.to_string());
            }
            c if c.is_whitespace() => words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty())),
            c => word.push(c),
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_at_the_servers_own_level_is_one_for_all_of_it() {
        let check = |inside: &str, expected: Option<&str>| {
            let found = servers(&format!("http {{ server {{ listen 80; root /x; {inside} }} }}"), "$v");
            match (&found[..], expected) {
                ([Asks::Yes], None) => {}
                ([Asks::Perhaps(name, why)], Some(said)) => assert!(name == "80" && why.contains(said), "{inside}: {why}"),
                _ => panic!("{inside}: {found:?}"),
            }
        };
        for inside in
            ["if ($v) { return 403; }", "location / { } if ( $v = \"1\" ) { set $a b; return 444; }", "if ($w) { return 301 /; } if (${v}) { return 403; }"]
        {
            check(inside, None);
        }
        check("location = /index.html { if ($v) { return 403; } } location /hr/ { }", Some("location = /index.html alone"));
        check("location /a { location /b { if ($v) { return 403; } } }", Some("location /a alone"));
        for inside in ["if ($v) { set $x 1; }", "if ($v) { return 200; }", "if ($v = 0) { return 403; }", "if ($v) { rewrite ^ /no break; }"] {
            check(inside, Some("if ("));
        }
        check("set $x $v;", Some("no `if` that refuses"));
        check("break; if ($v) { return 403; }", Some("passes it by: break"));
        check("if ($w) { rewrite ^ /x last; } if ($v) { return 403; }", Some("may pass it by: if ($w)"));
    }

    #[test]
    fn a_server_that_serves_and_does_not_ask_is_found() {
        let config = r#"# configuration file /etc/nginx/nginx.conf:
            stream { server { listen 1; proxy_pass x; } }
            http { upstream u { server 10.0.0.1; } map $a $b { default 0; "~^x{2}" 1; }
              server { listen 80; server_name a; root /x; if ($strandline_address) { return 403; } }
              server { listen 80; server_name b; location / { proxy_pass http://u; set $y "${a}b"; } } # if ($strandline_address)
              server { listen 80; server_name c; return 301 https://a$request_uri; }
              server { listen 81; include snippets/x; } }"#;
        let found = servers(config, "$strandline_address");
        let perhaps = Asks::Perhaps("81".to_owned(), "that stands in files that it includes".to_owned());
        assert_eq!(found, [Asks::Yes, Asks::No("b".to_owned()), perhaps]);
        let more = "pid /a; error_log b;\n# pid /c;\nhttp { error_log /d info; access_log 'e;f' x; map $http_cookie $strandline_session { default 0; } }";
        assert_eq!(directives(more, "pid"), [["/a"]]);
        assert_eq!(directives(more, "error_log"), [vec!["b"], vec!["/d", "info"]]);
        assert_eq!(directives(more, "access_log"), [["e;f", "x"]]);
        assert_eq!(directives(more, "map"), [["$http_cookie", "$strandline_session"]]);
        for odd in ["", "}", "server {", "server { \"", "{ { {", "server { } } }", "\\", "server '"] {
            let _ = servers(odd, "x");
        }
    }
}

//! A configuration as `nginx -T` prints it: which servers look at one of our variables, and which do not.

/// What a server block says of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    /// It has it.
    Yes,
    /// It includes other files, in which it may stand.
    Perhaps(String),
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
    let serves = ["root", "alias", "proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass"].iter().any(|word| has(word));
    if block.iter().any(|word| word.contains(variable)) {
        Some(Asks::Yes)
    } else if has("include") {
        Some(Asks::Perhaps(name))
    } else if has("return") && !serves {
        None
    } else {
        Some(Asks::No(name))
    }
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
    fn a_server_that_serves_and_does_not_ask_is_found() {
        let config = r#"# configuration file /etc/nginx/nginx.conf:
            stream { server { listen 1; proxy_pass x; } }
            http { upstream u { server 10.0.0.1; } map $a $b { default 0; "~^x{2}" 1; }
              server { listen 80; server_name a; root /x; if ($strandline_address) { return 403; } }
              server { listen 80; server_name b; location / { proxy_pass http://u; set $y "${a}b"; } } # if ($strandline_address)
              server { listen 80; server_name c; return 301 https://a$request_uri; }
              server { listen 81; include snippets/x; } }"#;
        let found = servers(config, "$strandline_address");
        assert_eq!(found, [Asks::Yes, Asks::No("b".to_owned()), Asks::Perhaps("81".to_owned())]);
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

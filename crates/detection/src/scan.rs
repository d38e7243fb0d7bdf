//! Scanning: one address asks for pages that nobody asks for unless they look for a way in.

use std::collections::{BTreeMap, BTreeSet};

use strandline_model::detection::{Detection, Level, SubjectKind};
use strandline_model::estate::{Estate, Trusted};
use strandline_model::event::Class;

use crate::sink::{Artefacts, Seen, Statement, detection};
use crate::{Analytic, Row, is_trusted};

/// Path parts that scanners ask for and applications of an organisation do not link to.
const PROBES: &[&str] = &[
    "/.git",
    "/.env",
    "/.svn",
    "/.hg",
    "/.ds_store",
    "/.htaccess",
    "/.htpasswd",
    "/.aws",
    "/.ssh",
    "/wp-login",
    "/wp-admin",
    "/wp-content",
    "/xmlrpc.php",
    "/phpinfo",
    "/phpmyadmin",
    "/pma/",
    "/adminer",
    "/server-status",
    "/server-info",
    "/actuator",
    "/swagger",
    "/openapi.json",
    "/v2/api-docs",
    "/graphql",
    "/backup",
    "/dump.sql",
    "/db.sql",
    "/database.sql",
    "/config.php",
    "/configuration.php",
    "/web.config",
    "/web-inf",
    "/manager/html",
    "/jmx-console",
    "/solr/",
    "/jenkins",
    "/cgi-bin/",
    "/shell",
    "/cmd.php",
    "/etc/passwd",
    "/win.ini",
    "/console",
    "/debug",
    "/telescope",
    "/vendor/phpunit",
    "/_ignition",
    "/owa/",
    "/autodiscover",
    "/remote/login",
    "/.well-known/security",
    "/robots.txt",
    "/sitemap.xml",
    "/admin",
];
/// Different probes that make a scan.
const DIFFERENT_PROBES: usize = 4;
/// Different pages not found that make a scan, whatever their names.
const DIFFERENT_MISSING: usize = 30;
/// Pages remembered for an address.
const PAGES_KEPT: usize = 200;

#[derive(Default)]
struct Address {
    seen: Seen,
    probes: BTreeSet<&'static str>,
    missing: BTreeSet<String>,
}

/// Watches requests. State: one entry for each system and address that asked for a probe or a missing page.
pub struct Scanning {
    trusted: Vec<Trusted>,
    artefacts: Artefacts,
    addresses: BTreeMap<(String, String), Address>,
}

impl Scanning {
    /// For an estate.
    pub fn new(estate: &Estate) -> Self {
        Self { trusted: estate.trusted.clone(), artefacts: Artefacts::default(), addresses: BTreeMap::new() }
    }
}

impl Analytic for Scanning {
    fn watch(&mut self, event: &Row<'_>) {
        if event.class != Class::Http {
            return;
        }
        let (Some(url), Some(address)) = (event.url.as_deref(), event.src_ip.as_deref()) else { return };
        let path = url.split(['?', '#']).next().unwrap_or(url).to_ascii_lowercase();
        let probe = PROBES.iter().find(|probe| path.contains(**probe));
        // A missing page counts by its shape: /record/17 and /record/18 are one page with many ids, which is enumeration.
        let missing = event.status_code == Some(404);
        if (probe.is_none() && !missing) || is_trusted(&self.trusted, None, event.account.as_deref(), Some(address)) {
            return;
        }
        let place = self.artefacts.place(event);
        let state = self.addresses.entry((event.system.to_string(), address.to_owned())).or_default();
        if let Some(probe) = probe {
            state.probes.insert(probe);
        }
        if missing && state.missing.len() < PAGES_KEPT {
            state.missing.insert(path.chars().filter(|c| !c.is_ascii_digit()).collect());
        }
        state.seen.add(event.time, place);
    }

    fn conclude(self: Box<Self>, found: &mut Vec<Detection>) {
        for ((system, address), state) in &self.addresses {
            if state.probes.len() < DIFFERENT_PROBES && state.missing.len() < DIFFERENT_MISSING {
                continue;
            }
            let reason = format!("{} different probes and {} different missing pages asked for from one address", state.probes.len(), state.missing.len());
            found.push(detection(
                &self.artefacts,
                &state.seen,
                Statement {
                    rule: "scanning",
                    title: "An address looks for a way in",
                    level: Level::Medium,
                    techniques: &["T1595.003"],
                    subject: (SubjectKind::Address, address),
                    system,
                    reason,
                    related: vec![format!("address={address}")],
                },
            ));
        }
    }
}

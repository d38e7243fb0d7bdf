//! Export: the case for anybody's spreadsheet and for other tools.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use strandline_case::Case;
use strandline_case::export::{PeopleSources, StixSources, TierCount, TimelineSources, write_exposures, write_people, write_stix, write_timeline};
use strandline_model::detection::Detection;
use strandline_model::evidence::EventRef;
use strandline_model::exposure::{Certainty, Exposure, HeldSubject};
use strandline_model::table::Row;
use strandline_model::trail::{Link, Step};

use crate::error::ResponseError;
use crate::exposed;
use crate::run::Response;
use crate::stage::expose::register;

/// Writes `export/`.
pub fn run(response: &mut Response<'_>) -> Result<(), ResponseError> {
    response.needs("expose", "exposures", "expose")?;
    let (people, _) = register(response)?;
    let coverage = response.coverage()?;
    let decisions = response.case.decisions()?;
    let paths: BTreeMap<String, String> = response.custody()?.into_iter().map(|a| (a.id.0, a.path)).collect();
    let locate = |place: &EventRef| paths.get(&place.artefact.0).map(|path| format!("{path}@{}", place.offset));
    let case = &response.case;
    let (exposures, steps) = (case.scan(Exposure::TABLE), case.scan(Step::TABLE));
    let tiers = tier_counts(case)?;
    let organisation = &response.estate.organisation;
    let name = organisation.name.get("en").or_else(|| organisation.name.values().next()).map_or("", String::as_str);
    let made_at = (response.settings.now)();
    let held: Vec<String> = case.read_rows::<HeldSubject>(HeldSubject::TABLE)?.into_iter().map(|row| row.data_subject).collect();
    let has_snapshot = response.estate.databases.iter().any(|d| !d.snapshot.is_empty());
    let register_rows = RefCell::new(people.into_values());
    let files = vec![
        case.export_file("export", "exposures.csv", |out: &mut dyn Write| write_exposures(out, &exposures))?,
        case.export_file("export", "people.csv", |out: &mut dyn Write| {
            let mut held = held.iter().cloned();
            let data_subjects: Option<&mut dyn Iterator<Item = String>> = if has_snapshot { Some(&mut held) } else { None };
            write_people(out, PeopleSources { register: &mut *register_rows.borrow_mut(), data_subjects, exposures: &exposures })
        })?,
        case.export_file("export", "timeline.csv", |out: &mut dyn Write| {
            let (links, detections) = (case.scan(Link::TABLE), case.scan(Detection::TABLE));
            write_timeline(
                out,
                &TimelineSources { steps: &steps, links: &links, detections: &detections, gaps: &coverage.gaps, decisions: &decisions, locate: &locate },
            )
        })?,
        case.export_file("export", "stix.json", |out: &mut dyn Write| {
            let origin = case.manifest().origin.as_str();
            write_stix(out, &StixSources { origin, organisation: name, made_at, steps: &steps, gaps: &coverage.gaps, tiers: &tiers })
        })?,
    ];
    let inputs = response.inputs_after(&["coverage", "detect", "trace", "expose"]);
    response.commit_files("export", inputs, files)
}

/// People and categories by tier: a person counts once, at the strongest.
fn tier_counts(case: &Case) -> Result<Vec<TierCount>, ResponseError> {
    let mut people: BTreeMap<Certainty, u64> = BTreeMap::new();
    let mut categories: BTreeMap<Certainty, BTreeSet<String>> = BTreeMap::new();
    exposed::each_person(case, &mut |exposures| {
        for exposure in exposures {
            categories.entry(exposure.certainty).or_default().insert(exposure.category.clone());
        }
        exposed::strongest(exposures).into_iter().for_each(|tier| *people.entry(tier).or_default() += 1);
        Ok(())
    })?;
    let count = |certainty: Certainty| TierCount {
        certainty,
        people: people.get(&certainty).copied().unwrap_or_default(),
        categories: categories.get(&certainty).cloned().unwrap_or_default(),
    };
    Ok([Certainty::Confirmed, Certainty::Likely, Certainty::Possible].map(count).into_iter().filter(|c| c.people > 0).collect())
}

//! GDPR: the notification of Article 33(3), and the internal register of Article 33(5).

use super::filler::Filler;
use super::{Form, FormId, Part};

const SOURCE_33: &str = "Fields follow GDPR Article 33(3). Numbers may be approximate, and information may be given in phases (Article 33(4)).";
const SOURCE_REGISTER: &str = "Fields follow GDPR Article 33(5): facts, effects, remedial action.";

pub(super) fn article_33(f: &Filler<'_>) -> Form {
    let parts = vec![
        Part {
            heading: "Controller",
            fields: vec![
                f.field("organisation", "Controller", f.organisation()),
                f.ask("dpo", "Data protection officer"),
                f.field("contact_person", "Other contact point", f.contact()),
            ],
        },
        Part {
            heading: "Nature of the breach, Art. 33(3)(a)",
            fields: vec![
                f.field("aware", "When the controller became aware", f.event("aware")),
                f.field("occurred", "When it occurred", f.occurred()),
                f.field("what_happened", "What happened", f.what_happened()),
                f.field("cause", "Weaknesses used", f.cause()),
                f.field("people", "Categories and approximate number of data subjects", f.people()),
                f.field("categories", "Categories of data", f.categories()),
                f.field("records", "Approximate number of records", f.records()),
                f.field("accessed", "Accessed", f.accessed()),
                f.field("disclosed", "Disclosed", f.disclosed()),
                f.field("exfiltrated", "Exfiltrated", f.exfiltrated()),
            ],
        },
        Part { heading: "Consequences, Art. 33(3)(c)", fields: vec![f.ask("likely_consequences", "Likely consequences")] },
        Part {
            heading: "Measures, Art. 33(3)(d)",
            fields: vec![
                f.ask("actions_taken", "Measures taken"),
                f.ask("actions_planned", "Measures proposed"),
                f.field("individuals_informed", "Communication to data subjects", f.individuals_informed(&["gdpr/individuals"])),
            ],
        },
        Part {
            heading: "Phases and delay, Art. 33(1) and (4)",
            fields: vec![
                f.field("notified_earlier", "Given earlier", f.duty_done(&["gdpr/authority"])),
                f.ask("reasons_for_delay", "Reasons for the delay, if it is later than 72 hours"),
            ],
        },
        Part { heading: "Evidence", fields: vec![f.field("evidence", "What the logs cover", f.evidence())] },
    ];
    f.form(FormId::Gdpr33, "Notification of a personal data breach (GDPR Art. 33)", "supervisory authority", SOURCE_33, parts)
}

pub(super) fn register(f: &Filler<'_>) -> Form {
    let parts = vec![
        Part {
            heading: "Facts",
            fields: vec![
                f.field("organisation", "Controller", f.organisation()),
                f.field("aware", "When the controller became aware", f.event("aware")),
                f.field("occurred", "When it occurred", f.occurred()),
                f.field("sequence", "Sequence of events, with evidence", f.sequence()),
                f.field("cause", "Weaknesses used", f.cause()),
            ],
        },
        Part {
            heading: "Effects",
            fields: vec![
                f.field("people", "Data subjects", f.people()),
                f.field("categories", "Categories of data", f.categories()),
                f.field("accessed", "Accessed", f.accessed()),
                f.field("disclosed", "Disclosed", f.disclosed()),
                f.field("exfiltrated", "Exfiltrated", f.exfiltrated()),
                f.ask("likely_consequences", "Likely consequences"),
            ],
        },
        Part {
            heading: "Remedial action",
            fields: vec![
                f.ask("actions_taken", "Measures taken"),
                f.ask("actions_planned", "Measures proposed"),
                f.field("decisions", "Decisions on record", f.decisions()),
                f.field("notified_earlier", "Notified to the supervisory authority", f.duty_done(&["gdpr/authority"])),
                f.field("individuals_informed", "Communication to data subjects", f.individuals_informed(&["gdpr/individuals"])),
            ],
        },
        Part { heading: "Evidence", fields: vec![f.field("evidence", "What the logs cover", f.evidence())] },
    ];
    f.form(FormId::Gdpr335, "Register of personal data breaches (GDPR Art. 33(5))", "internal register", SOURCE_REGISTER, parts)
}

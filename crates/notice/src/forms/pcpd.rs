//! Hong Kong, Privacy Commissioner for Personal Data: data breach notification form.

use super::filler::Filler;
use super::{Form, FormId, Part};

const SOURCE: &str =
    "Fields follow the four parts of the PCPD's electronic form as its pages describe them. The printed form was not read: its option lists are not here.";

pub(super) fn fill(f: &Filler<'_>) -> Form {
    let parts = vec![
        Part {
            heading: "1. Data user",
            fields: vec![f.field("organisation", "Name of the data user", f.organisation()), f.ask("user_sector", "Sector of the data user")],
        },
        Part { heading: "2. Contact person", fields: vec![f.field("contact_person", "Contact person", f.contact())] },
        Part {
            heading: "3. Particulars of the incident",
            fields: vec![
                f.field("occurred", "When it occurred", f.occurred()),
                f.field("systems", "Where it occurred", f.systems()),
                f.field("aware", "When the data user became aware", f.event("aware")),
                f.field("how_detected", "How and by whom it was detected", f.detections()),
                f.field("what_happened", "What happened", f.what_happened()),
                f.field("categories", "Types of personal data", f.categories()),
                f.field("people", "Number of data subjects", f.people()),
                f.field("accessed", "Accessed", f.accessed()),
                f.field("disclosed", "Disclosed", f.disclosed()),
                f.field("exfiltrated", "Exfiltrated", f.exfiltrated()),
                f.ask("processor_engaged", "Was a service provider or contractor engaged to handle the data?"),
            ],
        },
        Part {
            heading: "4. Assessment and remedial actions",
            fields: vec![
                f.field("cause", "Cause or suspected cause", f.cause()),
                f.ask("potential_risk", "Potential risk to data subjects (safety; identity theft; financial loss; humiliation, dignity, reputation or relationships; business or employment)"),
                f.field("individuals_informed", "Were the affected individuals notified?", f.individuals_informed(&["hk-pdpo/individuals", "hk-ispg-sm02/individuals"])),
                f.ask("remedial_actions", "Remedial actions"),
                f.field("police_informed", "Reported to the police", f.duty_done(&["hk-ispg-sm02/police"])),
            ],
        },
        Part { heading: "Evidence", fields: vec![f.field("evidence", "What the logs cover", f.evidence())] },
    ];
    f.form(FormId::Pcpd, "Data breach notification", "Privacy Commissioner for Personal Data, Hong Kong", SOURCE, parts)
}

//! Hong Kong Government: the forms of ISPG-SM02 v1.8, Annexes C.2 to C.4.

use super::filler::Filler;
use super::{Field, Form, FormId, Part};

const C2: &str = "Fields follow Annex C.2 of ISPG-SM02 v1.8 (February 2025), read as a converted full text; compare with the printed form.";
const C3: &str = "Fields follow Annex C.3 of ISPG-SM02 v1.8 (February 2025), read as a converted full text; compare with the printed form.";
const C4: &str = "Fields follow Annex C.4 of ISPG-SM02 v1.8 (February 2025) and GC 6/2024, read as a converted full text; compare with the printed form.";
const GIRO: &str = "GIRO Standing Office";
const DIRECTOR: &str = "Director of Bureau";

/// Preliminary report.
pub(super) fn c2(f: &Filler<'_>) -> Form {
    let parts = vec![background(f), incident(f), impact(f), notified(f), actions(f), handling(f), evidence(f)];
    f.form(FormId::IspgC2, "C.2 Preliminary Information Security Incident Report", GIRO, C2, parts)
}

/// Interim report: the preliminary one brought up to date.
pub(super) fn c3_1(f: &Filler<'_>) -> Form {
    let parts = vec![background(f), incident(f), sequence(f), impact(f), affected(f), perpetrator(f), notified(f), actions(f), handling(f), evidence(f)];
    f.form(FormId::IspgC31, "C.3.1 Interim Incident Report", GIRO, C3, parts)
}

/// Post-incident report.
pub(super) fn c3_2(f: &Filler<'_>) -> Form {
    let lessons = Part {
        heading: "Cost, prevention and lessons",
        fields: vec![f.ask("cost", "Cost"), f.ask("prevention", "Prevention"), f.ask("lessons", "Lessons learned")],
    };
    let parts = vec![background(f), incident(f), sequence(f), impact(f), affected(f), perpetrator(f), notified(f), actions(f), lessons, evidence(f)];
    f.form(FormId::IspgC32, "C.3.2 Post-incident Report", GIRO, C3, parts)
}

/// Initial report to the Director of Bureau.
pub(super) fn c4_1(f: &Filler<'_>) -> Form {
    let parts = vec![findings(f), affected(f), reported(f), status(f), accountability(f), evidence(f)];
    f.form(FormId::IspgC41, "C.4.1 Initial Report (GC 6/2024)", DIRECTOR, C4, parts)
}

/// Full report to the Director of Bureau.
pub(super) fn c4_2(f: &Filler<'_>) -> Form {
    let parts = vec![findings(f), sequence(f), affected(f), reported(f), status(f), accountability(f), evidence(f)];
    f.form(FormId::IspgC42, "C.4.2 Full Report (GC 6/2024)", DIRECTOR, C4, parts)
}

fn background(f: &Filler<'_>) -> Part {
    Part {
        heading: "Background",
        fields: vec![
            f.field("organisation", "Bureau or department", f.organisation()),
            f.field("systems", "System and its description", f.systems()),
            f.ask("system_tier", "Tier of the system (1, 2 or 3)"),
            f.ask("physical_location", "Physical location"),
            f.ask("operated_by", "Operated by (in-house, end user, outsourced)"),
            f.ask("reporter", "Reporter, with a contact for 24 hours"),
        ],
    }
}

fn incident(f: &Filler<'_>) -> Part {
    Part {
        heading: "The incident",
        fields: vec![
            f.field("occurred", "Occurred", f.occurred()),
            f.field("identified", "Discovered", f.event("identified")),
            f.field("reported_to_giro", "Reported to GIRO", f.duty_done(&["hk-ispg-sm02/giro-call", "hk-ispg-sm02/c2"])),
            f.field("what_happened", "What occurred", f.what_happened()),
            f.field("how_occurred", "How it occurred", f.cause()),
            f.ask("why_occurred", "Why it occurred"),
            f.field("how_detected", "How it was noticed", f.detections()),
            f.field("vulnerabilities", "Vulnerabilities", f.cause()),
            f.ask("incident_category", "Category (abuse, compromise of systems or data assets, denial of service, leak of classified data, masquerading, lost device, mass malware, ransomware, defacement, other)"),
        ],
    }
}

fn sequence(f: &Filler<'_>) -> Part {
    Part {
        heading: "Sequence of events",
        fields: vec![f.field("sequence", "Sequence of events, with evidence", f.sequence()), f.field("other_sites", "Other sites affected", f.other_sites())],
    }
}

fn impact(f: &Filler<'_>) -> Part {
    Part {
        heading: "Impact",
        fields: vec![
            f.ask("assets_affected", "Assets affected"),
            f.ask("impact_confidentiality", "Impact on confidentiality"),
            f.ask("impact_integrity", "Impact on integrity"),
            f.ask("impact_availability", "Impact on availability, service interruption"),
            f.ask("impact_image", "Impact on the image of the Government"),
            f.ask("classified_data", "Classified data involved?"),
            f.field("categories", "Personal data involved, and which", f.categories()),
            f.field("accessed", "Accessed", f.accessed()),
            f.field("disclosed", "Disclosed", f.disclosed()),
            f.field("exfiltrated", "Exfiltrated", f.exfiltrated()),
        ],
    }
}

fn affected(f: &Filler<'_>) -> Part {
    Part {
        heading: "Affected individuals",
        fields: vec![
            f.field("people", "Number of affected individuals (internal staff and citizens apart)", f.people()),
            f.field("categories", "Types of personal data involved", f.categories()),
            f.field("accessed", "Accessed", f.accessed()),
            f.field("disclosed", "Disclosed", f.disclosed()),
            f.field("exfiltrated", "Exfiltrated", f.exfiltrated()),
            individuals(f),
        ],
    }
}

fn individuals(f: &Filler<'_>) -> Field {
    f.field(
        "individuals_informed",
        "Whether the affected individuals have been informed; if not, why",
        f.individuals_informed(&["hk-ispg-sm02/individuals", "hk-pdpo/individuals"]),
    )
}

fn perpetrator(f: &Filler<'_>) -> Part {
    Part {
        heading: "Perpetrator",
        fields: vec![f.ask("perpetrator", "Perpetrator (person, group, none, unknown)"), f.ask("motive", "Motive"), f.ask("malware", "Malware")],
    }
}

fn notified(f: &Filler<'_>) -> Part {
    Part {
        heading: "Notified",
        fields: vec![
            f.ask("notified_internally", "Internally (ISM, IRM, ISIRT Commander)"),
            f.field("police_informed", "Police (CSTCB), with time and reference", f.duty_done(&["hk-ispg-sm02/police"])),
            f.field("pcpd_informed", "PCPD, with time and reference", f.duty_done(&["hk-ispg-sm02/pcpd", "hk-pdpo/pcpd"])),
            f.ask("security_bureau_informed", "Security Bureau, with time and reference"),
        ],
    }
}

fn actions(f: &Filler<'_>) -> Part {
    Part {
        heading: "Actions",
        fields: vec![
            f.ask("actions_taken", "Actions taken, and their results"),
            f.field("decisions", "Decisions on record", f.decisions()),
            f.ask("actions_planned", "Actions planned"),
            f.ask("actions_outstanding", "Actions outstanding"),
            f.ask("personnel", "Personnel involved in the handling"),
            f.ask("system_status", "Current status of the system"),
        ],
    }
}

fn handling(f: &Filler<'_>) -> Part {
    Part {
        heading: "GC 6/2024, media and public",
        fields: vec![
            f.field(
                "embarrassed_government",
                "Does the Director consider that the incident has embarrassed the Government (GC 6/2024)?",
                f.decided(&["hk-ispg-sm02/c4-1"]),
            ),
            f.ask("media_enquiries", "Media enquiries"),
            f.ask("public_enquiries", "Public enquiries"),
        ],
    }
}

fn findings(f: &Filler<'_>) -> Part {
    Part {
        heading: "Findings and cause, with supporting evidence",
        fields: vec![
            f.field("organisation", "Bureau or department", f.organisation()),
            f.field("systems", "System", f.systems()),
            f.field("onset", "Onset of the incident", f.event("onset")),
            f.field("occurred", "What the evidence shows of its time", f.occurred()),
            f.field("what_happened", "Findings", f.what_happened()),
            f.field("cause", "Cause", f.cause()),
        ],
    }
}

fn reported(f: &Filler<'_>) -> Part {
    Part {
        heading: "Reported",
        fields: vec![
            f.field("pcpd_informed", "PCPD informed on (attach the notification form)", f.duty_done(&["hk-ispg-sm02/pcpd", "hk-pdpo/pcpd"])),
            f.field("police_informed", "Police (CSTCB) informed on", f.duty_done(&["hk-ispg-sm02/police"])),
        ],
    }
}

fn status(f: &Filler<'_>) -> Part {
    Part {
        heading: "Status",
        fields: vec![
            f.ask("system_status", "Current status of the system"),
            f.ask("resumption", "Schedule of resumption"),
            f.field("decisions", "Decisions on record", f.decisions()),
        ],
    }
}

fn accountability(f: &Filler<'_>) -> Part {
    Part { heading: "Accountability", fields: vec![f.ask("accountability", "Accountability of the responsible parties, with supporting evidence")] }
}

fn evidence(f: &Filler<'_>) -> Part {
    Part { heading: "Evidence", fields: vec![f.field("evidence", "What the logs cover", f.evidence())] }
}

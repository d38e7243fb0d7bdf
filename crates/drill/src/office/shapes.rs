//! The records that the office's hosts write: provider, number, and fields in their order. Microsoft, "Security auditing",
//! describes those of the channel Security.

use crate::evtx::Shape;

const AUDITING: (&str, &str) = ("Microsoft-Windows-Security-Auditing", "{54849625-5478-4994-a5ba-3e3b0328c30d}");
const SUCCESS: u64 = 0x8020_0000_0000_0000;
const FAILURE: u64 = 0x8010_0000_0000_0000;

const fn audit(event_id: u16, version: u8, task: u16, keywords: u64, fields: &'static [&'static str]) -> Shape {
    Shape { provider: AUDITING.0, guid: AUDITING.1, event_id, version, level: 0, task, keywords, user_data: None, fields }
}

pub(super) static SIGNED_IN: Shape = audit(
    4624,
    2,
    12_544,
    SUCCESS,
    &[
        "SubjectUserSid",
        "SubjectUserName",
        "SubjectDomainName",
        "SubjectLogonId",
        "TargetUserSid",
        "TargetUserName",
        "TargetDomainName",
        "TargetLogonId",
        "LogonType",
        "LogonProcessName",
        "AuthenticationPackageName",
        "WorkstationName",
        "LogonGuid",
        "TransmittedServices",
        "LmPackageName",
        "KeyLength",
        "ProcessId",
        "ProcessName",
        "IpAddress",
        "IpPort",
        "ImpersonationLevel",
        "RestrictedAdminMode",
        "TargetOutboundUserName",
        "TargetOutboundDomainName",
        "VirtualAccount",
        "TargetLinkedLogonId",
        "ElevatedToken",
    ],
);

pub(super) static REFUSED: Shape = audit(
    4625,
    0,
    12_544,
    FAILURE,
    &[
        "SubjectUserSid",
        "SubjectUserName",
        "SubjectDomainName",
        "SubjectLogonId",
        "TargetUserSid",
        "TargetUserName",
        "TargetDomainName",
        "Status",
        "FailureReason",
        "SubStatus",
        "LogonType",
        "LogonProcessName",
        "AuthenticationPackageName",
        "WorkstationName",
        "TransmittedServices",
        "LmPackageName",
        "KeyLength",
        "ProcessId",
        "ProcessName",
        "IpAddress",
        "IpPort",
    ],
);

pub(super) static SIGNED_OUT: Shape = audit(4634, 0, 12_545, SUCCESS, &["TargetUserSid", "TargetUserName", "TargetDomainName", "TargetLogonId", "LogonType"]);

pub(super) static TICKET: Shape = audit(
    4768,
    0,
    14_339,
    SUCCESS,
    &[
        "TargetUserName",
        "TargetDomainName",
        "TargetSid",
        "ServiceName",
        "ServiceSid",
        "TicketOptions",
        "Status",
        "TicketEncryptionType",
        "PreAuthType",
        "IpAddress",
        "IpPort",
        "CertIssuerName",
        "CertSerialNumber",
        "CertThumbprint",
    ],
);

pub(super) static SERVICE_TICKET: Shape = audit(
    4769,
    0,
    14_337,
    SUCCESS,
    &[
        "TargetUserName",
        "TargetDomainName",
        "ServiceName",
        "ServiceSid",
        "TicketOptions",
        "TicketEncryptionType",
        "IpAddress",
        "IpPort",
        "Status",
        "LogonGuid",
        "TransmittedServices",
    ],
);

pub(super) static MISTYPED: Shape = audit(
    4771,
    0,
    14_339,
    FAILURE,
    &[
        "TargetUserName",
        "TargetSid",
        "ServiceName",
        "TicketOptions",
        "Status",
        "PreAuthType",
        "IpAddress",
        "IpPort",
        "CertIssuerName",
        "CertSerialNumber",
        "CertThumbprint",
    ],
);

const CHECKED: &[&str] = &["PackageName", "TargetUserName", "Workstation", "Status"];
pub(super) static CHECKED_RIGHT: Shape = audit(4776, 0, 14_336, SUCCESS, CHECKED);
pub(super) static CHECKED_WRONG: Shape = audit(4776, 0, 14_336, FAILURE, CHECKED);

pub(super) static SHARE: Shape = audit(
    5140,
    1,
    12_808,
    SUCCESS,
    &[
        "SubjectUserSid",
        "SubjectUserName",
        "SubjectDomainName",
        "SubjectLogonId",
        "ObjectType",
        "IpAddress",
        "IpPort",
        "ShareName",
        "ShareLocalPath",
        "AccessMask",
        "AccessList",
    ],
);

pub(super) static SHARED_FILE: Shape = audit(
    5145,
    0,
    12_811,
    SUCCESS,
    &[
        "SubjectUserSid",
        "SubjectUserName",
        "SubjectDomainName",
        "SubjectLogonId",
        "ObjectType",
        "IpAddress",
        "IpPort",
        "ShareName",
        "ShareLocalPath",
        "RelativeTargetName",
        "AccessMask",
        "AccessList",
        "AccessReason",
    ],
);

pub(super) static OBJECT: Shape = audit(
    4663,
    1,
    12_800,
    SUCCESS,
    &[
        "SubjectUserSid",
        "SubjectUserName",
        "SubjectDomainName",
        "SubjectLogonId",
        "ObjectServer",
        "ObjectType",
        "ObjectName",
        "HandleId",
        "AccessList",
        "AccessMask",
        "ProcessId",
        "ProcessName",
        "ResourceAttributes",
    ],
);

pub(super) static PROCESS: Shape = audit(
    4688,
    2,
    13_312,
    SUCCESS,
    &[
        "SubjectUserSid",
        "SubjectUserName",
        "SubjectDomainName",
        "SubjectLogonId",
        "NewProcessId",
        "NewProcessName",
        "TokenElevationType",
        "ProcessId",
        "CommandLine",
        "TargetUserSid",
        "TargetUserName",
        "TargetDomainName",
        "TargetLogonId",
        "ParentProcessName",
        "MandatoryLabel",
    ],
);

pub(super) static CLEARED: Shape = Shape {
    provider: "Microsoft-Windows-Eventlog",
    guid: "{fc65ddd8-d6ef-4962-83d5-6e5cfe9ce148}",
    event_id: 1102,
    version: 0,
    level: 4,
    task: 104,
    keywords: 0x4020_0000_0000_0000,
    user_data: Some(("LogFileCleared", "http://manifests.microsoft.com/win/2004/08/windows/eventlog")),
    fields: &["SubjectUserSid", "SubjectUserName", "SubjectDomainName", "SubjectLogonId"],
};

const fn desktop(event_id: u16) -> Shape {
    Shape {
        provider: "Microsoft-Windows-TerminalServices-LocalSessionManager",
        guid: "{5d896912-022d-40aa-a3a8-4fa5515c76d7}",
        event_id,
        version: 0,
        level: 4,
        task: 0,
        keywords: 0x1000_0000_0000_0000,
        user_data: Some(("EventXML", "Event_NS")),
        fields: &["User", "SessionID", "Address"],
    }
}

pub(super) static DESKTOP_BEGUN: Shape = desktop(21);
pub(super) static DESKTOP_LEFT: Shape = desktop(24);

pub(super) static DESKTOP_ENDED: Shape = Shape { fields: &["User", "SessionID"], ..desktop(23) };

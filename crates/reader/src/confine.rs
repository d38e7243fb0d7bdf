//! What the reading process gives up, for good, before it sees a byte of evidence. All of it is there on Linux; each part counts alone,
//! so that an older kernel still gives up what it can.

/// What is in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confinement {
    /// Limits of memory and of files.
    pub limits: bool,
    /// No file and no connection (Landlock, Linux 5.13 and later).
    pub landlock: bool,
    /// No system call but those that reading takes (seccomp).
    pub system_calls: bool,
}

/// Gives up what this system lets a process give up: it cannot be had back.
#[cfg(target_os = "linux")]
pub fn confine() -> Confinement {
    Confinement { limits: linux::limit().is_ok(), landlock: linux::close_the_doors(), system_calls: linux::forget_calls().is_some() }
}

/// There is nothing to give up here that we know of.
#[cfg(not(target_os = "linux"))]
pub fn confine() -> Confinement {
    Confinement::default()
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;
    use std::io;

    use landlock::{ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetError, RulesetStatus, Scope};
    use rlimit::Resource;
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

    /// Bytes of memory that may be mapped, the program itself with them. A batch and a record are some tens of megabytes.
    const MEMORY_BYTES: u64 = 2 << 30;
    /// The newest rules of Landlock that we ask for; an older kernel keeps those that it knows.
    const NEWEST: ABI = ABI::V6;

    pub(super) fn limit() -> io::Result<()> {
        Resource::AS.set(MEMORY_BYTES, MEMORY_BYTES)?;
        // What it holds is about people: it must not stay behind in a file when it ends.
        Resource::CORE.set(0, 0)?;
        Resource::FSIZE.set(0, 0)?;
        Resource::NOFILE.set(0, 0)
    }

    pub(super) fn close_the_doors() -> bool {
        let closed = || -> Result<RulesetStatus, RulesetError> {
            let rules = Ruleset::default().set_compatibility(CompatLevel::BestEffort);
            let rules = rules.handle_access(AccessFs::from_all(NEWEST))?.handle_access(AccessNet::from_all(NEWEST))?.scope(Scope::from_all(NEWEST))?;
            Ok(rules.create()?.restrict_self()?.ruleset)
        };
        closed().is_ok_and(|status| status != RulesetStatus::NotEnforced)
    }

    /// The calls that are left: memory, the pipes that are open, clock, signals of its own, the end. Every other one fails and says so,
    /// so that a library that asks for one learns that it cannot have it.
    pub(super) fn forget_calls() -> Option<()> {
        let allowed = [
            libc::SYS_brk,
            libc::SYS_clock_gettime,
            libc::SYS_close,
            libc::SYS_exit,
            libc::SYS_exit_group,
            libc::SYS_fstat,
            libc::SYS_futex,
            libc::SYS_getpid,
            libc::SYS_getrandom,
            libc::SYS_gettid,
            libc::SYS_lseek,
            libc::SYS_madvise,
            libc::SYS_mmap,
            libc::SYS_mprotect,
            libc::SYS_mremap,
            libc::SYS_munmap,
            libc::SYS_read,
            libc::SYS_readv,
            libc::SYS_restart_syscall,
            libc::SYS_rt_sigaction,
            libc::SYS_rt_sigprocmask,
            libc::SYS_rt_sigreturn,
            libc::SYS_sched_yield,
            libc::SYS_sigaltstack,
            libc::SYS_tgkill,
            libc::SYS_write,
            libc::SYS_writev,
        ];
        let rules: BTreeMap<i64, Vec<_>> = allowed.into_iter().map(|call| (call, Vec::new())).collect();
        let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        let filter = SeccompFilter::new(rules, refused, SeccompAction::Allow, std::env::consts::ARCH.try_into().ok()?).ok()?;
        let program: BpfProgram = filter.try_into().ok()?;
        seccompiler::apply_filter(&program).ok()
    }
}

//! How fast evidence is sealed. Run: `cargo run --release -p strandline-evidence --example intake_speed [MEGABYTES]`
//!
//! Prints megabytes of *unpacked* log a second, for the same log plain, gzip and Zstandard, with an fsync for each file.
#![allow(clippy::print_stdout, reason = "a benchmark prints its result")]

#[path = "../tests/folder/mod.rs"]
mod folder;

use std::time::Instant;

fn main() {
    let megabytes: usize = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(512);
    let mut log = Vec::with_capacity(megabytes << 20);
    let mut number = 0u64;
    while log.len() < megabytes << 20 {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let line = format!(
            "10.20.{}.{} - - [23/Nov/2026:20:42:55 +0000] \"GET /staff/C{:06} HTTP/1.1\" 200 {} \"-\" \"Mozilla/5.0\"\n",
            number >> 40 & 255,
            number >> 48 & 255,
            number >> 20 & 0xfffff,
            number >> 12 & 0xfff
        );
        log.extend_from_slice(line.as_bytes());
    }
    for (name, bytes) in [("plain", log.clone()), ("gzip", folder::gzip(&log)), ("zstd", folder::zstd(&log))] {
        let bench = folder::Bench::new();
        bench.write("access.log", &bytes);
        let start = Instant::now();
        let intake = bench.take();
        let seconds = start.elapsed().as_secs_f64();
        assert_eq!(intake.artefacts[0].size, log.len() as u64);
        println!(
            "{name:>6}: {:8.1} MB/s unpacked, {:8.1} MB/s as received ({} -> {} bytes)",
            log.len() as f64 / 1e6 / seconds,
            bytes.len() as f64 / 1e6 / seconds,
            bytes.len(),
            log.len()
        );
    }
}

//! Rule files cut and bent at every place: each is loaded or refused, and none ends the program.

use strandline_detection::fuzz::fuzz_sigma;

const SEEDS: [&str; 3] = [
    "title: T\nid: r\nlogsource:\n    category: application\ndetection:\n    s:\n        a|windash|contains|all:\n            - ' -enc '\n            - '*cmd?exe*'\n        b|gte: 5\n        c: null\n        a|re|i: '(cmd|pow)\\.e[x]e+'\n        a|cidr: 10.0.0.0/8\n        a|utf16|base64offset|contains: xy\n        a|expand: '%x%'\n    k:\n        - word\n        - 5\n    condition: s and not 1 of k* or (2 of them)\nlevel: high\ntags: [attack.t1059]\n",
    "title: A\nname: one\nlogsource: {category: application}\ndetection: {s: {b: 7}, condition: s}\n---\ntitle: C\ncorrelation:\n    type: value_percentile\n    rules: [one]\n    group-by: [a]\n    timespan: 5m\n    condition: {field: b, percentile: 75, gte: 3}\n    aliases: {x: {one: a}}\ngenerate: true\n---\ntitle: D\ncorrelation: {type: temporal_ordered, rules: [one, C], group-by: [a], timespan: 1h, condition: one and not C}\n",
    "action: global\ntitle: G\nlogsource: {category: application}\ndetection: {condition: s}\n---\ndetection: {s: {a|fieldref|contains: b}}\n---\naction: repeat\ndetection: {s: {a|hour: 3}}\n---\naction: reset\n---\ntitle: F\nlogsource: {category: application}\nfilter: {rules: any, s: {b: 1}, condition: not s}\n",
];

#[test]
fn rule_files_cut_and_bent_anywhere() {
    const BYTES: &[u8] = b"\0\n \t-:|*&!%\\'\"[]{}(),#?>\xff\xc3x9";
    for seed in SEEDS {
        let seed = seed.as_bytes();
        for at in 0..seed.len() {
            fuzz_sigma(&seed[..at]);
            let mut bent = seed.to_vec();
            bent[at] = BYTES[at % BYTES.len()];
            fuzz_sigma(&bent);
            let mut longer = seed.to_vec();
            longer.insert(at, BYTES[(at * 7 + 3) % BYTES.len()]);
            fuzz_sigma(&longer);
        }
    }
}

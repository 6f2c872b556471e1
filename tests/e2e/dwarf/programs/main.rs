use std::collections::BTreeMap;

#[inline(always)]
fn twist(value: u64) -> u64 {
    value.rotate_left(7) ^ 0x55
}

#[inline(never)]
fn group(words: &[String]) -> BTreeMap<usize, Vec<u64>> {
    let mut groups: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for word in words {
        groups.entry(word.len()).or_default().extend(word.bytes().map(|byte| twist(u64::from(byte))));
    }
    groups
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let mut groups = group(&words);
    for values in groups.values_mut() {
        values.sort_unstable_by(|a, b| b.cmp(a));
    }
    println!("{:?}", groups);
}

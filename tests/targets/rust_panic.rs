// rust_panic [SECONDS]: half of the CPU time in a destructor while a panic passes, half in a closure below an iterator.
use std::hint::black_box;
use std::time::{Duration, Instant};

fn spin(seconds: f64) -> u64 {
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let mut sum = 0u64;
    while Instant::now() < end {
        for i in 0..100_000u64 {
            sum = black_box(sum ^ i);
        }
    }
    sum
}

#[inline(never)]
fn spin_in_drop(seconds: f64) {
    black_box(spin(seconds));
}

#[inline(never)]
fn spin_in_closure(seconds: f64) -> u64 {
    black_box(spin(seconds))
}

struct Guard(f64);

impl Drop for Guard {
    #[inline(never)]
    fn drop(&mut self) {
        spin_in_drop(self.0);
    }
}

#[inline(never)]
fn panics(seconds: f64) {
    let _guard = Guard(seconds);
    if seconds > 0.0 {
        std::panic::panic_any(1);
    }
}

#[inline(never)]
fn iterates(seconds: f64) -> u64 {
    (0..1).map(|_| spin_in_closure(seconds)).sum()
}

fn main() {
    let seconds: f64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1.0);
    std::panic::set_hook(Box::new(|_| {}));
    let _ = std::panic::catch_unwind(|| panics(seconds / 2.0));
    black_box(iterates(seconds / 2.0));
    println!("chain drop rust_panic::spin_in_drop");
    println!("chain closure rust_panic::spin_in_closure");
}

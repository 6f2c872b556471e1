// A panic that is caught, again and again.
#[inline(never)]
fn fails(n: u64) -> u64 {
    if n > 0 {
        panic!("as it should");
    }
    n
}

fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    loop {
        let _ = std::panic::catch_unwind(|| fails(std::hint::black_box(1)));
    }
}

// gimli_rows FILE [TIMES]: goes over all rows of a file's .eh_frame with gimli, TIMES times, and prints the number of
// rows and the CPU seconds of the fastest pass. Nothing is kept of the rows: this is the floor for a reader.
use gimli::{BaseAddresses, CieOrFde, EhFrame, LittleEndian, UnwindContext, UnwindSection};
use object::{Object, ObjectSection};

fn rows(section: &EhFrame<gimli::EndianSlice<LittleEndian>>, bases: &BaseAddresses) -> (u64, u64) {
    let mut context = UnwindContext::new();
    let mut entries = section.entries(bases);
    let mut count = 0;
    let mut sum = 0u64;
    while let Ok(Some(entry)) = entries.next() {
        if let CieOrFde::Fde(partial) = entry {
            let Ok(fde) = partial.parse(|section, bases, offset| section.cie_from_offset(bases, offset)) else {
                continue;
            };
            let Ok(mut table) = fde.rows(section, bases, &mut context) else {
                continue;
            };
            while let Ok(Some(row)) = table.next_row() {
                count += 1;
                sum = sum.wrapping_add(row.start_address());
            }
        }
    }
    (count, sum)
}

// CPU time of this thread in seconds (proc_pid_schedstat(5): first field, nanoseconds): other programs do not count.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds: f64 = text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0.0);
    nanoseconds / 1e9
}

fn main() {
    let path = std::env::args().nth(1).expect("gimli_rows FILE [TIMES]");
    let times: u32 = std::env::args().nth(2).map_or(5, |text| text.parse().expect("TIMES is a number"));
    let data = std::fs::read(&path).expect("FILE can be read");
    let file = object::File::parse(&*data).expect("FILE is an ELF file");
    let section = file.section_by_name(".eh_frame").expect("FILE has .eh_frame");
    let text = file.section_by_name(".text").map_or(0, |text| text.address());
    let bases = BaseAddresses::default().set_eh_frame(section.address()).set_text(text);
    let mut eh_frame = EhFrame::new(section.data().expect(".eh_frame can be read"), LittleEndian);
    eh_frame.set_address_size(8);
    let mut best = f64::MAX;
    let mut count = 0;
    for _ in 0..times {
        let start = cpu_seconds();
        let (rows, sum) = rows(&eh_frame, &bases);
        std::hint::black_box(sum);
        best = best.min(cpu_seconds() - start);
        count = rows;
    }
    println!("{count} {best}");
}

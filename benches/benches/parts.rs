//! Parts: what single parts of the machine cost, where that matters alone.
//!
//! Takes a part's name, or none for all: `cargo bench -p tidemill-benches --bench parts -- border`.
//! Gives criterion's report of it, and a table of times and ratios. Never prepares an operator
//! that was not asked for.

mod parts {
    pub mod batch_log;
    pub mod border;
    pub mod grouping;
    pub mod instance;
    pub mod line_column;
    pub mod rig;
    pub mod shuffle;
    pub mod state;
    pub mod task;
    pub mod timings;
    pub mod wide;
    pub mod wide_job;
    pub mod windows;
}

use criterion::Criterion;
use parts::{
    batch_log, border, grouping, instance, line_column, shuffle, state, task, wide, windows,
};

/// The program's allocator, as the program `tidemill` has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    line_column::measure(&mut criterion);
    border::measure(&mut criterion);
    instance::measure(&mut criterion);
    grouping::measure(&mut criterion);
    shuffle::measure(&mut criterion);
    task::measure(&mut criterion);
    wide::measure(&mut criterion);
    windows::measure(&mut criterion);
    state::measure(&mut criterion);
    batch_log::measure(&mut criterion);
    criterion.final_summary();
}

//! Driver: what a task is told of itself before it reads.
//!
//! Takes the job's seed, a batch's time and a task. Gives facts, the same in every attempt and in
//! every replay. Never knows the task's input.

use std::hash::Hasher;

use crate::model::operator::TaskFacts;
use crate::model::time::BatchTime;
use crate::sched::batch_run::ReadyTask;

/// The facts of a task, but for its rows and bytes.
pub(super) fn facts_of(job_seed: u64, time: BatchTime, task: ReadyTask) -> TaskFacts {
    TaskFacts {
        batch_time: time,
        partition: u32::try_from(task.partition).unwrap_or(u32::MAX),
        seed: task_seed(job_seed, time, task),
        input_rows: 0,
        input_bytes: 0,
    }
}

/// The same chance in every attempt and every replay of a task.
fn task_seed(job_seed: u64, time: BatchTime, task: ReadyTask) -> u64 {
    let mut hasher = siphasher::sip::SipHasher13::new_with_keys(job_seed, 1);
    hasher.write(&time.0.to_le_bytes());
    hasher.write(&(task.stage.0 as u64).to_le_bytes());
    hasher.write(&(task.partition as u64).to_le_bytes());
    hasher.finish()
}

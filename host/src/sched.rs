//! Floor 4, sched: which task runs next; answers with decisions, carries out none.
//!
//! Takes facts: tasks that ended, and how. Gives the tasks to run. Never holds rows, a lock or a
//! thread.

pub mod batch_run;

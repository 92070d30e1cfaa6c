//! Floor 0, limits: every bound of the machine, with its reason and what happens at it.
//!
//! Takes nothing. Gives constants. Never holds a value that a user sets: those live in the job
//! file and are checked against these.

use std::time::Duration;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Bytes of one slice of a block: what one guest call is given. Two MiB and less stay in cache
/// on both sides of the border; a larger slice is cut.
pub const SLICE_BYTES_MAX: usize = MIB;
/// Rows of one slice. Keeps row numbers, offsets and selections small; a larger slice is cut.
pub const SLICE_ROWS_MAX: usize = 64 * 1024;
/// Bytes of one block. A fuller block is sealed before its interval ends.
pub const BLOCK_BYTES_MAX: usize = 16 * MIB;
/// The longest a block stays open, however long the batch (Spark's
/// `spark.streaming.blockInterval`).
pub const BLOCK_INTERVAL_MAX: Duration = Duration::from_millis(200);
/// How long a batch tick waits for receivers to seal their open blocks.
pub const SEAL_WAIT_MAX: Duration = Duration::from_millis(1);
/// Bytes of blocks and shuffles held for all jobs of an engine unless set; at it receivers stop
/// reading their sources.
pub const BLOCK_BUDGET_BYTES_DEFAULT: usize = 512 * MIB;
/// The most that anyone may set: beyond it a number is a slip.
pub const BLOCK_BUDGET_BYTES_MAX: usize = 16 * 1024 * 1024 * MIB;
/// One part in so many of the block budget is kept back from receivers: rows can take more room
/// than the bytes they were read as (at worst an offset of four bytes for an empty line of one).
pub const CONVERSION_SHARE: usize = 8;
/// One part in so many of the block budget may be taken in memory by what windows reach back to:
/// more goes to disk, so that receivers find room.
pub const KEPT_SHARE: usize = 2;
/// The longest line of a text source unless set; a longer one is a bad row, cut off unread.
pub const LINE_BYTES_DEFAULT: usize = MIB;
/// The longest line anyone may set: a row must fit a border call with room for its copies.
pub const LINE_BYTES_MAX: usize = 16 * MIB;
/// Bytes a receiver asks of its source at once, and must hold of the budget before it asks: few
/// system calls at full speed, and still small beside any sensible budget.
pub const RECEIVE_BYTES: usize = 256 * KIB;
/// Bytes of whole lines a receiver gathers before it makes columns of them: they are then still in
/// cache, and a tick never finds more than this to convert.
pub const CONVERT_BYTES: usize = 256 * KIB;
/// Bytes of a bad row that a dead-letter file keeps of it: enough to see what it was.
pub const BAD_ROW_TEXT_BYTES_MAX: usize = 16 * KIB;
/// Bytes of a dead-letter file: at it, further bad rows are counted and no longer kept.
pub const DEAD_LETTER_BYTES_MAX: u64 = 256 * MIB as u64;
/// Bytes beyond that for what becomes of letters that are fed back: at it, none is fed back any
/// more, since nobody would know of it.
pub const DEAD_LETTER_NOTES_BYTES_MAX: u64 = DEAD_LETTER_BYTES_MAX / 2;
/// Bytes of a line of a dead-letter file that are read: a row of the most bytes that is kept, each
/// of which JSON may write as six, and what is said of it. What is more of a line is passed over.
pub const DEAD_LETTER_LINE_BYTES_MAX: usize = 6 * BAD_ROW_TEXT_BYTES_MAX + 64 * KIB;
/// Dead letters that are fed into one batch, each of which is a call of its own; the rest waits.
pub const FED_LETTERS_MAX: usize = 1000;
/// CPU time that a task spends on them, beside the last one that is begun within it: the batch
/// waits meanwhile, and the rest stays for the next time.
pub const FED_CPU_MAX: Duration = Duration::from_secs(2);
/// Bytes of their rows.
pub const FED_BYTES_MAX: usize = 8 * MIB;
/// How long somebody waits for the batch with the letters they fed back; then they are told that it
/// has not ended.
pub const FED_WAIT_MAX: Duration = Duration::from_secs(60);
/// Those who look at rows of one job at once: each costs the tasks it looks at a copy of some rows.
pub const TAPS_MAX: usize = 16;
/// Rows that are shown to one who looks, at rows of batches or at what a step keeps.
pub const LOOK_ROWS_MAX: usize = 1000;
/// Rows that are shown to one who does not say how many.
pub const LOOK_ROWS_DEFAULT: usize = 20;
/// Bytes of such rows, about: at it no more are shown.
pub const LOOK_BYTES_MAX: usize = 4 * MIB;
/// Bytes of rows that a task copies for one who looks; those of a slice more, at most.
pub const TAP_BYTES_MAX: usize = MIB;
/// How long one who looks waits for rows, unless they say otherwise, and at most.
pub const TAP_WAIT_DEFAULT: Duration = Duration::from_secs(10);
/// The longest that one who looks may wait.
pub const TAP_WAIT_MAX: Duration = Duration::from_secs(60);
/// Dead letters that are shown to one question.
pub const LETTERS_ASKED_MAX: usize = 1000;
/// Bytes of lines that are kept of the rows operators refuse in a batch; further ones are counted.
pub const REJECTED_LINES_BYTES_MAX: usize = 64 * MIB;
/// File ranges that one batch may be given of one source: each costs a task. The rest comes in
/// the next batches, as does what is more than the block budget.
pub const FILE_RANGES_PER_BATCH_MAX: usize = PARTITIONS_MAX;
/// Memory of the columns that one range of a file becomes, at worst: executors hold one each. A
/// range is as many bytes as a block, fewer where a row has many columns for little text.
pub const FILE_RANGE_COLUMNS_BYTES_MAX: usize = 16 * BLOCK_BYTES_MAX;
/// How often the bytes of a file that gzip has packed are counted among the bytes of files that a
/// batch is given: text packs so well. One that packs better holds no more than the columns that a
/// range may become; then reading it fails.
pub const GZIP_GROWTH: u64 = 8;
/// The least time that selected files are remembered, and that a file may be older than its batch
/// (Spark's `spark.streaming.fileStream.minRememberDuration`).
pub const FILE_REMEMBER_MIN: Duration = Duration::from_secs(60);
/// Lines in which a source of files tells of files that came too old to be read: a folder into
/// which only such files are put would fill a log.
pub const FILE_LATE_LINES_MAX: usize = 10;
/// Connections that a source accepts at once unless set; further ones wait in the system. Of each
/// an unfinished line may be held, beside the budget: half the default budget at worst.
pub const LISTEN_CONNECTIONS_DEFAULT: usize = 256;
/// The most connections that anyone may set: each is an open file, and few systems give a process
/// more.
pub const LISTEN_CONNECTIONS_MAX: usize = 4096;
/// Lines in which a source that listens tells who connected: many short connections would fill a
/// log.
pub const LISTEN_TOLD_LINES_MAX: usize = 10;
/// How much of its rate a source that brought less may bring at once: what it would have brought
/// in a batch interval, but in no more than this (as the limiter that Spark uses).
pub const RATE_BURST_MAX: Duration = Duration::from_secs(1);
/// The longest that rows wait for their rate before somebody looks whether it has changed.
pub const RATE_LOOK_WAIT_MAX: Duration = Duration::from_millis(10);
/// The least that they wait: the system's timers are hardly finer.
pub const RATE_LOOK_WAIT_MIN: Duration = Duration::from_millis(1);
/// Rows a second that a job may name as a rate: beyond it the rate is no rate.
pub const RATE_ROWS_MAX: u64 = 1_000_000_000;
/// Bytes a second that a job may name as a rate.
pub const RATE_BYTES_MAX: usize = 1024 * 1024 * MIB;
/// Bytes of a range of a file where the source has a rate: a batch is given whole ranges, one at
/// least.
pub const FILE_RANGE_BYTES_PACED: usize = MIB;
/// Single rows that are gathered before a slice is made of them: each has memory of its own till
/// then.
pub const GATHERED_PIECES_MAX: usize = 4 * 1024;
/// How long one attempt to connect may take; then it counts as refused.
pub const CONNECT_WAIT_MAX: Duration = Duration::from_secs(10);
/// The first wait before connecting again; each further refusal doubles it.
pub const RECONNECT_WAIT_FIRST: Duration = Duration::from_millis(100);
/// The longest wait before connecting again.
pub const RECONNECT_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long a stop waits for a read of standard input that is under way.
pub const LAST_READ_WAIT_MAX: Duration = Duration::from_millis(200);
/// How long a stop waits for receivers to end by themselves; then they are dropped.
pub const RECEIVER_STOP_WAIT_MAX: Duration = Duration::from_secs(10);
/// The shortest batch interval a job may ask for: below it the timers of the system dominate.
pub const BATCH_INTERVAL_MIN: Duration = Duration::from_millis(1);
/// Batches waiting to run; at it the clock merges or holds back ticks, by `catch_up`.
pub const BATCH_QUEUE_MAX: usize = 1024;
/// Late ticks that are made up for one by one: as many batches as wait at most.
pub const LATE_TICKS_MAX: u32 = BATCH_QUEUE_MAX as u32;
/// Batches by which folders that an earlier run has left may lie ahead of the time: a job that goes
/// by the clock begins behind them. Those further ahead were not made by a run that ended lately.
pub const BATCHES_AHEAD_MAX: u32 = 16;
/// Attempts of a task before its batch fails (Spark's `spark.task.maxFailures`).
pub const TASK_FAILURES_MAX: u32 = 4;
/// Rows that a batch may leave out because calls fail with them: a few are bad luck, more a bug.
/// Finding one takes some twenty calls, each of which may use up a task's CPU time.
pub const POISON_ROWS_MAX: u64 = 16;
/// The most that a job may ask for.
pub const POISON_ROWS_ASKED_MAX: u64 = 10_000;
/// How often in a row what a stage made may be lost in a batch and made again (Spark's
/// `spark.stage.maxConsecutiveAttempts`); the next loss fails the batch.
pub const STAGE_REOPENINGS_MAX: u32 = 4;
/// Batch intervals that a graceful stop may take once the receivers have stopped, unless set
/// (Spark's `spark.streaming.gracefulStopTimeout`); then the rest is given up.
pub const GRACEFUL_STOP_BATCHES: u32 = 10;
/// The least a graceful stop may take unless set: ten batches of some milliseconds would be over
/// at a breath of the machine.
pub const GRACEFUL_STOP_MIN: Duration = Duration::from_secs(10);
/// The most that may be set for a graceful stop: as long as the longest batch.
pub const GRACEFUL_STOP_MAX: Duration = BATCH_INTERVAL_MAX;
/// How long the end of a job waits for a sink that is just publishing; then it is left behind.
pub const PUBLISHER_STOP_WAIT_MAX: Duration = Duration::from_secs(10);
/// Events that wait for one listener; further ones are dropped and counted (Spark's
/// `spark.scheduler.listenerbus.eventqueue.capacity`).
pub const LISTENER_QUEUE_MAX: usize = 10_000;
/// How long the end of a job waits for a listener to hear the last events.
pub const LISTENER_END_WAIT_MAX: Duration = Duration::from_secs(10);
/// Batches that have ended and can still be asked for (Spark's
/// `spark.streaming.ui.retainedBatches`).
pub const RETAINED_BATCHES_DEFAULT: usize = 1000;
/// The most of them that a job may keep: each is some kilobytes.
pub const RETAINED_BATCHES_MAX: usize = 100_000;
/// Partitions of one shuffle: each costs a task per batch.
pub const PARTITIONS_MAX: usize = 4096;
/// Columns of a schema: a batch has some buffers for each.
pub const COLUMNS_MAX: usize = 1024;
/// Depth of nested lists at the border.
pub const LIST_DEPTH_MAX: usize = 2;
/// Rejected rows that one call may name; more make the call a failure.
pub const REJECTED_ROWS_MAX: usize = 64 * 1024;

/// Linear memory of one instance, all its memories together. It also bounds how late an epoch can
/// stop a bulk operation (about half a millisecond per MiB).
pub const INSTANCE_MEMORY_BYTES_MAX: usize = 256 * MIB;
/// Memory of an instance kept mapped between uses; page faults cost more than the memory.
pub const INSTANCE_RESIDENT_BYTES: usize = 8 * MIB;
/// Pool slots per executor: instances of a task's plugins, and room for `describe` beside them.
pub const INSTANCE_SLOTS_PER_EXECUTOR: u32 = 32;
/// Plugins of a job: a task holds one instance of each that its stage calls.
pub const PLUGINS_MAX: usize = 24;
/// CPU time of a task: a base, and a share per row and per byte of its input.
pub const TASK_CPU_BASE: Duration = Duration::from_secs(2);
/// CPU time granted per input row of a task.
pub const TASK_CPU_PER_ROW: Duration = Duration::from_micros(100);
/// CPU time granted per input byte of a task.
pub const TASK_CPU_PER_BYTE: Duration = Duration::from_nanos(1_000);
/// The epoch's tick: how often a running guest is looked at.
pub const EPOCH_TICK: Duration = Duration::from_millis(1);
/// Bytes that one call may give back, all lists counted.
pub const CALL_OUTPUT_BYTES_MAX: usize = 128 * MIB;
/// Rows that one call may give back.
pub const CALL_OUTPUT_ROWS_MAX: usize = 16 * 1024 * 1024;
/// Bytes of log that one task may write; the rest is dropped and counted.
pub const TASK_LOG_BYTES_MAX: usize = 64 * KIB;
/// Bytes of one log line, one message or one name from a guest; longer ones are cut.
pub const GUEST_TEXT_BYTES_MAX: usize = KIB;
/// Counters that one job's plugins may open; further names are dropped.
pub const COUNTERS_MAX: usize = 256;
/// Bytes of a component file. Interpreters for other languages are the largest (18 MiB).
pub const COMPONENT_BYTES_MAX: usize = 64 * MIB;
/// Operators of one plugin, and parameters of one operator.
pub const OPERATORS_MAX: usize = 256;
/// Address space of the child that compiles a component.
pub const COMPILE_MEMORY_BYTES_MAX: usize = 4 * 1024 * MIB;
/// How far what no batch waits for stands back behind batches: it has a tenth of a core where all
/// are busy, and all of one where one is idle.
pub const NICENESS_BEHIND_BATCHES: i32 = 10;
/// How often the child that compiles looks whether it gets any core. It runs where one is idle, and
/// gives one up at once.
pub const COMPILE_LOOK: Duration = Duration::from_secs(1);
/// One in so many seconds is what it must get of a core: with less it is begun anew, standing back,
/// which gives it about that much where all are busy.
pub const COMPILE_SHARE_MIN: u32 = 10;
/// CPU time of the child that compiles a component.
pub const COMPILE_CPU_MAX: Duration = Duration::from_secs(60);
/// Wall time of the child that compiles a component: ten times its CPU time, as it stands back.
pub const COMPILE_WALL_MAX: Duration = Duration::from_secs(600);

/// Records that wait to be written to the batch log; further ones are dropped and counted, since no
/// batch waits for a disk. At 5 ms a batch it is some ten seconds of ten jobs.
pub const BATCH_LOG_QUEUE_MAX: usize = 32 * 1024;
/// How long the batch log waits for more records before it commits: what a kill may lose.
pub const BATCH_LOG_GATHER: Duration = Duration::from_millis(10);
/// Records of one commit of the batch log.
pub const BATCH_LOG_GROUP_MAX: usize = 1024;
/// The oldest batch that the batch log keeps, unless another age is given.
pub const BATCH_LOG_AGE_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// The least age that may be given: a younger batch may well run yet.
pub const BATCH_LOG_AGE_MIN: Duration = Duration::from_secs(60);
/// Bytes of the records that the batch log keeps, unless others are given; its file is some times
/// as large. A record has a kilobyte or two.
pub const BATCH_LOG_BYTES_MAX: u64 = 128 * MIB as u64;
/// The least bytes that may be given: some dozens of batches, more than run at once.
pub const BATCH_LOG_BYTES_MIN: u64 = 64 * 1024;
/// Records that one commit of the batch log removes: more than it adds, and no long wait.
pub const BATCH_LOG_PRUNED_MAX: usize = 4 * BATCH_LOG_GROUP_MAX;
/// Memory for pages of the batch log.
pub const BATCH_LOG_CACHE_BYTES: usize = 4 * MIB;
/// Memory for pages of the list of hosted jobs.
pub const JOB_SHELF_CACHE_BYTES: usize = MIB;
/// Batches that are given to one question.
pub const BATCHES_ASKED_MAX: usize = 1000;
/// Batches that are given to a question that does not say how many.
pub const BATCHES_ASKED_DEFAULT: usize = 20;
/// Lines of its log that are kept of a job: some screens full.
pub const JOB_LINES_MAX: usize = 1000;
/// Bytes of such a line; a longer one is cut.
pub const JOB_LINE_BYTES_MAX: usize = 4 * KIB;
/// Jobs that one server runs at once: each has some threads of its own.
pub const HOSTED_JOBS_MAX: usize = 256;
/// Connections for control at once; more wait in the system.
pub const CONTROL_CONNECTIONS_MAX: usize = 256;
/// How long the head of a request may take, and a connection be idle between two.
pub const CONTROL_HEADER_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long a body may stand still.
pub const CONTROL_BODY_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long a connection may last, all its requests together: a client that reads nothing holds it
/// no longer. Starting a job that builds its plugins from source takes minutes.
pub const CONTROL_CONNECTION_MAX: Duration = Duration::from_secs(30 * 60);
/// How long the end of a server waits for what is just being answered; then it is left behind.
pub const CONTROL_STOP_WAIT_MAX: Duration = Duration::from_secs(5);
/// How long the accept loop waits when the system gives no connection.
pub const CONTROL_ACCEPT_WAIT: Duration = Duration::from_millis(100);
/// Bytes of the head of a request.
pub const CONTROL_HEADER_BYTES_MAX: usize = 16 * KIB;
/// Headers of a request.
pub const CONTROL_HEADERS_MAX: usize = 64;
/// Bytes of a body: a job file, each of whose bytes JSON may write as two.
pub const CONTROL_BODY_BYTES_MAX: usize = 2 * JOB_FILE_BYTES_MAX + 64 * KIB;
/// Bytes of a response that a client of ours takes.
pub const CONTROL_RESPONSE_BYTES_MAX: usize = 64 * MIB;
/// Bytes of a file that holds a token or an address.
pub const PRIVATE_FILE_BYTES_MAX: u64 = 4 * KIB as u64;

/// Bytes of a job file; a longer one is refused unread. People write a few kilobytes.
pub const JOB_FILE_BYTES_MAX: usize = MIB;
/// How long rows that operators refuse are added up until they are told again: a job whose every
/// batch has some says nothing else otherwise.
pub const REJECTED_TOLD_EVERY: Duration = Duration::from_secs(60);
/// Bytes of a file of cases, which is read whole: a longer one is refused. A case is a line.
pub const CASES_BYTES_MAX: usize = 4 * LINE_BYTES_MAX;
/// Plugins, sources, streams or sinks of a job, each: all are held and checked at once.
pub const DECLARATIONS_MAX: usize = 1024;
/// Steps of a job, all streams together: planning keeps the schema after each.
pub const STEPS_MAX: usize = 1024;
/// Bytes of rows that an action on a dataset gives the program unless it asks for more (Spark's
/// `spark.driver.maxResultSize`): a larger result fails before all of it is made.
pub const RESULT_BYTES_DEFAULT: usize = 1024 * MIB;
/// By how many times more partitions `take` runs next when it has not found enough (Spark's
/// `spark.rdd.limit.scaleUpFactor`).
pub const TAKE_GROWTH: usize = 4;
/// Rows that a join may give in one partition: a key that is frequent in both streams gives their
/// product, and all of it is in memory before the next step.
pub const JOIN_ROWS_MAX: u64 = 1 << 24;
/// Bytes of a broadcast: of its file, and of its columns. Each version that a running batch reads
/// is held beside the block budget, once for all tasks, with what joins make of it; each instance
/// of a plugin that reads it holds a copy of its own. A larger one is refused.
pub const BROADCAST_BYTES_MAX: usize = 256 * MIB;
/// Rows of a broadcast: row numbers are of 32 bits, and an index holds some bytes for each.
pub const BROADCAST_ROWS_MAX: usize = 1 << 24;
/// Broadcasts that an operator may read.
pub const OPERATOR_BROADCASTS_MAX: usize = 64;
/// How often a union may bring partitions together, unions of unions counted through: each more
/// is a task per partition and batch.
pub const UNION_WIDTH_MAX: usize = 1024;
/// Constants that a step compares a column with: all are held beside each slice.
pub const CONSTANTS_MAX: usize = 1024;
/// Rows that a `top` keeps: each partition keeps as many, and all of them meet in one.
pub const TOP_ROWS_MAX: usize = 1 << 20;
/// Words that a message lists of those that would be allowed.
pub const LISTED_WORDS_MAX: usize = 24;
/// What is wrong with a job, told at once; people mend a few and try again.
pub const FINDINGS_MAX: usize = 20;
/// The longest batch interval: beyond a day a clock of batches is the wrong tool.
pub const BATCH_INTERVAL_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// The shortest block interval: the timer's own grain.
pub const BLOCK_INTERVAL_MIN: Duration = Duration::from_millis(1);
/// Batches of a job that may run at once: each holds its blocks and shuffles.
pub const CONCURRENT_JOBS_MAX: usize = 64;
/// Attempts of a task that a job may ask for.
pub const TASK_FAILURES_ASKED_MAX: u32 = 100;
/// The least memory of an instance that a job may set: below it no component starts.
pub const INSTANCE_MEMORY_BYTES_MIN: usize = MIB;
/// The most CPU time a job may grant a plugin's task beside what its input earns.
pub const TASK_CPU_BASE_ASKED_MAX: Duration = Duration::from_secs(600);
/// Rows of a batch that a job may have printed: a terminal is for reading.
pub const PRINT_ROWS_MAX: usize = 10_000;
/// Lines a second that a job may have generated: beyond it the rate is no rate.
pub const GENERATE_LINES_PER_SECOND_MAX: u64 = 1_000_000_000;
/// Words a generated line may have.
pub const GENERATE_WORDS_MAX: usize = 1_000;
/// Different words that may be generated: all are held in memory.
pub const GENERATE_VOCABULARY_MAX: usize = 1_000_000;
/// Bytes of a name: of a job and its parts, a plugin, an operator, a parameter, a column or a
/// counter. It goes into messages, file names and metrics.
pub const NAME_BYTES_MAX: usize = 64;
/// Bytes that `describe` may give back; a longer description is refused.
pub const DESCRIPTION_BYTES_MAX: usize = MIB;
/// What a call may allocate in the host beyond its output limit, for list headers. Beyond it
/// wasmtime stops the call, before our own check could name what was too much.
pub const CALL_OUTPUT_SLACK_BYTES: usize = 16 * MIB;
/// What a log line is charged at least: without it empty lines would be free.
pub const LOG_LINE_BYTES_MIN: usize = 16;
/// Stack of a guest; half a MiB more is left to the host functions it calls.
pub const GUEST_STACK_BYTES: usize = 512 * KIB;
/// Elements of a guest's function table. Interpreters have some ten thousand functions.
pub const TABLE_ELEMENTS_MAX: usize = 100_000;
/// Memories of one component: its own, and one of an adapter.
pub const COMPONENT_MEMORIES_MAX: u32 = 2;
/// Tables of one component: its functions', and those that bind imports.
pub const COMPONENT_TABLES_MAX: u32 = 8;
/// Core instances of one component: shared libraries of an interpreter are one each.
pub const COMPONENT_CORE_INSTANCES_MAX: u32 = 32;
/// Core modules in one component.
pub const COMPONENT_MODULES_MAX: usize = 64;
/// Components within components: the validator keeps some kilobytes for each that is open. Tools
/// wrap a component once or twice.
pub const COMPONENT_NESTING_MAX: usize = 16;
/// Types in one component, those of its modules counted. An interpreter has some thousand.
pub const COMPONENT_TYPES_MAX: usize = 100_000;
/// Types that are declared within another type, in one section of a component. They are read by
/// recursion, so more of them could use up the reader's stack, and the process would end.
pub const COMPONENT_INNER_TYPES_MAX: usize = 100;
/// Functions in one component. An interpreter has some ten thousand.
pub const COMPONENT_FUNCTIONS_MAX: usize = 100_000;
/// Bytes of one function's body: the compiler's time grows with more than the first power of it.
pub const FUNCTION_BYTES_MAX: usize = 512 * KIB;
/// Locals of one function.
pub const FUNCTION_LOCALS_MAX: u32 = 10_000;
/// Blocks within blocks of one function: with epochs on, compiling takes the square of it.
pub const FUNCTION_NESTING_MAX: u32 = 2_000;
/// Imports, and exports, of one component or module.
pub const COMPONENT_NAMES_MAX: u32 = 16 * 1024;
/// Sealed artefacts kept in their folder; the oldest is removed for a new one.
pub const ARTEFACTS_MAX: usize = 256;
/// Stack of the thread that compiles: the compiler recurses as deep as what it compiles.
pub const COMPILE_STACK_BYTES: usize = 64 * MIB;
/// Bytes of a compiled artefact: machine code is some ten times its wasm.
pub const ARTEFACT_BYTES_MAX: usize = 1024 * MIB;

const _: () =
    assert!(BLOCK_BYTES_MAX * 2 <= BLOCK_BUDGET_BYTES_DEFAULT, "two blocks fit the budget");
const _: () =
    assert!(CALL_OUTPUT_ROWS_MAX <= i32::MAX as usize, "rows of an answer have 32-bit offsets");

/// Bytes of a file that a stateful step begins with: it is read at once when the job starts.
pub const INITIAL_STATE_BYTES_MAX: usize = 256 * MIB;

const _: () = assert!(SLICE_BYTES_MAX <= BLOCK_BYTES_MAX, "a block holds at least one slice");
const _: () = assert!(
    BATCH_LOG_BYTES_MIN <= BATCH_LOG_BYTES_MAX,
    "the default of the batch log's bytes is allowed"
);
const _: () = assert!(LINE_BYTES_DEFAULT <= LINE_BYTES_MAX, "the default line is allowed");
const _: () = assert!(LINE_BYTES_MAX <= BLOCK_BYTES_MAX, "the longest line fits a block");
const _: () = assert!(
    LISTEN_CONNECTIONS_DEFAULT * LINE_BYTES_DEFAULT * 2 <= BLOCK_BUDGET_BYTES_DEFAULT,
    "unfinished lines of all connections are half the budget"
);
const _: () = assert!(
    LINE_BYTES_MAX * 4 <= INSTANCE_MEMORY_BYTES_MAX,
    "the longest line and its copies fit an instance"
);
const _: () = assert!(
    CALL_OUTPUT_BYTES_MAX <= INSTANCE_MEMORY_BYTES_MAX,
    "what a call gives back fits the instance that made it"
);

/// Batches for which new versions of plugins are watched unless a swap says otherwise: a version
/// that fails one batch in a hundred is met in most cases.
pub const SWAP_WATCHED_BATCHES: u32 = 100;
/// Batches over which the usual work of a row is taken.
pub const SWAP_USUAL_BATCHES: usize = 16;
/// A batch of less CPU time is not called slow: its noise is larger than its work.
pub const SWAP_EFFORT_MIN: Duration = Duration::from_millis(5);
/// Batches whose inputs a job retains unless it says otherwise: what a new version is tried on.
pub const RETAINED_INPUTS_DEFAULT: usize = 3;
/// Batches whose inputs a job may ask to be retained: a replay runs them one after the other.
pub const RETAINED_INPUTS_MAX: usize = 10_000;
/// Bytes of retained inputs unless a job says otherwise. A batch of more is not retained.
pub const RETAINED_INPUT_BYTES_DEFAULT: usize = 16 * MIB;
/// Bytes of retained inputs that a job may ask for: they are held beside the block budget.
pub const RETAINED_INPUT_BYTES_MAX: usize = 16 * 1024 * MIB;
/// Bytes that the tasks of a replayed batch may make, all stages together; one that makes more is
/// left out, not failed: it may have had the room when it ran.
pub const REPLAY_BYTES_MAX: usize = 512 * MIB;
/// Rows of an output that are compared one by one; of more, hashes and numbers are told.
pub const REPLAY_ROWS_COMPARED_MAX: usize = 200_000;
/// Rows of a difference that are shown of an output.
pub const REPLAY_ROWS_SHOWN_MAX: usize = 10;
/// Bytes of a row that is shown; a longer one is cut.
pub const REPLAY_ROW_BYTES_MAX: usize = 4 * KIB;
/// Bytes of a case that a replay writes of a batch's rows; one partition of it may fit.
pub const REPLAY_CASE_BYTES_MAX: usize = 32 * MIB;
/// Batches that a new version may be asked to run in the shadow of the current one.
pub const SHADOW_BATCHES_MAX: u32 = 1_000_000;
/// Of a batch interval, the CPU time that a shadow may take unless a swap says otherwise: what one
/// core does in it.
pub const SHADOW_SHARE_DEFAULT: f64 = 0.25;
/// So many times the batches that a shadow is asked to run may be left out; then it is given up.
pub const SHADOW_PATIENCE: u32 = 4;
/// Lines of a shadow's difference that are told with its batch: the gate shows more.
pub const SHADOW_LINES_MAX: usize = 2;
/// Versions that a job holds in quarantine; the oldest goes for a new one.
pub const QUARANTINED_MAX: usize = 100;
/// How often the sources of plugins are looked at that are swapped in when they change: a person
/// waits for cargo, not for this.
pub const WATCH_EVERY: Duration = Duration::from_millis(200);
/// Files of a plugin that are looked at; more are no source of a plugin, and are passed over.
pub const WATCH_FILES_MAX: usize = 10_000;
/// Folders within one another.
pub const WATCH_DEPTH_MAX: usize = 32;

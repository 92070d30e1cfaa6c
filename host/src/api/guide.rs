//! Api: a guide to programs that run jobs, from a first word count to their tests.
//!
//! Takes a reader who knows Rust. Gives each part of the api with an example that runs, in the
//! order in which one meets them. Never says more than the parts themselves do.
//!
//! # A first program
//!
//! An [`Engine`] has one executor for each core, and runs any number of jobs. A job is built on a
//! [`StreamingContext`]: sources give streams, steps make streams of streams, outputs say what is
//! to be done with them. Nothing is read before it is started.
//!
//! ```
//! use std::time::Duration;
//!
//! use tidemill::api::context::StreamingContext;
//! use tidemill::api::given::{DatasetQueue, line_schema, lines};
//! use tidemill::api::native::{flat_map, map};
//! use tidemill::driver::engine::{Engine, EngineConfig};
//! use tidemill::model::operation::BuiltInFold;
//! use tidemill::wasm::compile::Compiler;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Compiled plugins are kept there.
//! let folder = tempfile::tempdir()?;
//! let engine = Engine::start(EngineConfig::new(folder.path().into(), Compiler::InProcess))?;
//! let mut context = StreamingContext::new(&engine, Duration::from_millis(20));
//!
//! let split = flat_map::<&'static str, &'static str, _>("split", |line, words| {
//!     line.split_whitespace().for_each(|word| words.push(word));
//! })?;
//! let pair = map::<&'static str, (&'static str, i64), _>("pair", |word, _| (word, 1))?;
//!
//! // What a program has itself; `context.socket_text_stream("127.0.0.1:9999")` reads a socket.
//! let queue = DatasetQueue::default();
//! queue.push(lines(["to be or not", "to be"]));
//! queue.close();
//! let text = context.queue_stream(line_schema(), &queue, true, Vec::new());
//! text.flat_map(split).map(pair.with_keys(1)).reduce_by_key(BuiltInFold::Sum).print(10);
//!
//! context.start()?;
//! // Returns when all sources have ended, or with the first error.
//! context.await_termination()?;
//! # Ok(())
//! # }
//! ```
//!
//! Rows have columns, as [`StreamSchema`] says, and the first of them may be the key: that is what
//! `with_keys(1)` is for. The columns of a tuple are called `_1`, `_2` and so on. A closure takes
//! and gives values as the SDK of plugins knows them: see [`native`] for all kinds of them. What
//! the host does itself needs no closure: [`BuiltInFold`], and the verbs below.
//!
//! # Operators in the sandbox
//!
//! Closures are the program's own code. Whoever's code is not trusted goes into a plugin, whose
//! operators stand where closures do; `tidemill plugin new` writes one.
//!
//! ```no_run
//! # use tidemill::api::context::StreamingContext;
//! # use tidemill::driver::engine::Engine;
//! # use tidemill::model::receiver::BoxError;
//! # fn build(engine: &Engine, context: &StreamingContext) -> Result<(), BoxError> {
//! let words = engine.load_plugin("word_count.wasm")?;
//! let lines = context.socket_text_stream("127.0.0.1:9999");
//! lines.flat_map(words.operator("split")?).map(words.operator("pair")?).print(10);
//! # Ok(())
//! # }
//! ```
//!
//! # Trying things out
//!
//! A [`TestContext`] has batches that a test gives, and a clock that stands until the next one is
//! run. Nothing sleeps, so a test of a thousand batches takes no longer than their work.
//!
//! ```
//! use std::time::Duration;
//!
//! use tidemill::api::native;
//! use tidemill::api::test_context::TestContext;
//! use tidemill::driver::engine::EngineConfig;
//! use tidemill::model::status::BatchOutcome;
//! use tidemill::wasm::compile::Compiler;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let config = EngineConfig::new(folder.path().into(), Compiler::InProcess);
//! let mut test = TestContext::new(config, Duration::from_secs(1))?;
//!
//! let lines = test.lines(&[&["3", "4"], &["five"], &[]]);
//! let number = native::map::<&'static str, i64, _>("number", |line, _| {
//!     line.parse().expect("lines are numbers")
//! })?;
//! let numbers = test.collect(&lines.map(number));
//! let counts = test.collect(&lines.count());
//!
//! let batches = test.run(3)?;
//! assert!(matches!(batches[1].outcome, BatchOutcome::Failed { .. }), "a panic fails its batch");
//! assert_eq!(numbers.shown(), [vec!["3", "4"], vec![]]);
//! assert_eq!(counts.shown(), [["2"], ["0"]], "a batch that fails has no output at all");
//! # Ok(())
//! # }
//! ```
//!
//! All examples that follow begin with such a context of batches of a second, called `test`. Job
//! files have the same by `tidemill test`.
//!
//! # Verbs of the host
//!
//! Columns can be chosen, compared, ordered and folded without any code of one's own: see
//! [`verbs`].
//!
//! ```
//! # use tidemill::api::{native, test_context::TestContext};
//! # use tidemill::driver::engine::EngineConfig;
//! # use tidemill::model::operation::BuiltInFold;
//! # use tidemill::wasm::compile::Compiler;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let config = EngineConfig::new(folder.path().into(), Compiler::InProcess);
//! # let mut test = TestContext::new(config, std::time::Duration::from_secs(1))?;
//! use tidemill::model::operation::aggregate::Aggregated;
//! use tidemill::model::operation::condition::{Comparison, Condition};
//!
//! // A line is a book and an amount.
//! let trade = native::map::<&'static str, (&'static str, i64), _>("trade", |line, _| {
//!     let (book, amount) = line.split_once(' ').unwrap_or((line, "0"));
//!     (book, amount.parse().unwrap_or(0))
//! })?;
//! let trades = test.lines(&[&["bonds 5", "rates 7", "bonds 8", "rates -1"]]);
//! let trades = trades.map(trade).rename(&[("_1", "book"), ("_2", "amount")]);
//!
//! let sums = trades.key_by(&["book"]).aggregate([
//!     Aggregated::new("amount", BuiltInFold::Sum),
//!     Aggregated::new("trades", BuiltInFold::Count),
//! ]);
//! let sums = test.collect(&sums.sort_by(&["-amount"]));
//! let gains = trades.filter_where("amount", Condition::Is(Comparison::Greater, 0.into()));
//! let largest = test.collect(&gains.top(1, &["amount"]));
//! test.run(1)?;
//! assert_eq!(sums.shown(), [["(bonds,13,2)", "(rates,6,2)"]]);
//! assert_eq!(largest.shown(), [["(bonds,8)"]]);
//! # Ok(())
//! # }
//! ```
//!
//! # Windows
//!
//! A window reaches back over the batches before it. One that slides is folded from the one before
//! where the fold has an inverse, which sums and counts of whole numbers bring with them.
//!
//! ```
//! # use tidemill::api::{native, test_context::TestContext};
//! # use tidemill::driver::engine::EngineConfig;
//! # use tidemill::model::operation::BuiltInFold;
//! # use tidemill::wasm::compile::Compiler;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let config = EngineConfig::new(folder.path().into(), Compiler::InProcess);
//! # let mut test = TestContext::new(config, std::time::Duration::from_secs(1))?;
//! use std::time::Duration;
//!
//! let (second, two) = (Duration::from_secs(1), Duration::from_secs(2));
//! let words = test.lines(&[&["a"], &["a", "b"], &[], &["b"]]);
//! let pair = native::map::<&'static str, (&'static str, i64), _>("pair", |word, _| (word, 1))?;
//! let pairs = words.map(pair.with_keys(1));
//! let counts = pairs.reduce_by_key_and_window(BuiltInFold::Sum, two, second);
//! let counts = test.collect(&counts.sort_by(&["_1"]));
//! let every_other = test.collect(&words.count_by_window(two, two));
//! test.run(4)?;
//! assert_eq!(
//!     counts.shown(),
//!     [vec!["(a,1)"], vec!["(a,2)", "(b,1)"], vec!["(a,1)", "(b,1)"], vec!["(b,1)"]],
//! );
//! assert_eq!(every_other.shown(), [["3"], ["1"]]);
//! # Ok(())
//! # }
//! ```
//!
//! # Joins
//!
//! Rows of two streams meet by key, batch by batch; before it, a window lets one wait for the
//! other.
//!
//! ```
//! # use tidemill::api::{native, test_context::TestContext};
//! # use tidemill::driver::engine::EngineConfig;
//! # use tidemill::wasm::compile::Compiler;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let config = EngineConfig::new(folder.path().into(), Compiler::InProcess);
//! # let mut test = TestContext::new(config, std::time::Duration::from_secs(1))?;
//! let user = native::map::<&'static str, (&'static str, &'static str), _>("user", |line, _| {
//!     line.split_once(' ').unwrap_or((line, ""))
//! })?
//! .with_keys(1);
//! let orders = test.lines(&[&["ann tea", "bob rye"], &["ann jam"]]).map(user.clone());
//! let towns = test.lines(&[&["ann Ulm"], &["bob Rom"]]).map(user);
//! let inner = test.collect(&orders.join(&towns));
//! let outer = test.collect(&orders.left_outer_join(&towns).sort_by(&["_1"]));
//! let unknown = test.collect(&orders.anti_join(&towns));
//! test.run(2)?;
//! assert_eq!(inner.shown(), [vec!["(ann,tea,Ulm)"], vec![]]);
//! // The last column says whether the other side is there.
//! let first = vec!["(ann,tea,Ulm,true)", "(bob,rye,null,false)"];
//! assert_eq!(outer.shown(), [first, vec!["(ann,jam,null,false)"]]);
//! assert_eq!(unknown.shown(), [["(bob,rye)"], ["(ann,jam)"]]);
//! # Ok(())
//! # }
//! ```
//!
//! # State
//!
//! Two steps keep something for each key, under a name. [`DStream::update_state_by_key`] makes it
//! anew in every batch and gives all keys; [`DStream::map_with_state`] is called for each value,
//! and costs what comes, not what is kept. [`StateSpec`] says what it begins with and when a key
//! goes.
//!
//! ```
//! # use tidemill::api::{native, test_context::TestContext};
//! # use tidemill::driver::engine::EngineConfig;
//! # use tidemill::model::operation::BuiltInFold;
//! # use tidemill::wasm::compile::Compiler;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let config = EngineConfig::new(folder.path().into(), Compiler::InProcess);
//! # let mut test = TestContext::new(config, std::time::Duration::from_secs(1))?;
//! use std::time::Duration;
//!
//! use tidemill::api::stateful::StateSpec;
//!
//! let pair = native::map::<&'static str, (&'static str, i64), _>("pair", |word, _| (word, 1))?;
//! let visits = test.lines(&[&["ann", "ann"], &["bob"], &[], &[]]).map(pair.with_keys(1));
//! let totals = visits.update_state_by_key("totals", BuiltInFold::Sum).sort_by(&["_1"]);
//! let totals = test.collect(&totals);
//!
//! type User = &'static str;
//! let session = native::map_with_state::<User, i64, i64, (User, i64), _>(
//!     "session",
//!     |_context, user, visit, count, rows| match visit {
//!         Some(_) => count.update(count.get().map_or(1, |count| count + 1)),
//!         // Nothing came for longer than the time-out: the key's last call.
//!         None => rows.push((*user, count.get().copied().unwrap_or_default())),
//!     },
//! )?;
//! let spec = StateSpec::of(session).timeout(Duration::from_secs(1));
//! let sessions = visits.map_with_state("sessions", spec);
//! let open = test.collect(&sessions.state_snapshots().count());
//! let ended = test.collect(&sessions);
//! test.run(4)?;
//! assert_eq!(totals.shown()[0], ["(ann,2)"]);
//! assert_eq!(totals.shown()[3], ["(ann,2)", "(bob,1)"]);
//! assert_eq!(ended.shown(), [vec![], vec![], vec!["(ann,2)"], vec!["(bob,1)"]]);
//! assert_eq!(open.shown(), [["1"], ["2"], ["1"], ["0"]]);
//! # Ok(())
//! # }
//! ```
//!
//! # Functions over whole datasets
//!
//! [`DStream::transform`] makes any dataset of a batch's, and [`DStream::for_each_batch`] does what
//! it likes with it: it is the way to a sink of one's own. Both are given the batch's time, under
//! which a sink can keep what it writes.
//!
//! ```
//! # use tidemill::api::test_context::TestContext;
//! # use tidemill::driver::engine::EngineConfig;
//! # use tidemill::wasm::compile::Compiler;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let config = EngineConfig::new(folder.path().into(), Compiler::InProcess);
//! # let mut test = TestContext::new(config, std::time::Duration::from_secs(1))?;
//! use std::sync::mpsc::channel;
//!
//! use tidemill::api::given::{line_schema, lines};
//!
//! let text = test.lines(&[&["a", "b"], &["c"]]);
//! // Called in each batch, so it may read what the program has changed meanwhile.
//! let summary = text.transform(line_schema(), |dataset, time| {
//!     let rows: usize = dataset.partitions.iter().flatten().map(|slice| slice.num_rows()).sum();
//!     Ok(Some(lines([format!("{} at {}", rows, time.of_day()).as_str()])))
//! });
//! let summary = test.collect(&summary);
//! let (sender, written) = channel();
//! text.for_each_batch(move |time, partitions| Ok(sender.send((time, partitions.len()))?));
//! test.run(2)?;
//! assert_eq!(summary.shown(), [["2 at 00:00:01"], ["1 at 00:00:02"]]);
//! assert_eq!(written.try_iter().count(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! # Datasets
//!
//! A [`Dataset`] is there as a whole, and has the verbs of streams that need no time. Nothing is
//! read before an action asks; what is persisted is read by later ones.
//!
//! ```
//! # use tidemill::api::native;
//! # use tidemill::driver::engine::{Engine, EngineConfig};
//! # use tidemill::model::operation::BuiltInFold;
//! # use tidemill::wasm::compile::Compiler;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let engine = Engine::start(EngineConfig::new(folder.path().into(), Compiler::InProcess))?;
//! use tidemill::api::dataset::DatasetContext;
//! use tidemill::model::storage_level::StorageLevel;
//!
//! let path = folder.path().join("access.log");
//! std::fs::write(&path, "GET /a 200\nGET /b 404\nGET /c 200\n")?;
//!
//! let context = DatasetContext::new(&engine);
//! let code = native::map::<&'static str, (&'static str, i64), _>("code", |line, _| {
//!     (line.rsplit(' ').next().unwrap_or(line), 1)
//! })?;
//! let codes = context.text_file(path, 2).map(code.with_keys(1)).reduce_by_key(BuiltInFold::Sum);
//! codes.persist(StorageLevel::MemoryAndDisk)?;
//! assert_eq!(codes.count()?, 2);
//! let most = codes.top(1, &["_2"])?.expect("there is a row");
//! assert_eq!(most.num_rows(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # Receivers
//!
//! A [`Receiver`] is a source of one's own. It has a thread of its own, on which it may wait, and
//! is started again whenever it has ended. [`ReceiverHandle::store_block`] returns when a block is
//! known: that is the time to acknowledge it to whoever sent it.
//!
//! ```
//! # use std::time::Duration;
//! # use tidemill::api::context::StreamingContext;
//! # use tidemill::driver::engine::{Engine, EngineConfig};
//! # use tidemill::wasm::compile::Compiler;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let engine = Engine::start(EngineConfig::new(folder.path().into(), Compiler::InProcess))?;
//! use std::sync::mpsc::{Receiver as Inbox, channel};
//! use std::sync::{Mutex, PoisonError};
//!
//! use tidemill::api::given::line_schema;
//! use tidemill::model::receiver::{BoxError, Receiver, ReceiverHandle};
//!
//! /// What the rest of the program sends.
//! struct Messages(Mutex<Inbox<String>>);
//!
//! impl Receiver for Messages {
//!     fn on_start(&self, handle: ReceiverHandle) -> Result<(), BoxError> {
//!         let inbox = self.0.lock().unwrap_or_else(PoisonError::into_inner);
//!         while !handle.is_stopped() {
//!             match inbox.recv_timeout(Duration::from_millis(5)) {
//!                 Ok(message) => handle.store_line(&message)?,
//!                 Err(_) => continue,
//!             }
//!         }
//!         Ok(())
//!     }
//! }
//!
//! let mut context = StreamingContext::new(&engine, Duration::from_millis(20));
//! let (sender, inbox) = channel();
//! let messages = context.receiver_stream(line_schema(), Messages(Mutex::new(inbox)));
//! let (counted, counts) = channel();
//! messages.for_each_batch(move |_, partitions| {
//!     let rows: usize = partitions.iter().flatten().map(|slice| slice.num_rows()).sum();
//!     Ok(counted.send(rows)?)
//! });
//! context.start()?;
//! sender.send("hello".to_owned())?;
//! sender.send("world".to_owned())?;
//! let mut received = 0;
//! while received < 2 {
//!     received += counts.recv()?;
//! }
//! context.stop_gracefully()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Lifecycle
//!
//! A context starts once and ends once, and one engine runs many. Streams are added before the
//! start. What goes wrong in a batch ends the job unless its settings say otherwise, and is told to
//! whoever waits for the end.
//!
//! ```
//! # use std::time::Duration;
//! # use tidemill::api::native;
//! # use tidemill::driver::engine::{Engine, EngineConfig};
//! # use tidemill::wasm::compile::Compiler;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let engine = Engine::start(EngineConfig::new(folder.path().into(), Compiler::InProcess))?;
//! use std::sync::mpsc::channel;
//!
//! use tidemill::api::context::{ContextState, StreamingContext};
//! use tidemill::api::given::{line_schema, lines};
//! use tidemill::model::status::JobEvent;
//!
//! let mut context = StreamingContext::new(&engine, Duration::from_millis(20));
//! let fails = native::filter::<&'static str, _>("fails", |line| panic!("no room for {line}"))?;
//! context.constant(line_schema(), lines(["x"])).filter(fails).print(10);
//!
//! let (sender, events) = channel();
//! context.add_listener(Box::new(move |event: &JobEvent| {
//!     // It hears every batch, output and receiver, on a thread of its own.
//!     let _heard = sender.send(event.clone());
//! }))?;
//! assert_eq!(context.state(), ContextState::Initialized);
//! context.start()?;
//! let error = context.await_termination().expect_err("its first batch fails");
//! assert!(error.to_string().contains("no room for x"), "{error}");
//! assert_eq!(context.state(), ContextState::Stopped);
//! assert!(context.start().is_err(), "another context on the same engine can be");
//! assert!(events.iter().any(|event| matches!(event, JobEvent::BatchEnded(_))));
//! # Ok(())
//! # }
//! ```
//!
//! [`Engine`]: crate::driver::engine::Engine
//! [`StreamingContext`]: super::context::StreamingContext
//! [`StreamSchema`]: crate::model::schema::StreamSchema
//! [`native`]: super::native
//! [`BuiltInFold`]: crate::model::operation::BuiltInFold
//! [`TestContext`]: super::test_context::TestContext
//! [`verbs`]: super::verbs
//! [`DStream::update_state_by_key`]: super::dstream::DStream::update_state_by_key
//! [`DStream::map_with_state`]: super::dstream::DStream::map_with_state
//! [`DStream::transform`]: super::dstream::DStream::transform
//! [`DStream::for_each_batch`]: super::dstream::DStream::for_each_batch
//! [`StateSpec`]: super::stateful::StateSpec
//! [`Dataset`]: super::dataset::Dataset
//! [`Receiver`]: crate::model::receiver::Receiver
//! [`ReceiverHandle::store_block`]: crate::model::receiver::ReceiverHandle::store_block

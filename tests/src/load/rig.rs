//! Rig: a job under load on a server, asked over HTTP alone, and what its files hold at the end.
//!
//! Takes a client and the version to begin with. Gives a ledger. It knows of the server nothing
//! but its interface, and of the job nothing but the files that it writes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::feed::Feed;
use crate::set_up::http::{Client, Response};
use crate::set_up::patience::patiently;
use crate::swap::rig::Ledger;

/// Rows a second.
pub const RATE: u32 = 20_000;

/// A job that stamps rows under load.
pub struct Load<'a> {
    client: &'a Client,
    name: String,
    folder: PathBuf,
    /// None when it has ended.
    feed: Option<Feed>,
    sent: usize,
}

/// What came out of a job.
pub struct Output {
    /// Lost, repeated and mixed rows.
    pub ledger: Ledger,
    /// The version of each batch with rows, by its time.
    pub versions: BTreeMap<i64, i64>,
}

impl<'a> Load<'a> {
    /// Submits a job of that name with that version of the plugin, its files to be written into
    /// the folder, and waits until rows come out. `limits` are further settings of the plugin.
    pub fn start(
        client: &'a Client,
        folder: &Path,
        name: &str,
        (first, limits): (&Path, &str),
    ) -> Self {
        Self::start_with(client, folder, name, |address| job(name, address, first, limits))
    }

    /// The same with a job of the caller's own, which reads at the address.
    pub fn start_with(
        client: &'a Client,
        folder: &Path,
        name: &str,
        job: impl Fn(&str) -> String,
    ) -> Self {
        let feed = Feed::start(RATE);
        let job = job(&feed.address);
        let submitted = client.submit(&job, folder);
        assert_eq!(submitted.status, 201, "{submitted:?}");
        let (name, folder) = (name.to_owned(), folder.to_owned());
        let load = Self { client, name, folder, feed: Some(feed), sent: 0 };
        load.until_job(|job| job["rows_in"].as_u64() > Some(u64::from(RATE) / 10));
        load
    }

    /// Has its job do something, or asks for it.
    pub fn ask(&self, method: &str, word: &str) -> Response {
        self.client.ask(method, &format!("/v1/jobs/{}/{word}", self.name), None)
    }

    /// Asks for a swap to that component.
    pub fn swap(&self, component: &Path, rules: Value) -> Response {
        let mut body = json!({ "plugins": { "stamped": component.to_str() } });
        for (rule, value) in rules.as_object().into_iter().flatten() {
            body[rule] = value.clone();
        }
        self.client.ask("POST", &format!("/v1/jobs/{}/swap", self.name), Some(&body))
    }

    /// Asks for a swap until it is let in: one that waits for its batch is in the way of the next.
    /// It is not tried on the last batches, which refuse some that are broken.
    pub fn swapped(&self, component: &Path) -> Value {
        patiently("the swap is let in", || {
            let response = self.swap(component, json!({ "replay": false }));
            if response.status == 202 {
                return Some(response.json());
            }
            assert_eq!((response.status, response.code().as_str()), (409, "swap_refused"));
            None
        })
    }

    /// Waits until a batch with rows has ended with that code, behind all that ended with other.
    /// Gives the newest batches as they are then, the oldest of them first.
    pub fn rows_of(&self, digest: &Value) -> Vec<Value> {
        patiently("rows of the new version", || {
            let newest = self.ask("GET", "batches?limit=20").json()["batches"].take();
            let Value::Array(newest) = newest else { panic!("it is no list: {newest}") };
            let mut run = newest.iter().rev().take_while(|batch| ran_with(batch) == digest);
            let has_rows = run.any(|batch| batch["end"]["rows_in"].as_u64() > Some(0));
            has_rows.then_some(newest)
        })
    }

    /// How the versions of its plugin stand.
    pub fn standing(&self) -> Value {
        let response = self.ask("GET", "plugins");
        assert_eq!(response.status, 200, "{response:?}");
        response.json()
    }

    /// Asks how its versions stand until they stand as wanted.
    pub fn until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        patiently("versions stand as wanted", || {
            let standing = self.standing();
            wanted(&standing).then_some(standing)
        })
    }

    /// Asks how the job stands until it stands as wanted.
    pub fn until_job(&self, wanted: impl Fn(&Value) -> bool) {
        let path = format!("/v1/jobs/{}", self.name);
        patiently("the job stands as wanted", || {
            wanted(&self.client.get(&path).json()).then_some(())
        });
    }

    /// Waits until so many batches more have ended.
    pub fn batches_more(&self, more: u64) {
        let path = format!("/v1/jobs/{}", self.name);
        let now = self.client.get(&path).json()["batches"].as_u64().expect("a number");
        self.until_job(|job| job["batches"].as_u64() >= Some(now + more));
    }

    /// Asks for its batches until they are as wanted.
    pub fn batches_until(&self, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        self.client.batches_until(&self.name, wanted)
    }

    /// Ends the feed, and waits until the job's receiver has read all that was sent.
    pub fn end_feed(&mut self) {
        let Some(feed) = self.feed.take() else { return };
        self.sent = feed.end();
        let read = |lines: &Value| lines.to_string().contains("closed the connection");
        patiently("all is read", || read(&self.ask("GET", "logs").json()["lines"]).then_some(()));
    }

    /// Ends the feed, has the job work off all that was sent, and reads its files.
    pub fn end(mut self) -> Output {
        self.end_feed();
        let Self { client, name, folder, sent, .. } = self;
        let path = format!("/v1/jobs/{name}");
        // One that drains or has ended is told so, and need not be.
        client.post(&format!("{path}/drain"));
        let has_ended = |job: &Value| job["state"] == "stopped" || job["state"] == "failed";
        patiently("the job ends", || has_ended(&client.get(&path).json()).then_some(()));
        assert_eq!(client.get(&path).json()["failure"], Value::Null);
        let batches = read(&folder.join(&name), "out");
        let ledger = Ledger::of_rows(batches.values().map(Vec::as_slice), 0..sent);
        let version = |(time, rows): (&i64, &Vec<(usize, i64)>)| Some((*time, rows.first()?.1));
        Output { ledger, versions: batches.iter().filter_map(version).collect() }
    }
}

/// The digest that a batch ended with.
pub fn ran_with(batch: &Value) -> &Value {
    let plan = batch["plans"].as_array().and_then(|plans| plans.last());
    &plan.expect("a batch has a plan")["plugins"][0]["digest"]
}

impl Output {
    /// The versions in the order in which they ran, each run of one once.
    pub fn changes(&self) -> Vec<i64> {
        let mut changes: Vec<i64> = self.versions.values().copied().collect();
        changes.dedup();
        changes
    }
}

/// A job of that name that reads ids there and stamps them.
pub fn job(name: &str, address: &str, first: &Path, limits: &str) -> String {
    format!(
        "name = \"{name}\"\nbatch_interval = \"20ms\"\nblock_interval = \"5ms\"\n\
         [plugins.stamped]\ncomponent = \"{}\"\n{limits}\n\
         [sources.ids]\ntype = \"socket\"\naddress = \"{address}\"\n\
         format = \"csv\"\nschema = {{ id = \"int64\" }}\n\
         [streams.stamped]\nfrom = \"ids\"\n\
         steps = [{{ flat_map = \"stamped.stamp\", as = [\"id\", \"version\"] }}]\n\
         [sinks.out]\ntype = \"files\"\npath = \"{name}\"\nfrom = \"stamped\"\nformat = \"csv\"\n",
        first.display()
    )
}

/// What a sink has written into a folder: rows by batch time, ids and versions.
pub fn read(folder: &Path, sink: &str) -> BTreeMap<i64, Vec<(usize, i64)>> {
    let mut batches = BTreeMap::new();
    for batch in std::fs::read_dir(folder).expect("the job has written") {
        let path = batch.expect("it can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let time = name.strip_prefix(sink).and_then(|time| time.strip_prefix('-')?.parse().ok());
        let time = time.unwrap_or_else(|| panic!("`{name}` is no batch"));
        let rows: &mut Vec<(usize, i64)> = batches.entry(time).or_default();
        for part in std::fs::read_dir(&path).expect("it can be read") {
            let text = std::fs::read_to_string(part.expect("it can be read").path());
            // The first line names the columns.
            rows.extend(text.expect("it is text").lines().skip(1).map(row));
        }
    }
    batches
}

fn row(line: &str) -> (usize, i64) {
    let cells = line.split_once(',');
    let row = cells.and_then(|(id, version)| Some((id.parse().ok()?, version.parse().ok()?)));
    row.unwrap_or_else(|| panic!("`{line}` is no row"))
}

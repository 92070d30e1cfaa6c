//! Control: tests of what is kept of a job whose versions stand so, and of what is let go.
//!
//! Takes boards on which somebody notes how versions stand. Gives them to who keeps that. Tells no
//! event: none is needed.

use tempfile::TempDir;

use super::*;
use crate::driver::listener_bus::ListenerBus;
use crate::model::version::ShadowStatus;
use crate::store::data_folder::DataFolder;
use crate::store::version_shelf::ShelvedPlugins;

fn version(digest: &str) -> PluginVersion {
    PluginVersion { digest: digest.to_owned(), version: "1".to_owned() }
}

fn plugins(digest: &str) -> PluginVersions {
    Arc::new([("a".to_owned(), version(digest))].into())
}

fn bad(digest: &str, reason: &str) -> Quarantined {
    let (plugin, reason) = ("a".to_owned(), reason.to_owned());
    Quarantined { plugin, version: version(digest), reason }
}

/// A job that runs version 1; one of its plugins is called by no step.
fn begun() -> ShelvedVersions {
    let both = [("a", "1"), ("idle", "9")];
    let both = both.map(|(name, digest)| (name.to_owned(), shelved(&version(digest))));
    let (job, plugins) = ("job".to_owned(), ShelvedPlugins::from(both));
    let (submitted, quarantined) = (plugins.clone(), Vec::new());
    ShelvedVersions { job, submitted_ms: 7, submitted, plugins, previous: None, quarantined }
}

/// What runs, and how often others have come to.
fn running(digest: &str, swaps: u64) -> CodeStatus {
    CodeStatus { plugins: plugins(digest), swaps, ..CodeStatus::default() }
}

fn digests(plugins: &ShelvedPlugins) -> Vec<&str> {
    plugins.values().map(|version| version.digest.as_str()).collect()
}

#[test]
fn what_ran_last_is_kept_with_what_ran_before() {
    let swapped = CodeStatus { previous: Some(plugins("1")), ..running("2", 1) };
    let kept = standing(&begun(), &swapped, false);
    assert_eq!(digests(&kept.plugins), ["2", "9"]);
    assert_eq!(kept.previous.as_ref().map(digests), Some(vec!["1", "9"]));
    let back = standing(&kept, &running("1", 2), false);
    assert_eq!((digests(&back.plugins), &back.previous), (vec!["1", "9"], &None));
    assert_eq!(standing(&back, &running("1", 2), false), back, "nothing has changed");
}

#[test]
fn what_a_restored_job_may_go_back_to_stays() {
    let previous = Some([("a".to_owned(), shelved(&version("0")))].into());
    let kept = ShelvedVersions { previous, ..begun() };
    assert_eq!(standing(&kept, &running("1", 0), true), kept);
    assert_eq!(standing(&kept, &running("1", 2), false).previous, None, "it went there and back");
}

#[test]
fn quarantine_is_kept_until_it_is_lifted_or_what_is_in_it_runs() {
    let failed = CodeStatus { quarantined: vec![bad("2", "it trapped")], ..running("1", 2) };
    let kept = standing(&begun(), &failed, false);
    assert_eq!(quarantined(&kept), [bad("2", "it trapped")]);
    let waits = CodeStatus { waiting: Some(plugins("2")), ..running("1", 2) };
    assert_eq!(quarantined(&standing(&kept, &waits, false)), [bad("2", "it trapped")], "forced");
    let shadow = ShadowStatus { plugins: plugins("2"), ..ShadowStatus::default() };
    let shadowed = CodeStatus { shadow: Some(shadow), ..running("1", 2) };
    assert_eq!(quarantined(&standing(&kept, &shadowed, false)), [bad("2", "it trapped")]);
    assert_eq!(quarantined(&standing(&kept, &running("2", 3), false)), []);
    assert_eq!(quarantined(&standing(&kept, &running("1", 2), false)), [], "it is absolved");
}

#[test]
fn version_that_waits_once_more_is_quarantined_once() {
    let twice = CodeStatus {
        waiting: Some(plugins("2")),
        quarantined: vec![bad("2", "it looped")],
        ..running("1", 0)
    };
    let mut kept = begun();
    kept.quarantined = vec![ShelvedQuarantine {
        plugin: "a".to_owned(),
        version: shelved(&version("2")),
        reason: "it trapped".to_owned(),
    }];
    assert_eq!(quarantined(&standing(&kept, &twice, false)), [bad("2", "it looped")]);
}

/// A folder of versions, and a board of a job that is called `job`.
struct Rig {
    _folder: TempDir,
    data: DataFolder,
    board: StatusBoard,
}

impl Rig {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data = DataFolder::at(folder.path().join("data"));
        data.create().expect("a folder");
        let board = StatusBoard::new(Arc::new(ListenerBus::default()), 1);
        Self { _folder: folder, data, board }
    }

    fn open(&self) -> Arc<KeptVersions> {
        let shelf = self.data.version_shelf().expect("nobody else has it");
        KeptVersions::open(shelf).expect("it can be read")
    }

    fn stands(&self, code: CodeStatus) {
        self.board.change(|status| status.code = code);
    }
}

/// The story: what was kept was made of events, one after the other. A job whose listeners were
/// slow lost the event of a swap, and after a restart it ran the version before it.
#[test]
fn what_is_kept_is_how_the_job_stands_whatever_it_has_told() {
    let rig = Rig::new();
    let kept = rig.open();
    kept.shelf.put(&begun()).expect("there is room");
    drop(kept);
    let kept = rig.open();
    rig.stands(CodeStatus { previous: Some(plugins("1")), ..running("2", 1) });
    kept.keep(("job", 6), &rig.board).expect("there is room");
    assert_eq!(kept.of("job", 7), Some(begun()), "it was another job of that name");
    // Two swaps and a rollback later nothing has been told of any.
    rig.stands(CodeStatus { quarantined: vec![bad("3", "it trapped")], ..running("2", 3) });
    kept.keep(("job", 7), &rig.board).expect("there is room");
    drop(kept);
    let kept = rig.open().of("job", 7).expect("it is there");
    assert_eq!((digests(&kept.plugins), &kept.previous), (vec!["2", "9"], &None));
    assert_eq!(quarantined(&kept), [bad("3", "it trapped")]);
}

#[test]
fn component_stays_while_a_swap_to_it_waits() {
    let rig = Rig::new();
    let kept = rig.open();
    kept.shelf.components.keep("2", b"a component").expect("there is room");
    let mut held = kept.holding();
    held.digests.push("2".to_owned());
    kept.lock().held.push("2".to_owned());
    kept.lock().jobs.insert("job".to_owned(), begun());
    rig.stands(CodeStatus { waiting: Some(plugins("2")), ..running("1", 0) });
    kept.keep(("job", 7), &rig.board).expect("there is room");
    drop(held);
    assert!(kept.path_of("2").exists(), "it is waited for");
    rig.stands(running("1", 0));
    kept.keep(("job", 7), &rig.board).expect("there is room");
    assert!(!kept.path_of("2").exists(), "the swap was given up, and nobody needs it");
}

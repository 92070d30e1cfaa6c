//! Swaps under a steady load, asked for over HTTP as a stranger would.
//!
//! Takes rows with an id each, 20,000 a second, over a socket. Gives a ledger of what the job's
//! files hold: lost, repeated and mixed are counted apart, and each counter is shown to rise.

mod broken;
mod feed;
mod left;
mod many;
mod meanwhile;
mod planted;
mod rig;
mod slower;
mod windows;

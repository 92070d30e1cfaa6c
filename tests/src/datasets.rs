//! Datasets: the whole of something at once, with actions that compute it.

mod actions;
mod files;
mod kept;
mod lineage;
mod rig;
mod sampled;

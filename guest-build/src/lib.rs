//! From a plugin's source folder to a checked component.
//!
//! Takes a folder with a Rust crate. Gives the path of a component that imports nothing but the
//! treaty's host interface, built by whatever Rust can be found or fetched without root. Never
//! knows the host: it has heard of cargo, rustup, Debian's archive and the component format.
//!
//! ```text
//! folder -> manifest -> freshness --same sources--> cached component
//!                          | changed                      ^
//!                      toolchain -> cargo -> component (encode, check)
//! ```

mod build;
mod cache_folder;
mod cargo;
mod command;
mod component;
pub mod debian;
mod error;
mod freshness;
mod lock;
mod manifest;
mod new_plugin;
mod options;
mod running;
mod sdk;
mod toolchain;

pub use build::{Built, build};
pub use cache_folder::cache_folder;
pub use command::{Command, Finished, find_program};
pub use component::encode_component;
pub use error::BuildError;
pub use lock::FolderLock;
pub use new_plugin::{NewPluginError, new_plugin};
pub use options::Options;
pub use running::end_programs;
pub use sdk::sdk_folder;
pub use toolchain::{TARGET, Toolchain, ToolchainError, find_toolchain, switches::Switches};

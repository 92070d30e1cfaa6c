//! What tests need beside Rust, brought without root and kept in the user's cache folder.
//!
//! Takes nothing from the system but what every machine has. Gives compilers and components. Never
//! changes what is installed.

pub mod c_bindings;
pub mod c_compiler;
pub mod c_plugin;
pub mod http;
pub mod job_folder;
pub mod patience;
pub mod program;
pub mod watched;

//! Placeholder.

#[cfg(test)]
mod job_file;

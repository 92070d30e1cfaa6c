//! Gathers what comes of one row at a time into runs.
//!
//! Takes rows one by one. Gives runs to the next sink. Never holds more than a run.

use super::map::emptied;
use crate::column::RUN;
use crate::output::Output;
use crate::position;
use crate::sink::Sink;

/// Where an operator that makes any number of rows puts them.
pub struct Emit<'e, 'a, Out: Output> {
    step: u32,
    row: u32,
    held: Vec<Out::Held<'a>>,
    origins: [u32; RUN],
    next: &'e mut dyn Sink,
}

impl<'e, 'a, Out: Output> Emit<'e, 'a, Out> {
    pub(super) fn new(
        step: u32,
        spare: &mut Vec<Out::Held<'static>>,
        next: &'e mut dyn Sink,
    ) -> Self {
        let mut held = emptied(std::mem::take(spare));
        held.reserve(RUN);
        position::enter_step(step);
        Self { step, row: 0, held, origins: [0; RUN], next }
    }

    /// What is pushed from here on comes of that input row.
    #[inline]
    pub(super) fn at_row(&mut self, row: u32) {
        self.row = row;
        position::at_row(row);
    }

    /// Adds a row.
    #[inline]
    pub fn push(&mut self, row: Out::Held<'a>) {
        if self.held.len() >= RUN {
            self.flush();
        }
        if let Some(origin) = self.origins.get_mut(self.held.len()) {
            *origin = self.row;
        }
        self.held.push(row);
    }

    /// Pushes the rows gathered so far.
    fn flush(&mut self) {
        if !self.held.is_empty() {
            Out::push(&self.held, &self.origins[..self.held.len()], self.next);
            self.held.clear();
            position::enter_step(self.step);
            position::at_row(self.row);
        }
    }

    /// Pushes the last rows, and gives the room they stood in.
    pub(super) fn finish(mut self) -> Vec<Out::Held<'static>> {
        self.flush();
        emptied(self.held)
    }
}

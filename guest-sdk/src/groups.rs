//! Group numbers of a fold, in the order in which groups first occur.
//!
//! Takes the group of each row as the host numbered it. Gives numbers under which a group that is
//! new is always the next one. Never trusts that numbers are in range or that all occur.

use crate::batch::Failure;

/// The groups of a fold.
#[derive(Debug)]
pub(crate) struct Groups {
    count: usize,
    /// By the host's number, the place in order of occurrence; empty where both are the same.
    places: Vec<u32>,
}

impl Groups {
    /// Numbers the groups; costs one look at each row, and a second one only where the host's
    /// numbers are not in order of occurrence already.
    pub(crate) fn check(group_of_row: &[u32], rows: u32, groups: u32) -> Result<Self, Failure> {
        if group_of_row.len() != rows as usize {
            let found = group_of_row.len();
            return Err(Failure::new(format!("{found} group numbers for {rows} rows")));
        }
        let count = groups as usize;
        let mut next = 0;
        let in_order = group_of_row.iter().all(|group| {
            next += u32::from(*group == next);
            *group < next
        });
        let places = if in_order && next == groups {
            Vec::new()
        } else {
            Self::places(group_of_row, groups)?
        };
        Ok(Self { count, places })
    }

    fn places(group_of_row: &[u32], groups: u32) -> Result<Vec<u32>, Failure> {
        const UNSEEN: u32 = u32::MAX;
        let mut places = vec![UNSEEN; groups as usize];
        let mut next = 0;
        for group in group_of_row {
            let Some(place) = places.get_mut(*group as usize) else {
                return Err(Failure::new(format!("group {group} of {groups}")));
            };
            if *place == UNSEEN {
                *place = next;
                next += 1;
            }
        }
        match places.iter().position(|place| *place == UNSEEN) {
            Some(group) => Err(Failure::new(format!("group {group} of {groups} has no row"))),
            None => Ok(places),
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The place of a group, numbered by the host, in order of occurrence.
    #[inline]
    pub(crate) fn place(&self, group: usize) -> usize {
        self.places.get(group).map_or(group, |place| *place as usize)
    }

    /// The group of each row, numbered in order of occurrence.
    #[inline]
    pub(crate) fn in_order_of_occurrence<'g>(
        &'g self,
        group_of_row: &'g [u32],
    ) -> impl Iterator<Item = usize> + 'g {
        group_of_row.iter().map(|group| self.place(*group as usize))
    }
}

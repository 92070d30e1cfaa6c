//! Group numbers of a fold, in the order in which groups first occur.
//!
//! Takes the group of each row as the host numbered it. Gives numbers under which a group that is
//! new is always the next one. Never trusts that numbers are in range or that all occur.

use crate::batch::Failure;

/// The groups of a fold.
#[derive(Debug)]
pub(crate) struct Groups {
    /// By the host's number, the place in order of occurrence; empty where both are the same.
    places: Vec<u32>,
}

impl Groups {
    /// Calls with each row and its group, numbered in order of occurrence: a group that is new has
    /// the next number. Looks twice at rows only where the host's numbers are not in that order.
    #[inline]
    pub(crate) fn each_row(
        group_of_row: &[u32],
        rows: u32,
        groups: u32,
        mut take: impl FnMut(usize, usize),
    ) -> Result<Self, Failure> {
        if group_of_row.len() != rows as usize {
            let found = group_of_row.len();
            return Err(Failure::new(format!("{found} group numbers for {rows} rows")));
        }
        let (mut taken, mut next) = (0, 0);
        for (row, &group) in group_of_row.iter().enumerate() {
            if group >= next {
                if group > next || next >= groups {
                    break;
                }
                next += 1;
            }
            take(row, group as usize);
            taken = row + 1;
        }
        if taken == group_of_row.len() && next == groups {
            return Ok(Self { places: Vec::new() });
        }
        let places = Self::places(group_of_row, groups)?;
        for (row, &group) in group_of_row.iter().enumerate().skip(taken) {
            take(row, places[group as usize] as usize);
        }
        Ok(Self { places })
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

    /// The place of a group, numbered by the host, in order of occurrence.
    #[inline]
    pub(crate) fn place(&self, group: usize) -> usize {
        self.places.get(group).map_or(group, |place| *place as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(group_of_row: &[u32], groups: u32) -> Result<Vec<usize>, Failure> {
        let mut taken = Vec::new();
        let rows = group_of_row.len() as u32;
        let numbered = Groups::each_row(group_of_row, rows, groups, |row, place| {
            assert_eq!(row, taken.len());
            taken.push(place);
        })?;
        let placed = group_of_row.iter().map(|group| numbered.place(*group as usize));
        assert!(placed.eq(taken.iter().copied()));
        Ok(taken)
    }

    #[test]
    fn numbers_follow_the_order_of_occurrence() {
        assert_eq!(taken(&[], 0).unwrap(), Vec::<usize>::new());
        assert_eq!(taken(&[0, 1, 0, 2, 1], 3).unwrap(), [0, 1, 0, 2, 1]);
        assert_eq!(taken(&[0, 2, 0, 1, 2], 3).unwrap(), [0, 1, 0, 2, 1]);
        assert_eq!(taken(&[1, 0], 2).unwrap(), [0, 1]);
    }

    #[test]
    fn numbers_out_of_range_and_groups_without_rows_are_told() {
        let message = |group_of_row: &[u32], groups| match taken(group_of_row, groups) {
            Ok(taken) => panic!("{taken:?}"),
            Err(failure) => failure.message,
        };
        assert!(message(&[0, 1, 2], 2).contains("group 2 of 2"));
        assert!(message(&[0, 7], 2).contains("group 7 of 2"));
        assert!(message(&[0, 0], 2).contains("group 1 of 2 has no row"));
        assert!(message(&[], 1).contains("group 0 of 1 has no row"));
    }
}

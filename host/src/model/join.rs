//! Model: how two streams are brought together by key.
//!
//! Takes what a person wrote. Gives it to planning and execution. Never looks at columns.

/// Rows of which keys come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JoinKind {
    /// Of keys that both streams have, each row with each.
    Inner,
    /// And rows of this stream whose key the other lacks.
    LeftOuter,
    /// And rows of the other stream whose key this one lacks.
    RightOuter,
    /// And both of these.
    FullOuter,
    /// Only rows of this stream whose key the other lacks.
    Anti,
    /// A row for each key of either, the values of each stream in lists.
    Cogroup,
}

impl JoinKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Inner,
        Self::LeftOuter,
        Self::RightOuter,
        Self::FullOuter,
        Self::Anti,
        Self::Cogroup,
    ];

    /// The step key under which a job file uses it.
    pub fn step_word(self) -> &'static str {
        match self {
            Self::Inner => "join",
            Self::LeftOuter => "left_outer_join",
            Self::RightOuter => "right_outer_join",
            Self::FullOuter => "full_outer_join",
            Self::Anti => "anti_join",
            Self::Cogroup => "cogroup",
        }
    }

    /// The kind under which a join with a broadcast does the same, where one does.
    pub fn word_of_broadcasts(self) -> Option<&'static str> {
        match self {
            Self::Inner => Some("inner"),
            Self::LeftOuter => Some("left"),
            Self::Anti => Some("anti"),
            Self::RightOuter | Self::FullOuter | Self::Cogroup => None,
        }
    }

    /// Whether rows of this stream come out without a partner.
    pub fn keeps_left(self) -> bool {
        matches!(self, Self::LeftOuter | Self::FullOuter | Self::Anti)
    }

    /// Whether rows of the other stream come out without a partner.
    pub fn keeps_right(self) -> bool {
        matches!(self, Self::RightOuter | Self::FullOuter)
    }
}

/// A join as declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// Which rows come out.
    pub kind: JoinKind,
    /// The other stream.
    pub with: String,
    /// Whether null is a key like any other, as in Spark, or matches nothing, as in SQL.
    pub null_equal: bool,
    /// Stands before the names of the other stream's value columns.
    pub prefix: Option<String>,
}

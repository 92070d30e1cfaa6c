//! Sessions: what a user looks at until nothing comes for a while.

use tidemill_sdk::prelude::*;

/// A session that goes on.
#[derive(Debug, Clone, PartialEq, Row)]
pub struct Session {
    pages: i64,
    first: String,
    last: String,
}

/// A session that has ended.
#[derive(Debug, PartialEq, Row)]
pub struct Ended {
    user: String,
    pages: i64,
    first: String,
    last: String,
}

/// Gathers what a user looks at, and tells it when the session has ended.
#[map_with_state(state_version = 1)]
fn session(#[key] user: &str, page: Option<&str>, state: &mut State<Session>) -> Option<Ended> {
    let session = state.get().cloned();
    match (page, session) {
        (Some(page), None) => {
            let (first, last) = (page.to_owned(), page.to_owned());
            state.update(Session { pages: 1, first, last });
            None
        }
        (Some(page), Some(session)) => {
            let pages = session.pages + 1;
            state.update(Session { pages, last: page.to_owned(), ..session });
            None
        }
        (None, session) => session.map(|Session { pages, first, last }| Ended {
            user: user.to_owned(),
            pages,
            first,
            last,
        }),
    }
}

plugin!(session);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_gathered() {
        let mut state = State::for_test(None);
        assert_eq!(session("ada", Some("/"), &mut state), None);
        assert_eq!(session("ada", Some("/mill"), &mut state), None);
        let (first, last) = ("/".to_owned(), "/mill".to_owned());
        assert_eq!(state.get(), Some(&Session { pages: 2, first, last }));
    }
}

//! Tags of texts: words that begin with a mark.

use tidemill_sdk::prelude::*;

/// The tags of a text, in lower case, without their mark.
#[flat_map(keys = 1)]
fn of_text(text: &str, #[param(default = '#')] mark: char) -> impl Iterator<Item = (String, i64)> {
    let tags = text.split_whitespace().filter_map(move |word| word.strip_prefix(mark));
    let tags = tags.map(|tag| tag.trim_end_matches(|c: char| c.is_ascii_punctuation()));
    tags.filter(|tag| !tag.is_empty()).map(|tag| (tag.to_lowercase(), 1))
}

plugin!(of_text);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_found_wherever_they_stand() {
        let tags: Vec<_> = of_text("#Tide, the #mill! # no#tag", '#').collect();
        assert_eq!(tags, [("tide".to_owned(), 1), ("mill".to_owned(), 1)]);
    }
}

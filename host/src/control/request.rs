//! Control: what is taken out of a request: numbers of a query, a body, a token.
//!
//! Takes parts of a request of whoever it is. Gives values, or says what is wrong with them.

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::ControlError;
use super::body::{self, Described};
use crate::limits::CONTROL_BODY_BYTES_MAX;

/// The numbers of a query, each of which must be among those that are known.
pub(super) fn numbers<const N: usize>(
    query: Option<&str>,
    known: [&str; N],
) -> Result<[Option<i64>; N], ControlError> {
    let mut found = [None; N];
    for pair in pairs(query) {
        let (place, value) = known_pair(pair, &known)?;
        let key = known[place];
        let number = value.parse().ok().filter(|number| *number >= 0);
        let number = number.ok_or_else(|| ControlError::BadRequest {
            message: format!("`{key}` is `{value}`, expected a whole number from 0"),
        })?;
        once(key, found[place].replace(number))?;
    }
    Ok(found)
}

/// The texts of a query, each of which must be among those that are known.
pub(super) fn texts<const N: usize>(
    query: Option<&str>,
    known: [&str; N],
) -> Result<[Option<String>; N], ControlError> {
    let mut found = [const { None }; N];
    for pair in pairs(query) {
        let (place, value) = known_pair(pair, &known)?;
        let text = unescaped(value).ok_or_else(|| ControlError::BadRequest {
            message: format!("`{}` is no text behind its `%`", known[place]),
        })?;
        once(known[place], found[place].replace(text))?;
    }
    Ok(found)
}

fn pairs(query: Option<&str>) -> impl Iterator<Item = &str> {
    query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty())
}

fn known_pair<'a>(pair: &'a str, known: &[&str]) -> Result<(usize, &'a str), ControlError> {
    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
    let place = known.iter().position(|word| *word == key);
    let place = place.ok_or_else(|| ControlError::BadRequest {
        message: format!("found `{key}` in the query, known are `{}`", known.join("`, `")),
    })?;
    Ok((place, value))
}

/// Refuses a second value: nobody is to guess which of them is meant.
fn once<T>(key: &str, first: Option<T>) -> Result<(), ControlError> {
    let message = || format!("`{key}` stands more than once in the query, allowed is one");
    first.map_or(Ok(()), |_| Err(ControlError::BadRequest { message: message() }))
}

/// What a client has written with `%` and two digits for each byte that may not stand in a query.
fn unescaped(value: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(value.len()), value.as_bytes());
    while let [first, others @ ..] = rest {
        (bytes, rest) = match (first, others) {
            (b'%', [high, low, others @ ..]) => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let byte = 16 * digit(*high)? + digit(*low)?;
                bytes.push(u8::try_from(byte).ok()?);
                (bytes, others)
            }
            (b'%', _) => return None,
            (b'+', others) => {
                bytes.push(b' ');
                (bytes, others)
            }
            (byte, others) => {
                bytes.push(*byte);
                (bytes, others)
            }
        };
    }
    String::from_utf8(bytes).ok()
}

/// What is asked for, as JSON of a bounded length.
pub(super) async fn json<T: Described>(headers: &HeaderMap, body: Body) -> Result<T, ControlError> {
    let media = headers.get(CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
    if media.split(';').next().map(str::trim) != Some("application/json") {
        return Err(ControlError::BodyType);
    }
    body::read(&whole(body).await?)
}

/// Looks at a body of a request that asks for all it can by its path.
pub(super) async fn nothing(body: Body) -> Result<(), ControlError> {
    body::says_nothing(&whole(body).await?)
}

async fn whole(body: Body) -> Result<Bytes, ControlError> {
    let collected = Limited::new(body, CONTROL_BODY_BYTES_MAX).collect().await;
    let whole = collected.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
        Some(_) => ControlError::BodyTooLarge,
        None => ControlError::BadRequest { message: "the body did not come whole".to_owned() },
    })?;
    Ok(whole.to_bytes())
}

/// The bearer token that a request presents.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let presented = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = presented.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}

/// Whether a browser asks for a page of another site.
pub(super) fn is_cross_site(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site")
}

/// Whether the request is for this machine, by one of the names that it has for itself. A page of
/// another site whose name was made to lead here has another.
pub(super) fn is_for_loopback(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else { return true };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name.to_ascii_lowercase().as_str(), "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn numbers_of_a_query_are_checked_by_name_and_value() {
        let known = ["limit", "before"];
        assert_eq!(numbers(None, known).expect("nothing"), [None, None]);
        assert_eq!(numbers(Some("before=7&"), known).expect("a number"), [None, Some(7)]);
        for (query, words) in [
            ("limt=1", "found `limt` in the query, known are `limit`, `before`"),
            ("limit=-1", "`limit` is `-1`, expected a whole number from 0"),
            ("limit", "`limit` is ``, expected a whole number from 0"),
            ("limit=1&limit=1", "`limit` stands more than once in the query"),
            ("limit=99999999999999999999", "expected a whole number"),
        ] {
            let error = numbers(Some(query), known).expect_err("it is wrong").to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn texts_of_a_query_are_read_as_forms_write_them() {
        let read = |query| texts(Some(query), ["of", "key"]).map(|[of, key]| (of, key));
        let (of, key) = read("key=a%26b+%C3%A9%25&of=words.split").expect("both are known");
        assert_eq!((of.as_deref(), key.as_deref()), (Some("words.split"), Some("a&b \u{e9}%")));
        for (query, words) in [
            ("off=1", "found `off` in the query, known are `of`, `key`"),
            ("of=a&key=b&of=c", "`of` stands more than once in the query, allowed is one"),
            ("of=%", "`of` is no text behind its `%`"),
            ("of=%4", "no text"),
            ("of=%xy", "no text"),
            ("of=%ff", "no text"),
        ] {
            let error = read(query).expect_err("it is wrong").to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn only_a_bearer_token_is_one() {
        let with = |value: &'static str| {
            HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))])
        };
        assert_eq!(bearer(&with("Bearer abc")), Some(b"abc".as_slice()));
        assert_eq!(bearer(&with("bearer abc")), Some(b"abc".as_slice()));
        for wrong in ["abc", "Basic abc", "Bearer", ""] {
            assert_eq!(bearer(&with(wrong)), None, "{wrong}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }

    #[test]
    fn names_of_this_machine_are_known_and_others_are_not() {
        let with =
            |value: &'static str| HeaderMap::from_iter([(HOST, HeaderValue::from_static(value))]);
        for here in ["localhost", "LOCALHOST:80", "127.0.0.1:7", "[::1]:7", "[::1]"] {
            assert!(is_for_loopback(&with(here)), "{here}");
        }
        for other in ["example.org", "127.0.0.1.example.org:80", "localhost.", ""] {
            assert!(!is_for_loopback(&with(other)), "{other}");
        }
    }
}

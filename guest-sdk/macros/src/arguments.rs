//! What stands between the parentheses of an attribute.
//!
//! Takes its tokens and which settings the kind knows. Gives the settings. Never accepts one twice,
//! nor one that its kind has no use for.

use proc_macro2::{Ident, TokenStream};
use syn::parse::ParseStream;
use syn::spanned::Spanned;
use syn::{Error, LitInt, Path, Result, Token};

use crate::kind::Kind;

/// The settings of an attribute.
#[derive(Default)]
pub(crate) struct Arguments {
    /// How many columns of the result are the key.
    pub(crate) keys: u32,
    /// The version of what is kept.
    pub(crate) state_version: u32,
    /// The function that makes one result of two.
    pub(crate) merge: Option<Path>,
}

/// Reads what stands between the parentheses.
pub(crate) fn read_arguments(kind: Kind, tokens: TokenStream) -> Result<Arguments> {
    let mut read = Arguments::default();
    if tokens.is_empty() {
        return Ok(read);
    }
    let known = kind.settings();
    if known.is_empty() {
        let message = match kind {
            Kind::Inverse => "`#[inverse]` takes no arguments: the job says what it is inverse to",
            _ => "this attribute takes no arguments: the host keeps the key",
        };
        return Err(Error::new(tokens.span(), message));
    }
    let parse = |input: ParseStream<'_>| {
        let mut seen: Vec<Ident> = Vec::new();
        while !input.is_empty() {
            let name: Ident = input.parse()?;
            if !known.iter().any(|known| name == known) {
                return Err(Error::new(name.span(), "unknown"));
            }
            if seen.contains(&name) {
                return Err(Error::new(name.span(), "twice"));
            }
            input.parse::<Token![=]>()?;
            match name.to_string().as_str() {
                "merge" => read.merge = Some(input.parse()?),
                "keys" => read.keys = input.parse::<LitInt>()?.base10_parse()?,
                _ => read.state_version = input.parse::<LitInt>()?.base10_parse()?,
            }
            seen.push(name);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    };
    syn::parse::Parser::parse2(parse, tokens)
        .map_err(|error| Error::new(error.span(), format!("expected {}", list(known))))?;
    Ok(read)
}

fn list(known: &[&str]) -> String {
    let each = known.iter().map(|name| match *name {
        "merge" => "`merge = function`".to_owned(),
        name => format!("`{name} = n`, such as `{name} = 1`"),
    });
    each.collect::<Vec<_>>().join(" and ")
}

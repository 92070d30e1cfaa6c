//! Calls of the author's function, as the SDK makes them.
//!
//! Takes a function's parts. Gives the call with what stands for each argument, and what it
//! returns. Never decides which operator it is.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, ItemFn, Result, Type};

use crate::kind::Kind;
use crate::signature::{ColumnArgument, Place, Signature};
use crate::types::{referenced_row, result_of, with_inferred_lifetimes};

/// The call of the author's function; `column` gives what stands for each column argument.
pub(crate) fn call(
    function: &ItemFn,
    signature: &Signature,
    column: impl Fn(usize) -> TokenStream,
) -> TokenStream {
    let name = &function.sig.ident;
    let arguments = signature.places.iter().map(|place| match *place {
        Place::Column(index) => column(index),
        Place::Key(index) => key(signature, index),
        Place::State => quote!(__state),
        Place::Parameter(index) => {
            let position = syn::Index::from(index);
            signature.parameters[index].handed(&quote!(__parameters.#position))
        }
        Place::Broadcast(index) => {
            // They are kept behind the parameters.
            let position = syn::Index::from(signature.parameters.len() + index);
            quote!(__parameters.#position)
        }
        Place::Context => quote!(*__context),
        Place::ContextReference => quote!(__context),
    });
    quote!(#name(#(#arguments),*))
}

/// What stands for a key argument in a call.
fn key(signature: &Signature, index: usize) -> TokenStream {
    match (&signature.keys[..], referenced_row(&signature.keys[index].written)) {
        ([_], Some(_)) => quote!(__key),
        ([only], None) => again(only, &quote!(__key)),
        (_, by_reference) => {
            let position = syn::Index::from(index);
            if by_reference.is_some() { quote!(&__key.#position) } else { quote!(__key.#position) }
        }
    }
}

/// The row behind a reference once more, by value.
pub(crate) fn again(column: &ColumnArgument, row: &TokenStream) -> TokenStream {
    let written = row_of(column);
    let here = column.written.span();
    quote_spanned!(here=> <#written as ::tidemill_sdk::row::Columns>::again(#row))
}

pub(crate) fn returned<'s>(
    kind: Kind,
    function: &ItemFn,
    signature: &'s Signature,
) -> Result<(&'s Type, bool)> {
    let Some(written) = &signature.returned else {
        let mut message = format!("`#[{}]` needs a function that returns something", kind.word());
        if kind == Kind::MapWithState {
            message.push_str(": rows, or `None` as an `Option<i64>`, say, where there are none");
        }
        return Err(Error::new(function.sig.span(), message));
    };
    Ok(match result_of(written) {
        Some(inner) => (inner, true),
        None => (written, false),
    })
}

/// The row type of an argument, by value or by reference.
pub(crate) fn row_of(column: &ColumnArgument) -> Type {
    with_inferred_lifetimes(referenced_row(&column.written).unwrap_or(&column.written))
}

/// The type as text, lifetimes aside: equal for equal types unless one is an alias.
pub(crate) fn spelled(written: &Type) -> String {
    with_inferred_lifetimes(written).into_token_stream().to_string()
}

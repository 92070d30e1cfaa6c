//! From a function to an operator that keeps something for each key, or makes something of a key's
//! values: `combine`, `update_state_by_key` and `map_with_state`.
//!
//! Takes a function's parts. Gives the call that makes the operator. Never looks at types beyond
//! how they are written.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Error, ItemFn, Result, Type};

use crate::arguments::Arguments;
use crate::call::{again, call, returned, row_of, spelled};
use crate::kind::Kind;
use crate::signature::{ColumnArgument, Signature};
use crate::types::{
    argument_of, bound_item, is_named, referenced_row, returned_items, returned_row,
    with_inferred_lifetimes,
};

/// The row type that arguments make up.
fn row_type(columns: &[ColumnArgument]) -> TokenStream {
    let rows = columns.iter().map(row_of);
    match columns {
        [] => quote!(::tidemill_sdk::stateful::NoKey),
        [only] => {
            let row = row_of(only);
            quote!(#row)
        }
        _ => quote!((#(#rows,)*)),
    }
}

/// A column argument of a call, its row being `__value` by reference.
fn value(columns: &[ColumnArgument], index: usize) -> TokenStream {
    let by_reference = referenced_row(&columns[index].written).is_some();
    match columns {
        [_] if by_reference => quote!(__value),
        [only] => again(only, &quote!(__value)),
        _ => {
            let position = syn::Index::from(index);
            if by_reference { quote!(&__value.#position) } else { quote!(__value.#position) }
        }
    }
}

/// `#[combine]`.
pub(crate) fn combine(
    arguments: &Arguments,
    function: &ItemFn,
    signature: &Signature,
    declaration: TokenStream,
    load: TokenStream,
    kept: TokenStream,
) -> Result<TokenStream> {
    let Some(merge) = &arguments.merge else {
        let message = "`#[combine]` needs the function that makes one result of two: \
                       `#[combine(merge = function)]`";
        return Err(Error::new(function.sig.ident.span(), message));
    };
    let so_far = signature.columns.first().and_then(|one| argument_of(&one.written, &["Option"]));
    let (Some(so_far), [_, values @ ..]) = (so_far, &signature.columns[..]) else {
        let message = "`#[combine]` takes what was made so far as an `Option`, then a value, such \
                       as `(so_far: Option<(i64, i64)>, value: i64)`";
        return Err(Error::new(function.sig.inputs.span(), message));
    };
    if values.is_empty() {
        let message = "`#[combine]` takes a value beside what was made so far";
        return Err(Error::new(function.sig.inputs.span(), message));
    }
    let (written, refuses) = returned(Kind::Combine, function, signature)?;
    if refuses || spelled(written) != spelled(so_far) {
        let message = "`#[combine]` returns what its first argument is an `Option` of";
        return Err(Error::new(written.span(), message));
    }
    let row = row_type(values);
    let call = call(function, signature, |index| match index {
        0 => quote!(__so_far),
        index => value(values, index - 1),
    });
    Ok(quote! {
        ::tidemill_sdk::operator::Operator::combine::<#row, #so_far, #kept, _, _>(
            #declaration,
            #load,
            |__parameters, __context, __so_far, __made| {
                let __value = &__made;
                #call
            },
            |__left, __right| {
                // Said as a type, so that another function is one mismatch with a name to it.
                let __merge: fn(#so_far, #so_far) -> #so_far = #merge;
                __merge(__left, __right)
            },
        )
    })
}

/// `#[update_state_by_key]`.
pub(crate) fn update(
    function: &ItemFn,
    signature: &Signature,
    declaration: TokenStream,
    load: TokenStream,
    kept: TokenStream,
) -> Result<TokenStream> {
    let parts = match &signature.columns[..] {
        [values, state] => {
            bound_item(&values.written).zip(argument_of(&state.written, &["Option"]))
        }
        _ => None,
    };
    let Some((item, state)) = parts else {
        let message = "`#[update_state_by_key]` takes a key's values and then its state, such as \
                       `(values: impl Iterator<Item = i64>, state: Option<i64>)`";
        return Err(Error::new(function.sig.inputs.span(), message));
    };
    let (written, refuses) = returned(Kind::UpdateState, function, signature)?;
    if refuses {
        let message = "`#[update_state_by_key]` cannot refuse rows: it returns the new state, no \
                       `Result`";
        return Err(Error::new(written.span(), message));
    }
    if argument_of(written, &["Option"]).map(spelled) != Some(spelled(state)) {
        let message = "`#[update_state_by_key]` returns the new state, as the `Option` it is given";
        return Err(Error::new(written.span(), message));
    }
    let (key, item) = (row_type(&signature.keys), with_inferred_lifetimes(item));
    let call = call(function, signature, |index| match index {
        0 => quote!(__values),
        _ => quote!(__state),
    });
    Ok(quote! {
        ::tidemill_sdk::operator::Operator::update_state::<#key, #item, #state, #kept, _>(
            #declaration, #load, |__parameters, __context, __key, __values, __state| #call,
        )
    })
}

/// `#[map_with_state]`.
pub(crate) fn map(
    function: &ItemFn,
    signature: &Signature,
    declaration: TokenStream,
    load: TokenStream,
    kept: TokenStream,
) -> Result<TokenStream> {
    let Some(state) = &signature.state else {
        let message = "`#[map_with_state]` takes the state of the key as `&mut State<..>`";
        return Err(Error::new(function.sig.inputs.span(), message));
    };
    let (written, refuses) = returned(Kind::MapWithState, function, signature)?;
    let (out, many) = if gives_many(written) {
        (returned_items(written), true)
    } else {
        (returned_row(written), false)
    };
    let timed = match &signature.columns[..] {
        [only] => argument_of(&only.written, &["Option"]),
        _ => None,
    };
    let (row, call) = match timed {
        // The one argument is `None` when the key's time is up.
        Some(row) => {
            let row = with_inferred_lifetimes(row);
            let call = call(
                function,
                signature,
                |_| quote!(__value.map(<#row as ::tidemill_sdk::row::Columns>::again)),
            );
            (quote!(#row), call)
        }
        None => {
            let columns = &signature.columns;
            let call = call(function, signature, |index| value(columns, index));
            (row_type(columns), call)
        }
    };
    let without_value = if timed.is_some() {
        quote!()
    } else {
        quote! {
            let ::core::option::Option::Some(__value) = __value else {
                return ::core::result::Result::Ok(());
            };
        }
    };
    let made = if refuses { quote!(#call?) } else { call };
    let push = if many {
        quote!(::core::iter::IntoIterator::into_iter(#made).for_each(|__row| __emit.push(__row)))
    } else {
        quote!(__emit.push(#made))
    };
    let key = row_type(&signature.keys);
    Ok(quote! {
        ::tidemill_sdk::operator::Operator::map_with_state::<#key, #row, #state, #out, #kept, _>(
            #declaration,
            #load,
            |__parameters, __context, __key, __value, __state, __emit| {
                #without_value
                #push;
                ::core::result::Result::Ok(())
            },
        )
    })
}

/// Whether a result is none, one or many rows; a row otherwise.
fn gives_many(written: &Type) -> bool {
    let boxed = argument_of(written, &["Box"]);
    boxed.is_some_and(gives_many)
        || bound_item(written).is_some()
        || ["Option", "Vec", "VecDeque"].iter().any(|name| is_named(written, name))
}

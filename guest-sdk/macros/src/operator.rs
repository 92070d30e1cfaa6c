//! From a function to an operator: what the attributes expand to.
//!
//! Takes the kind and the author's function. Gives the function, and beside it an empty type of
//! the same name that makes the operator. Never changes what the function does when it is called.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, ItemFn, Result};

use crate::arguments::{Arguments, read_arguments};
use crate::call::{call, returned, row_of, spelled};
use crate::kind::Kind;
use crate::signature::{BroadcastArgument, ColumnArgument, Signature, read, strip};
use crate::stateful;
use crate::types::{
    bound_item, is_named, is_owned, referenced_row, returned_items, returned_row,
    with_inferred_lifetimes,
};

/// What an attribute expands to. After a mistake the function is still there, so that the
/// compiler names the mistake and not what follows from it.
pub(crate) fn expand(kind: Kind, arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut function: ItemFn = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(_) => {
            let message = format!("`#[{}]` stands before a function", kind.word());
            let error = Error::new(Span::call_site(), message).to_compile_error();
            return quote!(#item #error);
        }
    };
    let made = read(&function).and_then(|signature| {
        let arguments = read_arguments(kind, arguments)?;
        operator(kind, &arguments, &function, &signature)
    });
    strip(&mut function);
    let (name, visibility) = (&function.sig.ident, &function.vis);
    let made = made.unwrap_or_else(|error| error.to_compile_error());
    quote! {
        #function

        #[doc(hidden)]
        #[allow(non_camel_case_types)]
        #visibility enum #name {}

        impl ::tidemill_sdk::operator::Declared for #name {
            fn operator() -> ::tidemill_sdk::operator::Operator {
                #made
            }
        }
    }
}

fn operator(
    kind: Kind,
    arguments: &Arguments,
    function: &ItemFn,
    signature: &Signature,
) -> Result<TokenStream> {
    if signature.columns.is_empty() {
        let message = format!("`#[{}]` needs an argument that takes a column", kind.word());
        return Err(Error::new(function.sig.paren_token.span.join(), message));
    }
    if let (Some(key), false) = (signature.keys.first(), kind.is_stateful()) {
        let message = format!("`#[{}]` takes no `#[key]`: the host keeps the key", kind.word());
        return Err(Error::new(key.written.span(), message));
    }
    if let (Some(state), false) = (&signature.state, kind == Kind::MapWithState) {
        let message = format!("`#[{}]` has no `State`; `#[map_with_state]` has", kind.word());
        return Err(Error::new(state.span(), message));
    }
    let declaration = declaration(kind, arguments, function, signature);
    let load = load(signature);
    let kept = signature.parameters.iter().map(|parameter| parameter.kept_type());
    let broadcasts = signature.broadcasts.iter().map(
        |BroadcastArgument { row, .. }| quote!(&'static ::tidemill_sdk::broadcast::Broadcast<#row>),
    );
    let kept = quote!((#(#kept,)* #(#broadcasts,)*));
    match kind {
        Kind::Map | Kind::MapValues => map(kind, function, signature, declaration, load, kept),
        Kind::FlatMap | Kind::FlatMapValues => {
            flat_map(kind, function, signature, declaration, load, kept)
        }
        Kind::Filter => filter(function, signature, declaration, load, kept),
        Kind::MapPartitions => map_partitions(function, signature, declaration, load, kept),
        Kind::Reduce | Kind::Inverse => reduce(kind, function, signature, declaration, load, kept),
        Kind::Combine => stateful::combine(arguments, function, signature, declaration, load, kept),
        Kind::UpdateState => stateful::update(function, signature, declaration, load, kept),
        Kind::MapWithState => stateful::map(function, signature, declaration, load, kept),
    }
}

fn declaration(
    kind: Kind,
    arguments: &Arguments,
    function: &ItemFn,
    signature: &Signature,
) -> TokenStream {
    let (name, doc) = (crate::types::plain_name(&function.sig.ident), &signature.doc);
    let Arguments { keys, state_version, .. } = arguments;
    // The first column argument of a combine holds what was made so far, and the last of an update
    // the state.
    let columns = match (kind, signature.columns.as_slice()) {
        (Kind::Combine, [_, columns @ ..]) | (Kind::UpdateState, [columns @ .., _]) => columns,
        (_, columns) => columns,
    };
    let names = names_of(columns);
    let key_names = names_of(&signature.keys);
    let parameters = signature.parameters.iter().map(|parameter| {
        let (name, doc) = (&parameter.name, &parameter.doc);
        let (kept, default) = (parameter.kept_type(), parameter.default_value());
        quote!(::tidemill_sdk::parameter::declare::<#kept>(#name, #default, #doc))
    });
    let broadcasts = signature.broadcasts.iter().map(
        |BroadcastArgument { name, row }| quote!(::tidemill_sdk::broadcast::declare::<#row>(#name)),
    );
    quote! {
        ::tidemill_sdk::operator::Declaration {
            name: #name,
            doc: #doc,
            keys: #keys,
            columns: &[#(#names),*],
            key_columns: &[#(#key_names),*],
            state_version: #state_version,
            parameters: ::std::vec![#(#parameters),*],
            broadcasts: ::std::vec![#(#broadcasts),*],
        }
    }
}

/// The arguments' names; none at all where one has a pattern in its place.
fn names_of(columns: &[ColumnArgument]) -> Vec<&String> {
    let names: Option<Vec<_>> = columns.iter().map(|one| one.name.as_ref()).collect();
    names.unwrap_or_default()
}

/// Reads the parameters, once per call, and what is kept of broadcasts.
fn load(signature: &Signature) -> TokenStream {
    if signature.parameters.is_empty() && signature.broadcasts.is_empty() {
        return quote!(|_| ::core::result::Result::Ok(()));
    }
    let each = signature.parameters.iter().map(|parameter| {
        let (name, kept, default) =
            (&parameter.name, parameter.kept_type(), parameter.default_value());
        quote!(__set.get::<#kept>(#name, #default)?)
    });
    let broadcasts = signature
        .broadcasts
        .iter()
        .map(|BroadcastArgument { name, row }| quote!(__set.broadcast::<#row>(#name)?));
    quote!(|__set| ::core::result::Result::Ok((#(#each,)* #(#broadcasts,)*)))
}

/// The row that the column arguments make up, and the call that takes it as `__row`.
fn row_call(function: &ItemFn, signature: &Signature) -> (TokenStream, TokenStream) {
    if let [only] = &signature.columns[..] {
        let (row, taken) = match referenced_row(&only.written) {
            Some(row) => (with_inferred_lifetimes(row), quote!(__row)),
            None => {
                let row = with_inferred_lifetimes(&only.written);
                let here = only.written.span();
                let taken =
                    quote_spanned!(here=> <#row as ::tidemill_sdk::row::Columns>::again(__row));
                (row, taken)
            }
        };
        return (quote!(#row), call(function, signature, |_| taken.clone()));
    }
    let rows = signature.columns.iter().map(|column| {
        with_inferred_lifetimes(referenced_row(&column.written).unwrap_or(&column.written))
    });
    let row = quote!((#(#rows,)*));
    let call = call(function, signature, |index| {
        let position = syn::Index::from(index);
        match referenced_row(&signature.columns[index].written) {
            Some(_) => quote!(&__row.#position),
            None => quote!(__row.#position),
        }
    });
    (row, call)
}

fn map(
    kind: Kind,
    function: &ItemFn,
    signature: &Signature,
    declaration: TokenStream,
    load: TokenStream,
    kept: TokenStream,
) -> Result<TokenStream> {
    let (written, refuses) = returned(kind, function, signature)?;
    let (variant, out) = (kind.variant(), returned_row(written));
    let (row, call) = row_call(function, signature);
    let maker = if refuses { quote!(try_map) } else { quote!(map) };
    Ok(quote! {
        ::tidemill_sdk::operator::Operator::#maker::<#row, #out, #kept, _>(
            #variant, #declaration, #load, |__parameters, __context, _, __row| #call,
        )
    })
}

fn flat_map(
    kind: Kind,
    function: &ItemFn,
    signature: &Signature,
    declaration: TokenStream,
    load: TokenStream,
    kept: TokenStream,
) -> Result<TokenStream> {
    let (written, refuses) = returned(kind, function, signature)?;
    let (variant, out) = (kind.variant(), returned_items(written));
    let (row, call) = row_call(function, signature);
    let made = if refuses { quote!(#call?) } else { call };
    Ok(quote! {
        ::tidemill_sdk::operator::Operator::flat_map::<#row, #out, #kept, _>(
            #variant, #declaration, #load, |__parameters, __context, __row, __emit| {
                ::core::iter::IntoIterator::into_iter(#made).for_each(|__made| __emit.push(__made));
                ::core::result::Result::Ok(())
            },
        )
    })
}

fn filter(
    function: &ItemFn,
    signature: &Signature,
    declaration: TokenStream,
    load: TokenStream,
    kept: TokenStream,
) -> Result<TokenStream> {
    let (written, refuses) = returned(Kind::Filter, function, signature)?;
    if !is_named(written, "bool") {
        return Err(Error::new(written.span(), "`#[filter]` needs a function that returns `bool`"));
    }
    let (row, call) = row_call(function, signature);
    let answer = if refuses { call } else { quote!(::core::result::Result::Ok(#call)) };
    Ok(quote! {
        ::tidemill_sdk::operator::Operator::filter::<#row, #kept, _>(
            #declaration, #load, |__parameters, __context, __row| #answer,
        )
    })
}

fn map_partitions(
    function: &ItemFn,
    signature: &Signature,
    declaration: TokenStream,
    load: TokenStream,
    kept: TokenStream,
) -> Result<TokenStream> {
    let [rows] = &signature.columns[..] else {
        let message =
            "`#[map_partitions]` takes one argument of rows, an `impl Iterator<Item = ..>`";
        return Err(Error::new(function.sig.inputs.span(), message));
    };
    let Some(row) = bound_item(&rows.written) else {
        let message = "`#[map_partitions]` takes its rows as an `impl Iterator<Item = ..>`";
        return Err(Error::new(rows.written.span(), message));
    };
    let (written, refuses) = returned(Kind::MapPartitions, function, signature)?;
    if refuses {
        let message = "`#[map_partitions]` cannot refuse rows: it returns all rows, no `Result`";
        return Err(Error::new(written.span(), message));
    }
    let (row, out) = (with_inferred_lifetimes(row), returned_items(written));
    let call = call(function, signature, |_| quote!(__rows));
    Ok(quote! {
        ::tidemill_sdk::operator::Operator::map_partitions::<#row, #out, #kept, _>(
            #declaration, #load, |__parameters, __context, __rows, __emit| {
                ::core::iter::IntoIterator::into_iter(#call).for_each(|__made| __emit.push(__made));
            },
        )
    })
}

fn reduce(
    kind: Kind,
    function: &ItemFn,
    signature: &Signature,
    declaration: TokenStream,
    load: TokenStream,
    kept: TokenStream,
) -> Result<TokenStream> {
    let (word, variant) = (kind.word(), kind.variant());
    let [left, right] = &signature.columns[..] else {
        let message =
            format!("`#[{word}]` takes two values of one type, such as `(a: i64, b: i64)`");
        return Err(Error::new(function.sig.inputs.span(), message));
    };
    let (written, refuses) = returned(kind, function, signature)?;
    if refuses {
        let message = format!("`#[{word}]` cannot refuse rows: it returns a value, no `Result`");
        return Err(Error::new(written.span(), message));
    }
    let (left_row, right_row) = (row_of(left), row_of(right));
    if spelled(&left_row) != spelled(&right_row) {
        let message = format!("`#[{word}]` takes two values of one type");
        return Err(Error::new(right.written.span(), message));
    }
    let call = call(function, signature, |index| {
        let value = [quote!(__left), quote!(__right)][index].clone();
        let by_reference = referenced_row(&signature.columns[index].written).is_some();
        if by_reference { quote!(&#value) } else { value }
    });
    if spelled(written) == spelled(&left_row) {
        return Ok(quote! {
            ::tidemill_sdk::operator::Operator::reduce::<#left_row, #kept, _>(
                #variant, #declaration, #load, |__parameters, __context, _, __left, __right| #call,
            )
        });
    }
    if !is_owned(written) {
        let message = format!("`#[{word}]` takes two values of one type and returns that type");
        return Err(Error::new(written.span(), message));
    }
    Ok(quote! {
        ::tidemill_sdk::operator::Operator::reduce_made::<#written, #kept, _>(
            #variant, #declaration, #load, |__parameters, __context, __left, __right| #call,
        )
    })
}

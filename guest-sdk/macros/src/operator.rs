//! From a function to an operator: what the seven attributes expand to.
//!
//! Takes the kind and the author's function. Gives the function, and beside it an empty type of
//! the same name that makes the operator. Never changes what the function does when it is called.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, ItemFn, Result, Type};

use crate::signature::{ColumnArgument, Place, Signature, read, read_keys, strip};
use crate::types::{
    bound_item, is_named, is_owned, referenced_row, result_of, returned_items, returned_row,
    with_inferred_lifetimes,
};

/// What an operator does with rows or with the values of a group.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Map,
    FlatMap,
    Filter,
    MapPartitions,
    MapValues,
    FlatMapValues,
    Reduce,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Map => "map",
            Self::FlatMap => "flat_map",
            Self::Filter => "filter",
            Self::MapPartitions => "map_partitions",
            Self::MapValues => "map_values",
            Self::FlatMapValues => "flat_map_values",
            Self::Reduce => "reduce",
        }
    }

    fn variant(self) -> TokenStream {
        let name = match self {
            Self::Map => "Map",
            Self::FlatMap => "FlatMap",
            Self::Filter => "Filter",
            Self::MapPartitions => "MapPartitions",
            Self::MapValues => "MapValues",
            Self::FlatMapValues => "FlatMapValues",
            Self::Reduce => "Reduce",
        };
        let name = format_ident!("{name}");
        quote!(::tidemill_sdk::description::Kind::#name)
    }

    fn may_set_keys(self) -> bool {
        matches!(self, Self::Map | Self::FlatMap | Self::MapPartitions)
    }
}

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
        let keys = read_keys(arguments, kind.may_set_keys())?;
        operator(kind, keys, &function, &signature)
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
    keys: u32,
    function: &ItemFn,
    signature: &Signature,
) -> Result<TokenStream> {
    if signature.columns.is_empty() {
        let message = format!("`#[{}]` needs an argument that takes a column", kind.word());
        return Err(Error::new(function.sig.paren_token.span.join(), message));
    }
    let declaration = declaration(keys, function, signature);
    let load = load(signature);
    let kept = signature.parameters.iter().map(|parameter| parameter.kept_type());
    let kept = quote!((#(#kept,)*));
    match kind {
        Kind::Map | Kind::MapValues => map(kind, function, signature, declaration, load, kept),
        Kind::FlatMap | Kind::FlatMapValues => {
            flat_map(kind, function, signature, declaration, load, kept)
        }
        Kind::Filter => filter(function, signature, declaration, load, kept),
        Kind::MapPartitions => map_partitions(function, signature, declaration, load, kept),
        Kind::Reduce => reduce(function, signature, declaration, load, kept),
    }
}

fn declaration(keys: u32, function: &ItemFn, signature: &Signature) -> TokenStream {
    let (name, doc) = (crate::types::plain_name(&function.sig.ident), &signature.doc);
    let names: Option<Vec<_>> = signature.columns.iter().map(|one| one.name.as_ref()).collect();
    let names = names.unwrap_or_default();
    let parameters = signature.parameters.iter().map(|parameter| {
        let (name, doc) = (&parameter.name, &parameter.doc);
        let (kept, default) = (parameter.kept_type(), parameter.default_value());
        quote!(::tidemill_sdk::parameter::declare::<#kept>(#name, #default, #doc))
    });
    quote! {
        ::tidemill_sdk::operator::Declaration {
            name: #name,
            doc: #doc,
            keys: #keys,
            columns: &[#(#names),*],
            parameters: ::std::vec![#(#parameters),*],
        }
    }
}

/// Reads the parameters, once per call.
fn load(signature: &Signature) -> TokenStream {
    if signature.parameters.is_empty() {
        return quote!(|_| ::core::result::Result::Ok(()));
    }
    let each = signature.parameters.iter().map(|parameter| {
        let (name, kept, default) =
            (&parameter.name, parameter.kept_type(), parameter.default_value());
        quote!(__set.get::<#kept>(#name, #default)?)
    });
    quote!(|__set| ::core::result::Result::Ok((#(#each,)*)))
}

/// The call of the author's function; `column` gives what stands for each column argument.
fn call(
    function: &ItemFn,
    signature: &Signature,
    column: impl Fn(usize) -> TokenStream,
) -> TokenStream {
    let name = &function.sig.ident;
    let arguments = signature.places.iter().map(|place| match *place {
        Place::Column(index) => column(index),
        Place::Parameter(index) => {
            let position = syn::Index::from(index);
            signature.parameters[index].handed(&quote!(__parameters.#position))
        }
        Place::Context => quote!(*__context),
        Place::ContextReference => quote!(__context),
    });
    quote!(#name(#(#arguments),*))
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

fn returned<'s>(
    kind: Kind,
    function: &ItemFn,
    signature: &'s Signature,
) -> Result<(&'s Type, bool)> {
    let Some(written) = &signature.returned else {
        let message = format!("`#[{}]` needs a function that returns something", kind.word());
        return Err(Error::new(function.sig.span(), message));
    };
    Ok(match result_of(written) {
        Some(inner) => (inner, true),
        None => (written, false),
    })
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
    function: &ItemFn,
    signature: &Signature,
    declaration: TokenStream,
    load: TokenStream,
    kept: TokenStream,
) -> Result<TokenStream> {
    let [left, right] = &signature.columns[..] else {
        let message = "`#[reduce]` takes two values of one type, such as `(a: i64, b: i64)`";
        return Err(Error::new(function.sig.inputs.span(), message));
    };
    let (written, refuses) = returned(Kind::Reduce, function, signature)?;
    if refuses {
        let message = "`#[reduce]` cannot refuse rows: it returns a value, no `Result`";
        return Err(Error::new(written.span(), message));
    }
    let (left_row, right_row) = (row_of(left), row_of(right));
    if spelled(&left_row) != spelled(&right_row) {
        let message = "`#[reduce]` takes two values of one type";
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
                #declaration, #load, |__parameters, __context, _, __left, __right| #call,
            )
        });
    }
    if !is_owned(written) {
        let message = "`#[reduce]` takes two values of one type and returns that type";
        return Err(Error::new(written.span(), message));
    }
    Ok(quote! {
        ::tidemill_sdk::operator::Operator::reduce_made::<#written, #kept, _>(
            #declaration, #load, |__parameters, __context, __left, __right| #call,
        )
    })
}

/// The row type of an argument, by value or by reference.
fn row_of(column: &ColumnArgument) -> Type {
    with_inferred_lifetimes(referenced_row(&column.written).unwrap_or(&column.written))
}

/// The type as text, lifetimes aside: equal for equal types unless one is an alias.
fn spelled(written: &Type) -> String {
    with_inferred_lifetimes(written).into_token_stream().to_string()
}

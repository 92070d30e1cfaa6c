//! From a struct to a row: what `#[derive(Row)]` expands to.
//!
//! Takes a struct with named fields. Gives its columns. Never accepts what has no fixed columns.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Fields, GenericParam, Lifetime, Result, Type};

use crate::types::{borrows, is_named, is_owned, refuse_unsupported, with_static_lifetimes};

struct Row {
    name: Ident,
    borrows: bool,
    fields: Vec<(Ident, Type)>,
}

/// Columns of a state: as many as a tuple may have.
const KEPT_COLUMNS_MAX: usize = 12;

impl Row {
    /// Whether it can be a state: it borrows nothing, and has no more columns than a tuple.
    fn may_be_kept(&self) -> bool {
        let borrows = |(_, written): &(Ident, Type)| borrows(written) || is_named(written, "List");
        !self.borrows && self.fields.len() <= KEPT_COLUMNS_MAX && !self.fields.iter().any(borrows)
    }

    /// The struct's type with that lifetime.
    fn with_lifetime(&self, lifetime: &str) -> TokenStream {
        let name = &self.name;
        let lifetime = Lifetime::new(lifetime, name.span());
        if self.borrows { quote!(#name<#lifetime>) } else { quote!(#name) }
    }

    /// `.1.1.0`: columns are kept as nested pairs, which no number of fields outgrows.
    fn place(index: usize) -> TokenStream {
        let seconds = std::iter::repeat_n(quote!(.1), index);
        quote!(#(#seconds)* .0)
    }

    /// `(a, (b, (c, ())))`.
    fn nested(&self, each: impl Fn(&Type) -> TokenStream) -> TokenStream {
        self.fields.iter().rev().fold(quote!(()), |rest, (_, written)| {
            let one = each(written);
            quote!((#one, #rest))
        })
    }
}

/// What the derive expands to.
pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let read = syn::parse2(item).and_then(|item| read(&item));
    match read {
        Ok(row) => {
            let owns = row.fields.iter().any(|(_, written)| is_owned(written));
            let row_itself = if owns { output(&row) } else { columns(&row) };
            let kept = if row.may_be_kept() { kept(&row) } else { TokenStream::new() };
            quote!(#row_itself #kept)
        }
        Err(error) => error.to_compile_error(),
    }
}

fn read(item: &DeriveInput) -> Result<Row> {
    let Data::Struct(data) = &item.data else {
        return Err(Error::new(item.ident.span(), "a row is a struct with named fields"));
    };
    let Fields::Named(named) = &data.fields else {
        let message = "a row is a struct with named fields: their names are its columns";
        return Err(Error::new(item.ident.span(), message));
    };
    for generic in &item.generics.params {
        if !matches!(generic, GenericParam::Lifetime(_)) {
            let message = "a row cannot be generic: the host must know its columns";
            return Err(Error::new(generic.span(), message));
        }
    }
    if item.generics.params.len() > 1 {
        return Err(Error::new(item.generics.span(), "a row has at most one lifetime"));
    }
    let fields: Vec<_> = named
        .named
        .iter()
        .filter_map(|field| Some((field.ident.clone()?, with_static_lifetimes(&field.ty))))
        .collect();
    if fields.is_empty() {
        return Err(Error::new(item.ident.span(), "a row has at least one field"));
    }
    for field in &named.named {
        refuse_unsupported(&field.ty)?;
    }
    let borrows = !item.generics.params.is_empty();
    Ok(Row { name: item.ident.clone(), borrows, fields })
}

/// A row that may be taken and returned.
fn columns(row: &Row) -> TokenStream {
    let (static_row, of) = (row.with_lifetime("'static"), row.with_lifetime("'row"));
    let name = &row.name;
    let value = quote!(::tidemill_sdk::column::Value);
    let readers = row.nested(|written| quote!(<#written as #value>::Reader<'row>));
    let builders = row.nested(|written| quote!(<#written as #value>::Builder));
    let open = row.nested(|written| quote!(<#written as #value>::open(cursor, rows)?));
    let names: Vec<_> = row.fields.iter().map(|(field, _)| field).collect();
    let words: Vec<_> = names.iter().map(|field| plain_field(field)).collect();
    let types: Vec<_> = row.fields.iter().map(|(_, written)| written).collect();
    let places: Vec<_> = (0..names.len()).map(Row::place).collect();
    quote! {
        #[automatically_derived]
        impl ::tidemill_sdk::row::Columns for #static_row {
            type Of<'row> = #of;
            type Reader<'row> = #readers;
            type Builder = #builders;
            const BY_NAME: bool = true;

            fn fields() -> ::std::vec::Vec<::tidemill_sdk::description::Field> {
                ::std::vec![#(::tidemill_sdk::description::Field::of::<#types>(#words)),*]
            }

            fn open<'row>(
                cursor: &mut ::tidemill_sdk::batch::Cursor<'row>,
                rows: usize,
            ) -> ::core::result::Result<Self::Reader<'row>, ::tidemill_sdk::batch::Failure> {
                ::core::result::Result::Ok(#open)
            }

            #[inline]
            fn get<'row>(reader: Self::Reader<'row>, row: usize) -> Self::Of<'row> {
                #name { #(#names: <#types as #value>::get(reader #places, row)),* }
            }

            #[inline]
            fn again<'row>(row: &Self::Of<'row>) -> Self::Of<'row> {
                #name { #(#names: row.#names),* }
            }

            #[inline]
            fn append<'row>(builder: &mut Self::Builder, rows: &[Self::Of<'row>]) {
                #(<#types as #value>::append(
                    &mut builder #places, rows.iter().map(|row| row.#names),
                );)*
            }

            fn reserve(builder: &mut Self::Builder, done: usize, total: usize) {
                #(<#types as #value>::reserve(&mut builder #places, done, total);)*
            }

            fn finish(
                builder: Self::Builder,
                rows: u32,
                batch: &mut ::tidemill_sdk::batch::Batch,
            ) -> ::core::result::Result<(), ::tidemill_sdk::batch::Failure> {
                #(<#types as #value>::finish(builder #places, rows, batch)?;)*
                ::core::result::Result::Ok(())
            }
        }
    }
}

/// A row that may only be returned, because it owns what it holds.
fn output(row: &Row) -> TokenStream {
    let (static_row, held) = (row.with_lifetime("'static"), row.with_lifetime("'row"));
    let value = quote!(::tidemill_sdk::output::OutputValue);
    let names: Vec<_> = row.fields.iter().map(|(field, _)| field).collect();
    let words: Vec<_> = names.iter().map(|field| plain_field(field)).collect();
    let types: Vec<_> = row.fields.iter().map(|(_, written)| written).collect();
    let view = format_ident!("__{}View", row.name);
    quote! {
        #[doc(hidden)]
        type #view = (#(<#types as #value>::View,)*);

        #[automatically_derived]
        impl ::tidemill_sdk::output::Output for #static_row {
            type View = #view;
            type Held<'row> = #held;

            fn returned_fields() -> ::std::vec::Vec<::tidemill_sdk::description::Field> {
                ::std::vec![#(::tidemill_sdk::description::Field::of::<
                    <#types as #value>::View,
                >(#words)),*]
            }

            fn push<'row>(
                held: &[Self::Held<'row>],
                origins: &[u32],
                next: &mut dyn ::tidemill_sdk::output::Sink,
            ) {
                let views: ::std::vec::Vec<_> =
                    held.iter().map(|row| (#(<#types as #value>::view(&row.#names),)*)).collect();
                ::tidemill_sdk::output::push_views::<#view>(&views, origins, next);
            }
        }
    }
}

/// A row that may be a state, because it borrows nothing.
fn kept(row: &Row) -> TokenStream {
    let (name, value) = (&row.name, quote!(::tidemill_sdk::state::KeptValue));
    let names: Vec<_> = row.fields.iter().map(|(field, _)| field).collect();
    let words: Vec<_> = names.iter().map(|field| plain_field(field)).collect();
    let types: Vec<_> = row.fields.iter().map(|(_, written)| written).collect();
    let places = (0..names.len()).map(syn::Index::from);
    quote! {
        #[automatically_derived]
        impl ::tidemill_sdk::state::Kept for #name {
            type View = (#(<#types as #value>::View,)*);

            fn fields() -> ::std::vec::Vec<::tidemill_sdk::description::Field> {
                ::std::vec![#(::tidemill_sdk::description::Field::of::<
                    <#types as #value>::View,
                >(#words)),*]
            }

            fn keep(row: <Self::View as ::tidemill_sdk::row::Columns>::Of<'_>) -> Self {
                #name { #(#names: <#types as #value>::keep(row.#places)),* }
            }

            fn lend(&self) -> <Self::View as ::tidemill_sdk::row::Columns>::Of<'_> {
                (#(<#types as #value>::lend(&self.#names),)*)
            }
        }
    }
}

/// A field's name as a column's: as it is, less `r#`.
fn plain_field(field: &Ident) -> String {
    let name = field.to_string();
    name.strip_prefix("r#").unwrap_or(&name).to_owned()
}

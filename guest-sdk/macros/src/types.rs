//! How the author's types are read: references, results, items of iterators, owned values.
//!
//! Takes types as they are written. Gives the types that the SDK's traits are asked for. Never
//! resolves a name: an alias is taken for what it looks like.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::visit::{Visit, visit_type_path, visit_type_reference};
use syn::visit_mut::{VisitMut, visit_type_mut, visit_type_reference_mut};
use syn::{
    AngleBracketedGenericArguments, AssocType, Error, GenericArgument, Lifetime, PathArguments,
    PathSegment, Result, Type, TypeParamBound, TypePath, TypeReference,
};

/// Types that own what they hold.
const OWNED: [&str; 4] = ["String", "Vec", "Box", "Cow"];

/// Types that look like columns and are none; an alias of one is found by the compiler later.
const UNSUPPORTED: [&str; 18] = [
    "f32",
    "i8",
    "i16",
    "i128",
    "isize",
    "u16",
    "u32",
    "u128",
    "usize",
    "char",
    "Duration",
    "SystemTime",
    "Instant",
    "HashMap",
    "HashSet",
    "BTreeMap",
    "BTreeSet",
    "Rc",
];

struct FirstUnsupported(Option<(Span, String)>);

impl<'ast> Visit<'ast> for FirstUnsupported {
    fn visit_type_path(&mut self, written: &'ast TypePath) {
        let last = written.path.segments.last();
        let found = last.filter(|one| UNSUPPORTED.iter().any(|name| one.ident == name));
        if let (None, Some(found)) = (&self.0, found) {
            self.0 = Some((found.span(), found.ident.to_string()));
        }
        visit_type_path(self, written);
    }
}

/// Names the first type that cannot be a column.
pub(crate) fn refuse_unsupported(written: &Type) -> Result<()> {
    let mut unsupported = FirstUnsupported(None);
    unsupported.visit_type(written);
    let Some((place, name)) = unsupported.0 else { return Ok(()) };
    let message = format!(
        "`{name}` is no column type; columns are bool, i32, i64, u64, f64, &str, &[u8], Timestamp, \
         Date, Decimal<P, S>, List<T>, and Option<..> of these; results may also be String and \
         Vec<u8>"
    );
    Err(Error::new(place, message))
}

struct Unnamed(bool);

impl<'ast> Visit<'ast> for Unnamed {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        self.0 |= reference.lifetime.is_none();
        visit_type_reference(self, reference);
    }

    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        self.0 |= lifetime.ident == "_";
    }
}

/// Whether the type borrows for a lifetime that it does not name. One that is left out of a path,
/// as in `Row` for `Row<'_>`, is not seen.
pub(crate) fn borrows_unnamed(written: &Type) -> bool {
    let mut unnamed = Unnamed(false);
    unnamed.visit_type(written);
    unnamed.0
}

/// Whether the type holds a reference.
pub(crate) fn borrows(written: &Type) -> bool {
    let mut found = AnyReference(false);
    found.visit_type(written);
    found.0
}

struct AnyReference(bool);

impl<'ast> Visit<'ast> for AnyReference {
    fn visit_type_reference(&mut self, _: &'ast TypeReference) {
        self.0 = true;
    }
}

struct Lifetimes(&'static str);

impl VisitMut for Lifetimes {
    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        *lifetime = Lifetime::new(self.0, lifetime.span());
    }

    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        visit_type_reference_mut(self, reference);
        let span = reference.and_token.span;
        reference.lifetime = Some(Lifetime::new(self.0, span));
    }

    fn visit_type_mut(&mut self, written: &mut Type) {
        visit_type_mut(self, written);
    }
}

/// The type with all lifetimes spelled `'static`.
pub(crate) fn with_static_lifetimes(written: &Type) -> Type {
    let mut written = written.clone();
    Lifetimes("'static").visit_type_mut(&mut written);
    written
}

/// The type with all lifetimes left to inference.
pub(crate) fn with_inferred_lifetimes(written: &Type) -> Type {
    let mut written = written.clone();
    Lifetimes("'_").visit_type_mut(&mut written);
    written
}

/// Whether the type names one that owns what it holds.
pub(crate) fn is_owned(written: &impl ToTokens) -> bool {
    fn any(tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(name) => OWNED.iter().any(|owned| name == owned),
            TokenTree::Group(group) => any(group.stream()),
            _ => false,
        })
    }
    any(written.to_token_stream())
}

/// What the SDK calls a returned row of the type.
pub(crate) fn returned_row(written: &Type) -> TokenStream {
    let row = with_inferred_lifetimes(written);
    match written {
        Type::Tuple(tuple) if is_owned(tuple) => quote!(::tidemill_sdk::output::Made<#row>),
        _ => quote!(#row),
    }
}

fn last_segment(written: &Type) -> Option<&PathSegment> {
    match written {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        Type::Paren(inner) => last_segment(&inner.elem),
        Type::Group(inner) => last_segment(&inner.elem),
        _ => None,
    }
}

fn type_arguments(segment: &PathSegment) -> Vec<&Type> {
    let PathArguments::AngleBracketed(AngleBracketedGenericArguments { args, .. }) =
        &segment.arguments
    else {
        return Vec::new();
    };
    args.iter()
        .filter_map(|argument| match argument {
            GenericArgument::Type(written) => Some(written),
            _ => None,
        })
        .collect()
}

/// The `T` of `Name<T, ..>`.
pub(crate) fn argument_of<'t>(written: &'t Type, names: &[&str]) -> Option<&'t Type> {
    let segment = last_segment(written)?;
    let named = names.iter().any(|name| segment.ident == name);
    type_arguments(segment).first().copied().filter(|_| named)
}

/// The `T` of `Result<T, ..>`.
pub(crate) fn result_of(written: &Type) -> Option<&Type> {
    argument_of(written, &["Result"])
}

/// Whether the last name of the type is this one.
pub(crate) fn is_named(written: &Type, name: &str) -> bool {
    last_segment(written).is_some_and(|segment| segment.ident == name)
}

/// The `T` of `impl Iterator<Item = T>`, and of `dyn`.
pub(crate) fn bound_item(written: &Type) -> Option<&Type> {
    let bounds = match written {
        Type::ImplTrait(bounds) => &bounds.bounds,
        Type::TraitObject(bounds) => &bounds.bounds,
        Type::Paren(inner) => return bound_item(&inner.elem),
        Type::Group(inner) => return bound_item(&inner.elem),
        _ => return None,
    };
    bounds.iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else { return None };
        let segment = bound.path.segments.last()?;
        let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
        arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::AssocType(AssocType { ident, ty, .. }) if *ident == "Item" => Some(ty),
            _ => None,
        })
    })
}

/// What the SDK calls the rows of a returned collection or iterator.
pub(crate) fn returned_items(written: &Type) -> TokenStream {
    if let Some(item) = bound_item(written) {
        return returned_row(item);
    }
    if let Some(inner) = argument_of(written, &["Box"]) {
        return returned_items(inner);
    }
    if let Some(item) = argument_of(written, &["Vec", "Option", "VecDeque"]) {
        return returned_row(item);
    }
    if let Type::Array(array) = written {
        return returned_row(&array.elem);
    }
    let written = with_inferred_lifetimes(written);
    quote!(<#written as ::core::iter::IntoIterator>::Item)
}

/// The `T` of a `&T` that is a reference to a row, not itself a column as `&str` and `&[u8]` are.
pub(crate) fn referenced_row(written: &Type) -> Option<&Type> {
    let Type::Reference(reference) = written else { return None };
    let column = matches!(*reference.elem, Type::Slice(_)) || is_named(&reference.elem, "str");
    (!column).then_some(&*reference.elem)
}

/// The name without `r#` and leading underscores.
pub(crate) fn plain_name(name: &Ident) -> String {
    let name = name.to_string();
    let name = name.strip_prefix("r#").unwrap_or(&name);
    name.trim_start_matches('_').to_owned()
}

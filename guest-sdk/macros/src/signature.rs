//! What a function's signature says: columns, parameters, context, documentation.
//!
//! Takes the author's function. Gives its parts. Never accepts what the host could not call.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, Expr, ExprLit, FnArg, GenericParam, ItemFn, Lit, Meta, Pat, PatType, Result,
    ReturnType, Type, UnOp,
};

use crate::types::{
    argument_of, borrows_unnamed, is_named, plain_name, refuse_unsupported, with_static_lifetimes,
};

/// Types of parameters, `&str` less its reference.
const PARAMETERS: [&str; 6] = ["bool", "i64", "f64", "char", "str", "String"];

/// One argument that is filled from columns.
pub(crate) struct ColumnArgument {
    pub(crate) name: Option<String>,
    pub(crate) written: Type,
}

/// One argument that a job may set.
pub(crate) struct ParameterArgument {
    pub(crate) name: String,
    pub(crate) written: Type,
    pub(crate) default: Option<Expr>,
    pub(crate) doc: String,
}

/// One argument that is a broadcast of the job.
pub(crate) struct BroadcastArgument {
    pub(crate) name: String,
    /// Its rows, what they borrow being kept for good.
    pub(crate) row: Type,
}

/// Where an argument of a call comes from.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Column(usize),
    Key(usize),
    State,
    Parameter(usize),
    Broadcast(usize),
    Context,
    ContextReference,
}

/// A function's parts.
pub(crate) struct Signature {
    pub(crate) columns: Vec<ColumnArgument>,
    pub(crate) keys: Vec<ColumnArgument>,
    pub(crate) state: Option<Type>,
    pub(crate) parameters: Vec<ParameterArgument>,
    pub(crate) broadcasts: Vec<BroadcastArgument>,
    pub(crate) places: Vec<Place>,
    pub(crate) returned: Option<Type>,
    pub(crate) doc: String,
}

/// The text of doc comments.
pub(crate) fn doc_of(attributes: &[Attribute]) -> String {
    let mut lines = Vec::new();
    for attribute in attributes {
        let Meta::NameValue(pair) = &attribute.meta else { continue };
        let Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) = &pair.value else { continue };
        if pair.path.is_ident("doc") {
            let line = line.value();
            lines.push(line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned());
        }
    }
    lines.join("\n").trim().to_owned()
}

/// Strips off what the compiler does not allow on arguments.
pub(crate) fn strip(function: &mut ItemFn) {
    for argument in &mut function.sig.inputs {
        if let FnArg::Typed(argument) = argument {
            argument.attrs.retain(|one| {
                !(is_parameter(one)
                    || is_key(one)
                    || is_broadcast(one)
                    || one.path().is_ident("doc"))
            });
        }
    }
}

fn is_parameter(attribute: &Attribute) -> bool {
    attribute.path().is_ident("param")
}

fn is_broadcast(attribute: &Attribute) -> bool {
    attribute.path().is_ident("broadcast")
}

fn is_key(attribute: &Attribute) -> bool {
    attribute.path().is_ident("key")
}

/// Reads a function.
pub(crate) fn read(function: &ItemFn) -> Result<Signature> {
    refuse_what_cannot_be_called(function)?;
    let mut signature = Signature {
        columns: Vec::new(),
        keys: Vec::new(),
        state: None,
        parameters: Vec::new(),
        broadcasts: Vec::new(),
        places: Vec::new(),
        returned: None,
        doc: doc_of(&function.attrs),
    };
    for argument in &function.sig.inputs {
        match argument {
            FnArg::Receiver(receiver) => {
                return Err(Error::new(receiver.span(), "an operator is a free function"));
            }
            FnArg::Typed(argument) => signature.add(argument)?,
        }
    }
    signature.returned = returned(function)?;
    if signature.returned.as_ref().is_some_and(borrows_unnamed) {
        refuse_references_beside_rows(function)?;
    }
    Ok(signature)
}

/// Where a result leaves its lifetime out, Rust wants one argument only that it can be of.
fn refuse_references_beside_rows(function: &ItemFn) -> Result<()> {
    for argument in &function.sig.inputs {
        let FnArg::Typed(argument) = argument else { continue };
        let Type::Reference(reference) = &*argument.ty else { continue };
        let instead = match context_place(&argument.ty) {
            Some(_) => "the context by value, as `Context`",
            None if argument.attrs.iter().any(is_parameter) => "the parameter as `String`",
            None if argument.attrs.iter().any(is_broadcast) => {
                "the broadcast as `&'static Broadcast<..>`"
            }
            None => continue,
        };
        if reference.lifetime.is_none() {
            let message = format!(
                "take {instead}: beside this reference Rust cannot tell that the result borrows \
                 from the row"
            );
            return Err(Error::new(argument.ty.span(), message));
        }
    }
    Ok(())
}

fn returned(function: &ItemFn) -> Result<Option<Type>> {
    match &function.sig.output {
        ReturnType::Default => Ok(None),
        ReturnType::Type(_, written) => {
            refuse_unsupported(written)?;
            Ok(Some((**written).clone()))
        }
    }
}

fn refuse_what_cannot_be_called(function: &ItemFn) -> Result<()> {
    let signature = &function.sig;
    if let Some(found) = &signature.asyncness {
        let message = "an operator cannot be async: it is a plain function of its rows";
        return Err(Error::new(found.span(), message));
    }
    if let Some(found) = &signature.unsafety {
        return Err(Error::new(found.span(), "an operator cannot be unsafe"));
    }
    for generic in &signature.generics.params {
        if !matches!(generic, GenericParam::Lifetime(_)) {
            let message = "an operator cannot be generic: the host must know its columns";
            return Err(Error::new(generic.span(), message));
        }
    }
    Ok(())
}

impl Signature {
    fn add(&mut self, argument: &PatType) -> Result<()> {
        if let Some(attribute) = argument.attrs.iter().find(|one| is_parameter(one)) {
            let parameter = read_parameter(attribute, argument)?;
            self.places.push(Place::Parameter(self.parameters.len()));
            self.parameters.push(parameter);
        } else if let Some(attribute) = argument.attrs.iter().find(|one| is_broadcast(one)) {
            let broadcast = read_broadcast(attribute, argument)?;
            self.places.push(Place::Broadcast(self.broadcasts.len()));
            self.broadcasts.push(broadcast);
        } else if broadcast_row(&argument.ty).is_some() {
            let message = "a broadcast has its attribute before it: `#[broadcast]`";
            return Err(Error::new(argument.ty.span(), message));
        } else if let Some(place) = context_place(&argument.ty) {
            self.places.push(place);
        } else if let Some(kept) = state_of(&argument.ty) {
            if self.state.is_some() {
                let message = "an operator has one state, which may be a tuple or a struct";
                return Err(Error::new(argument.ty.span(), message));
            }
            self.state = Some(kept.clone());
            self.places.push(Place::State);
        } else {
            refuse_other_states(&argument.ty)?;
            refuse_mutable(&argument.ty)?;
            refuse_unsupported(&argument.ty)?;
            let name = name_of(argument).map(plain_name).filter(|name| !name.is_empty());
            let column = ColumnArgument { name, written: (*argument.ty).clone() };
            let is_key = argument.attrs.iter().any(is_key);
            let (columns, place) = if is_key {
                (&mut self.keys, Place::Key as fn(usize) -> Place)
            } else {
                (&mut self.columns, Place::Column as fn(usize) -> Place)
            };
            self.places.push(place(columns.len()));
            columns.push(column);
        }
        Ok(())
    }
}

/// The place of a `Context` or `&Context`.
fn context_place(written: &Type) -> Option<Place> {
    match written {
        Type::Reference(reference) => {
            is_named(&reference.elem, "Context").then_some(Place::ContextReference)
        }
        written => is_named(written, "Context").then_some(Place::Context),
    }
}

/// The `R` of `&Broadcast<R>`.
fn broadcast_row(written: &Type) -> Option<&Type> {
    let Type::Reference(reference) = written else { return None };
    argument_of(&reference.elem, &["Broadcast"]).filter(|_| reference.mutability.is_none())
}

fn read_broadcast(attribute: &Attribute, argument: &PatType) -> Result<BroadcastArgument> {
    if !matches!(attribute.meta, Meta::Path(_)) {
        let message = "`#[broadcast]` takes nothing: the argument's name is the broadcast's";
        return Err(Error::new(attribute.span(), message));
    }
    let Some(name) = name_of(argument) else {
        return Err(Error::new(argument.pat.span(), "a broadcast needs a plain name"));
    };
    let Some(row) = broadcast_row(&argument.ty) else {
        let message = "a broadcast is taken as `&Broadcast<Row>`";
        return Err(Error::new(argument.ty.span(), message));
    };
    refuse_unsupported(row)?;
    Ok(BroadcastArgument { name: plain_name(name), row: with_static_lifetimes(row) })
}

/// The `S` of `&mut State<S>`.
fn state_of(written: &Type) -> Option<&Type> {
    let Type::Reference(reference) = written else { return None };
    reference.mutability.and_then(|_| argument_of(&reference.elem, &["State"]))
}

/// A `State` by value, by `&`, or of nothing.
fn refuse_other_states(written: &Type) -> Result<()> {
    let plain = match written {
        Type::Reference(reference) => &*reference.elem,
        written => written,
    };
    if !is_named(plain, "State") {
        return Ok(());
    }
    let message = "a state is taken as `&mut State<S>`, S being what is kept for the key";
    Err(Error::new(written.span(), message))
}

fn refuse_mutable(written: &Type) -> Result<()> {
    match written {
        Type::Reference(reference) if reference.mutability.is_some() => {
            Err(Error::new(written.span(), "rows cannot be changed: take them by value or `&`"))
        }
        _ => Ok(()),
    }
}

fn name_of(argument: &PatType) -> Option<&Ident> {
    match &*argument.pat {
        Pat::Ident(pattern) => Some(&pattern.ident),
        _ => None,
    }
}

fn read_parameter(attribute: &Attribute, argument: &PatType) -> Result<ParameterArgument> {
    let Some(name) = name_of(argument) else {
        return Err(Error::new(argument.pat.span(), "a parameter needs a plain name"));
    };
    let written = match &*argument.ty {
        Type::Reference(reference) if is_named(&reference.elem, "str") => &*reference.elem,
        written => written,
    };
    if !PARAMETERS.iter().any(|name| is_named(written, name)) {
        let message = "a parameter is of type bool, i64, f64, char, &str or String";
        return Err(Error::new(argument.ty.span(), message));
    }
    let mut default = None;
    if !matches!(attribute.meta, Meta::Path(_)) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("default") {
                return Err(meta.error("a parameter takes nothing but `default = literal`"));
            }
            default = Some(literal(meta.value()?.parse()?)?);
            Ok(())
        })?;
    }
    Ok(ParameterArgument {
        name: plain_name(name),
        written: (*argument.ty).clone(),
        default,
        doc: doc_of(&argument.attrs),
    })
}

/// A literal, with or without a sign before it.
fn literal(written: Expr) -> Result<Expr> {
    let plain = match &written {
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => &*unary.expr,
        other => other,
    };
    if matches!(plain, Expr::Lit(_)) {
        return Ok(written);
    }
    let message = "the default of a parameter is a literal, such as '#', 3, 0.5, true or \"text\"";
    Err(Error::new(written.span(), message))
}

/// The type a parameter is kept as, its default, and how it is handed to the function.
impl ParameterArgument {
    pub(crate) fn kept_type(&self) -> TokenStream {
        if self.is_text() {
            return quote!(::std::string::String);
        }
        self.written.to_token_stream()
    }

    pub(crate) fn default_value(&self) -> TokenStream {
        match &self.default {
            None => quote!(::core::option::Option::None),
            Some(default) if self.is_text() => {
                quote!(::core::option::Option::Some(::std::string::String::from(#default)))
            }
            Some(default) => quote!(::core::option::Option::Some(#default)),
        }
    }

    pub(crate) fn handed(&self, kept: &TokenStream) -> TokenStream {
        match &self.written {
            Type::Reference(_) => quote!(#kept.as_str()),
            _ if self.is_text() => quote!(::std::string::String::clone(&#kept)),
            _ => kept.clone(),
        }
    }

    fn is_text(&self) -> bool {
        match &self.written {
            Type::Reference(reference) => is_named(&reference.elem, "str"),
            written => is_named(written, "String"),
        }
    }
}

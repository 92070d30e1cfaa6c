//! Wasm: what a component is, seen before any of it is compiled.
//!
//! Takes bytes of a stranger. Gives what they import and export, after one pass that validates and
//! counts. Never compiles, and never lets a compiler see what is out of bounds.

use wasmparser::{
    Chunk, Encoding, FuncToValidate, FuncValidatorAllocations, FunctionBody, Parser, Payload,
    ValidPayload, Validator, ValidatorResources,
};

use super::{bindings, engine};
use crate::limits;
use crate::model::text::escape;

/// What of a component matters before it is compiled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ComponentFacts {
    /// The interfaces it imports, as it names them.
    pub imports: Vec<String>,
    /// The interfaces it exports, as it names them.
    pub exports: Vec<String>,
}

/// Why bytes are no component of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComponentError {
    /// Nothing at all.
    #[error("the file is empty, expected a component")]
    Empty,
    /// A larger file than any component may be.
    #[error("the file is {found} bytes, limit is {allowed}")]
    TooLarge {
        /// Its bytes.
        found: usize,
        /// The limit.
        allowed: usize,
    },
    /// The text format.
    #[error("the file is text, expected a component in binary form")]
    Text,
    /// Machine code, perhaps an artefact of some wasmtime.
    #[error("the file is native code, expected a component: only wasm is taken")]
    Native,
    /// A module that was not made a component.
    #[error(
        "the file is a core module, expected a component: `tidemill plugin build` makes one of it"
    )]
    CoreModule,
    /// Neither wasm nor anything else that is known.
    #[error("the file is no wasm: it begins with `{found}`, expected `\\0asm`")]
    NoWasm {
        /// Its first bytes.
        found: String,
    },
    /// Wasm of a version that is not known.
    #[error("the file is wasm of version {found}, expected a component of version 13")]
    Version {
        /// The version in its header.
        found: u32,
    },
    /// The end is missing.
    #[error("the component is truncated: it ends at byte {found}, within a section")]
    Truncated {
        /// Its bytes.
        found: usize,
    },
    /// Not valid, or of a feature that guests may not use.
    #[error("the component is not valid at byte {offset}: {reason}")]
    Invalid {
        /// Where.
        offset: usize,
        /// The validator's words, escaped.
        reason: String,
    },
    /// More of something than is compiled.
    #[error("the component has {found} {what}, limit is {allowed}")]
    Bound {
        /// What is counted.
        what: &'static str,
        /// How much of it.
        found: usize,
        /// The limit.
        allowed: usize,
    },
    /// It wants an operating system.
    #[error(
        "the component imports `{name}`: guests import no WASI; build it for \
         `wasm32-unknown-unknown`"
    )]
    WasiImport {
        /// The import, escaped.
        name: String,
    },
    /// It wants something that this host does not give.
    #[error("the component imports `{name}`; allowed is `{allowed}`")]
    ForeignImport {
        /// The import, escaped.
        name: String,
        /// The one interface that is given.
        allowed: String,
    },
    /// It speaks another version of the treaty.
    #[error("found `{found}`, this host takes {allowed}")]
    WrongVersion {
        /// The interface, escaped.
        found: String,
        /// The version of this host.
        allowed: &'static str,
    },
    /// It lacks the interface that every plugin has.
    #[error("the component does not export `{missing}`; it exports {found}")]
    MissingExport {
        /// The interface.
        missing: String,
        /// What it exports, escaped.
        found: String,
    },
    /// It exports what no host would call.
    #[error("the component exports `{name}`; allowed are {allowed}")]
    ForeignExport {
        /// The export, escaped.
        name: String,
        /// The interfaces of the treaty.
        allowed: String,
    },
}

/// Looks at a component in one pass.
///
/// # Errors
/// Names what is wrong with it, or what there is too much of.
pub fn inspect(bytes: &[u8]) -> Result<ComponentFacts, ComponentError> {
    check_header(bytes)?;
    let facts = Walk::default().run(bytes)?;
    check_imports(&facts.imports)?;
    check_exports(&facts.exports)?;
    Ok(facts)
}

fn check_header(bytes: &[u8]) -> Result<(), ComponentError> {
    if bytes.is_empty() {
        return Err(ComponentError::Empty);
    }
    if bytes.len() > limits::COMPONENT_BYTES_MAX {
        let allowed = limits::COMPONENT_BYTES_MAX;
        return Err(ComponentError::TooLarge { found: bytes.len(), allowed });
    }
    if bytes.starts_with(b"\x7fELF") {
        return Err(ComponentError::Native);
    }
    let Some(rest) = bytes.strip_prefix(b"\0asm") else {
        let is_cut = b"\0asm".starts_with(bytes);
        return Err(match std::str::from_utf8(&bytes[..bytes.len().min(512)]) {
            _ if is_cut => ComponentError::Truncated { found: bytes.len() },
            Ok(text) if !text.contains('\0') => ComponentError::Text,
            // A cut within a character is still text.
            Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => {
                ComponentError::Text
            }
            _ => ComponentError::NoWasm {
                found: bytes[..bytes.len().min(8)].escape_ascii().to_string(),
            },
        });
    };
    let Some(version) = rest.first_chunk::<4>() else {
        return Err(ComponentError::Truncated { found: bytes.len() });
    };
    match version {
        [0x0d, 0, 1, 0] => Ok(()),
        [_, _, 0, 0] => Err(ComponentError::CoreModule),
        _ => Err(ComponentError::Version { found: u32::from_le_bytes(*version) & 0xffff }),
    }
}

/// The pass over all sections, nested ones too.
#[derive(Default)]
struct Walk {
    facts: ComponentFacts,
    allocations: FuncValidatorAllocations,
    modules: usize,
    functions: usize,
    types: usize,
    depth: usize,
}

impl Walk {
    fn run(mut self, bytes: &[u8]) -> Result<ComponentFacts, ComponentError> {
        let mut validator = Validator::new_with_features(engine::FEATURES);
        let mut parser = Parser::new(0);
        parser.set_features(engine::FEATURES);
        let truncated = || ComponentError::Truncated { found: bytes.len() };
        // Where what is read ends, and what is around it with its end.
        let (mut at, mut end, mut outer) = (0, bytes.len(), Vec::new());
        loop {
            let (consumed, payload) = match parser.parse(&bytes[at..], at == end) {
                Ok(Chunk::Parsed { consumed, payload }) => (consumed, payload),
                Ok(Chunk::NeedMoreData(_)) => return Err(truncated()),
                Err(error) => return Err(invalid(error)),
            };
            at += consumed;
            self.depth = outer.len();
            self.count(&payload, bytes)?;
            let inner_end = match &payload {
                Payload::ModuleSection { unchecked_range, .. }
                | Payload::ComponentSection { unchecked_range, .. } => unchecked_range.end,
                _ => at,
            };
            if inner_end > bytes.len() {
                return Err(truncated());
            }
            match validator.payload(&payload).map_err(invalid)? {
                ValidPayload::Ok => {}
                ValidPayload::Func(function, body) => self.check_function(function, &body)?,
                ValidPayload::Parser(inner) => {
                    outer.push((std::mem::replace(&mut parser, inner), end));
                    end = inner_end;
                }
                ValidPayload::End(_) => match outer.pop() {
                    Some(around) => (parser, end) = around,
                    None => return Ok(self.facts),
                },
            }
        }
    }

    /// Looks at a section before the validator reads what is in it.
    fn count(&mut self, payload: &Payload<'_>, bytes: &[u8]) -> Result<(), ComponentError> {
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } => {
                self.modules += 1;
                bound("core modules", self.modules, limits::COMPONENT_MODULES_MAX)
            }
            Payload::Version { encoding: Encoding::Component, .. } => {
                bound("components within components", self.depth, limits::COMPONENT_NESTING_MAX)
            }
            Payload::FunctionSection(section) => {
                self.functions = self.functions.saturating_add(section.count() as usize);
                bound("functions", self.functions, limits::COMPONENT_FUNCTIONS_MAX)
            }
            Payload::TypeSection(section) => self.count_types(section.count()),
            Payload::CoreTypeSection(section) => self.count_types(section.count()),
            Payload::ComponentTypeSection(section) => {
                self.count_types(section.count())?;
                let inner = inner_types(bytes.get(section.range()).unwrap_or_default());
                bound("types within types", inner, limits::COMPONENT_INNER_TYPES_MAX)
            }
            Payload::ImportSection(section) => bound_names("imports", 0, section.count()),
            Payload::ExportSection(section) => bound_names("exports", 0, section.count()),
            Payload::ComponentImportSection(section) => {
                // A component may have several such sections.
                bound_names("imports", self.facts.imports.len(), section.count())?;
                for import in section.clone() {
                    let name = import.map_err(invalid)?.name.name;
                    self.note(name, |facts| &mut facts.imports);
                }
                Ok(())
            }
            Payload::ComponentExportSection(section) => {
                bound_names("exports", self.facts.exports.len(), section.count())?;
                for export in section.clone() {
                    let name = export.map_err(invalid)?.name.name;
                    self.note(name, |facts| &mut facts.exports);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn count_types(&mut self, count: u32) -> Result<(), ComponentError> {
        self.types = self.types.saturating_add(count as usize);
        bound("types", self.types, limits::COMPONENT_TYPES_MAX)
    }

    /// Names of nested components are their own affair.
    fn note(&mut self, name: &str, list: impl Fn(&mut ComponentFacts) -> &mut Vec<String>) {
        if self.depth == 0 {
            list(&mut self.facts).push(name.to_owned());
        }
    }

    fn check_function(
        &mut self,
        function: FuncToValidate<ValidatorResources>,
        body: &FunctionBody<'_>,
    ) -> Result<(), ComponentError> {
        let bytes = body.range().len();
        bound("bytes in one function", bytes, limits::FUNCTION_BYTES_MAX)?;
        let mut validator = function.into_validator(std::mem::take(&mut self.allocations));
        let mut reader = body.get_binary_reader();
        reader.set_features(engine::FEATURES);
        validator.read_locals(&mut reader).map_err(invalid)?;
        let locals = validator.len_locals() as usize;
        bound("locals in one function", locals, limits::FUNCTION_LOCALS_MAX as usize)?;
        let mut deepest = 0;
        while !reader.eof() {
            let position = reader.original_position();
            reader
                .visit_operator(&mut validator.visitor(position))
                .and_then(|checked| checked)
                .map_err(invalid)?;
            deepest = deepest.max(validator.control_stack_height());
        }
        let position = reader.original_position();
        reader.finish_expression(&validator.visitor(position)).map_err(invalid)?;
        self.allocations = validator.into_allocations();
        let allowed = limits::FUNCTION_NESTING_MAX as usize;
        bound("blocks within blocks", deepest as usize, allowed)
    }
}

/// Types of components and instances that stand within another type, or a few more: a declaration
/// (1) of a type of a component or an instance (0x41, 0x42). Not parsed, since parsing recurses.
fn inner_types(section: &[u8]) -> usize {
    section.windows(2).filter(|pair| matches!(pair, [1, 0x41 | 0x42])).count()
}

fn bound(what: &'static str, found: usize, allowed: usize) -> Result<(), ComponentError> {
    if found <= allowed {
        return Ok(());
    }
    Err(ComponentError::Bound { what, found, allowed })
}

fn bound_names(what: &'static str, before: usize, count: u32) -> Result<(), ComponentError> {
    let found = before.saturating_add(count as usize);
    bound(what, found, limits::COMPONENT_NAMES_MAX as usize)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of `map_err`")]
fn invalid(error: wasmparser::BinaryReaderError) -> ComponentError {
    let reason = escape(error.message(), limits::GUEST_TEXT_BYTES_MAX);
    ComponentError::Invalid { offset: error.offset(), reason }
}

fn shown(name: &str) -> String {
    escape(name, 2 * limits::NAME_BYTES_MAX)
}

/// An interface of the treaty, without its version; the version must be ours.
fn interface(name: &str) -> Result<Option<&str>, ComponentError> {
    let Some((interface, version)) =
        name.strip_prefix(bindings::PACKAGE).and_then(|rest| rest.split_once('@'))
    else {
        return Ok(None);
    };
    if version != bindings::VERSION {
        let allowed = bindings::VERSION;
        return Err(ComponentError::WrongVersion { found: shown(name), allowed });
    }
    Ok(Some(interface))
}

fn check_imports(imports: &[String]) -> Result<(), ComponentError> {
    for name in imports {
        match interface(name)? {
            Some("host" | "types") => {}
            _ if name.starts_with("wasi:") => {
                return Err(ComponentError::WasiImport { name: shown(name) });
            }
            _ => {
                let allowed = bindings::interface("host");
                return Err(ComponentError::ForeignImport { name: shown(name), allowed });
            }
        }
    }
    Ok(())
}

fn check_exports(exports: &[String]) -> Result<(), ComponentError> {
    let mut has_operators = false;
    for name in exports {
        match interface(name)? {
            Some("operators") => has_operators = true,
            Some("folds" | "stateful" | "types") => {}
            _ => {
                let allowed = ["operators", "folds", "stateful"]
                    .map(|i| format!("`{}`", bindings::interface(i)));
                let (name, allowed) = (shown(name), allowed.join(", "));
                return Err(ComponentError::ForeignExport { name, allowed });
            }
        }
    }
    if has_operators {
        return Ok(());
    }
    let found = match exports {
        [] => "nothing".to_owned(),
        some => {
            some.iter().take(8).map(|n| format!("`{}`", shown(n))).collect::<Vec<_>>().join(", ")
        }
    };
    Err(ComponentError::MissingExport { missing: bindings::interface("operators"), found })
}

impl ComponentFacts {
    /// Whether it exports the interface of the treaty.
    pub fn exports_interface(&self, interface: &str) -> bool {
        self.exports.contains(&bindings::interface(interface))
    }
}

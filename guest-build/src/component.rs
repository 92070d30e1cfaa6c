//! From a core module that carries its treaty to a checked component.
//!
//! Takes a module's bytes. Gives a component's, validated. Never runs guest code, and never lets a
//! plugin through that imports more than the treaty's host interface.

use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

use crate::error::BuildError;

/// What every plugin exports, and part of the name of the functions in it.
const EXPORTED: &str = "tidemill:plugin/operators";
/// What a component may import: calls to the host, and the types these use.
const IMPORTED: [&str; 2] = ["tidemill:plugin/host@", "tidemill:plugin/types@"];

/// Makes a component of a core module, whatever language it was written in. `package` names it in
/// messages.
///
/// # Errors
/// When the module exports no operators, does not keep the treaty it carries, or imports more than
/// a plugin may.
pub fn encode_component(package: &str, module: &[u8]) -> Result<Vec<u8>, BuildError> {
    if !exports_operators(package, module)? {
        return Err(BuildError::NoOperators { package: package.to_owned() });
    }
    let component = ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| refused(package, &format!("{error:#}")))?;
    let outside = Outside::of(package, &component)?;
    if !outside.exports.iter().any(|name| name.starts_with(EXPORTED)) {
        return Err(BuildError::NoOperators { package: package.to_owned() });
    }
    let allowed = |name: &String| IMPORTED.iter().any(|prefix| name.starts_with(prefix));
    match outside.imports.into_iter().find(|name| !allowed(name)) {
        Some(import) => Err(BuildError::ForeignImport { package: package.to_owned(), import }),
        None => Ok(component),
    }
}

/// What a component asks for and offers.
#[derive(Debug, Default)]
struct Outside {
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Outside {
    fn of(package: &str, component: &[u8]) -> Result<Self, BuildError> {
        let mut outside = Self::default();
        // Inner components and modules have imports of their own, which the outer one satisfies.
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(component) {
            match payload.map_err(|e| refused(package, &e))? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(imports) if depth == 0 => {
                    for import in imports {
                        let import = import.map_err(|e| refused(package, &e))?;
                        outside.imports.push(import.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(exports) if depth == 0 => {
                    for export in exports {
                        let export = export.map_err(|e| refused(package, &e))?;
                        outside.exports.push(export.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(outside)
    }
}

/// Whether the module has the functions at all: the encoder's own words for a missing one name
/// what an author has never heard of.
fn exports_operators(package: &str, module: &[u8]) -> Result<bool, BuildError> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ExportSection(exports) = payload.map_err(|e| refused(package, &e))? {
            for export in exports {
                if export.map_err(|e| refused(package, &e))?.name.contains(EXPORTED) {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

fn refused(package: &str, message: &impl ToString) -> BuildError {
    let message = message.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    BuildError::Encode { package: package.to_owned(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_refused(module: &[u8], expected: &str) {
        let error = encode_component("words", module).expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn what_is_no_plugin_is_refused() {
        check_refused(b"text", "cannot be made a component");
        check_refused(b"\0asm\x01\0\0\0", "exports no operators");
    }

    #[test]
    fn export_without_the_treaty_is_refused() {
        let name = b"tidemill:plugin/operators@0.1.0#describe";
        // One function type, one function, one export of it, one empty body.
        let mut module = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0".to_vec();
        let length = u8::try_from(name.len()).expect("short");
        module.extend([7, length + 4, 1, length]);
        module.extend(name);
        module.extend([0, 0, 10, 4, 1, 2, 0, 0x0b]);
        check_refused(&module, "exports no operators");
    }
}

//! Cli: `plugin check`.
//!
//! Takes a plugin. Gives everything that is known of it, for people. Never calls an operator.

use std::io::{self, Write};
use std::path::Path;

use tidemill::model::description::{Binding, OperatorDescription};
use tidemill::model::parameter::Parameter;
use tidemill::model::stateful::StateDescription;
use tidemill::wasm::plugin::Plugin;

use super::component::load;
use crate::cli::exit::ENDED;
use tidemill::model::text::grouped;

/// Shows what a plugin holds.
///
/// # Errors
/// When it does not load.
pub fn check(named: &Path, out: &mut dyn Write) -> anyhow::Result<u8> {
    let loaded = load(named)?;
    writeln!(out, "component  {}", loaded.file.display())?;
    write_plugin(&loaded.plugin, out)?;
    for operator in &loaded.plugin.description().operators {
        writeln!(out)?;
        write_operator(operator, out)?;
    }
    Ok(ENDED)
}

fn write_plugin(plugin: &Plugin, out: &mut dyn Write) -> io::Result<()> {
    let description = plugin.description();
    let imports = plugin.imports();
    // Every plugin imports the treaty's types, under the version it was built for.
    let treaty = imports.iter().find_map(|import| import.split_once('@')).map_or("-", |it| it.1);
    writeln!(out, "digest     {}", plugin.digest())?;
    writeln!(out, "size       {} bytes", grouped(plugin.bytes_len() as u64))?;
    writeln!(out, "treaty     tidemill:plugin {treaty}")?;
    writeln!(
        out,
        "imports    {}",
        if imports.is_empty() { "-".into() } else { imports.join(", ") }
    )?;
    writeln!(out, "plugin     {} {}", description.name, description.version)?;
    write_doc(&description.doc, "           ", out)?;
    writeln!(out, "chains     {}", if description.chains { "yes" } else { "no" })
}

fn write_operator(operator: &OperatorDescription, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{} {}", operator.kind, operator.name)?;
    write_doc(&operator.doc, "  ", out)?;
    writeln!(out, "  input      {} ({})", operator.input, found(operator.binding))?;
    writeln!(out, "  output     {}", operator.output)?;
    if let Some(StateDescription { schema, version }) = &operator.state {
        writeln!(out, "  state      {schema} (state_version {version})")?;
    }
    for wanted in &operator.broadcasts {
        let (name, columns, found) = (&wanted.name, &wanted.schema, found(wanted.binding));
        writeln!(out, "  broadcast  {name}: {columns} ({found})")?;
    }
    operator.parameters.iter().try_for_each(|parameter| write_parameter(parameter, out))
}

/// How columns are found.
fn found(binding: Binding) -> &'static str {
    match binding {
        Binding::Position => "by position",
        Binding::Name => "by name",
    }
}

fn write_parameter(parameter: &Parameter, out: &mut dyn Write) -> io::Result<()> {
    let default = match &parameter.default {
        Some(default) => format!(" = {default}"),
        None => ", required".to_owned(),
    };
    writeln!(out, "  parameter  {}: {}{default}", parameter.name, parameter.data_type.word())?;
    write_doc(&parameter.doc, "             ", out)
}

fn write_doc(doc: &str, indent: &str, out: &mut dyn Write) -> io::Result<()> {
    doc.lines().try_for_each(|line| writeln!(out, "{}", format!("{indent}{line}").trim_end()))
}

//! The sections of clients, all roles of them: as they stand in a document, read into a plan, and printed.

use super::list::each_section;
use crate::plan::Plan;
use crate::scenario::draft::{Draft, RoleSection as _};
use crate::scenario::fields::Fields;
use crate::scenario::printer::Printer;
use crate::scenario::problem::Complaint;
use crate::scenario::table::section::Section;

macro_rules! sections {
    ($($role:ident, $module:ident, $list:ident, $word:literal, $lane:ident, $doc:literal;)*) => {
        /// Clients as they stand in a document.
        #[derive(Clone, Debug)]
        pub(crate) struct Clients { $(pub $list: Vec<Fields>,)* }

        /// The sections, in the order in which they are read and printed.
        pub(crate) const SECTIONS: [&Section; [$($word),*].len()] = [$(super::$module::keys::$role::SECTION),*];

        /// What stands between `[[` and `]]`.
        pub(crate) const WORDS: [&str; SECTIONS.len()] = [$($word),*];

        impl Clients {
            /// Takes them out of a document.
            pub fn take(top: &mut Fields) -> Result<Clients, Complaint> {
                Ok(Clients { $($list: top.take_tables($word)?,)* })
            }

            /// Each section with what stands in it.
            pub fn lists(&self) -> [(&'static Section, &[Fields]); SECTIONS.len()] {
                [$((super::$module::keys::$role::SECTION, &self.$list[..]),)*]
            }

            /// Each section with what stands in it.
            pub fn lists_mut(&mut self) -> [(&'static Section, &mut Vec<Fields>); SECTIONS.len()] {
                [$((super::$module::keys::$role::SECTION, &mut self.$list),)*]
            }

            /// Reads those that are not left out into the plan.
            pub fn assemble(&self, draft: &mut Draft<'_>) -> Result<(), Complaint> {
                $(for (index, fields) in self.$list.iter().enumerate() {
                    if fields.boolean("enabled")? != Some(false) {
                        super::$module::keys::$role::assemble(fields, index, draft)?;
                    }
                })*
                Ok(())
            }
        }

        /// Prints the clients of a plan.
        pub(crate) fn print(plan: &Plan, out: &mut Printer) {
            $(super::$module::keys::$role::print(plan, out);)*
        }
    };
}
each_section!(sections);
